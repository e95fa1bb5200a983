import { open, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'

const REFUSALS: Record<string, Reason> = {
  ENOENT: because('file-missing'),
  ENOTDIR: because('file-below-file'),
  EACCES: because('path-not-readable'),
  EPERM: because('path-not-readable'),
  ELOOP: because('path-link-circle'),
  ENAMETOOLONG: because('file-name-long'),
}

const unusable = (path: string, reason: Reason) => new RpcError('file-unusable', { path, reason })

/** Refuses, before anything is built, what can be no input at all. Throws `file-unusable`. */
export async function checkInputFile(path: string): Promise<void> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw unusable(path, because('path-is-directory'))
    // Looked at before it is opened, because opening a named pipe waits for its other end.
    if (!found.isFile()) throw unusable(path, because('path-is-device'))
    if (found.size === 0) throw unusable(path, because('path-empty'))
    await (await open(path, 'r')).close()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw Object.hasOwn(REFUSALS, code) ? unusable(path, REFUSALS[code]!) : error
  }
}

/** Refuses a file to be written whose folder is not there, or that is a folder. Nothing is created. */
export async function checkOutputFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) throw unusable(path, because('path-is-directory'))
  const folder = dirname(resolve(path))
  if (!(await stat(folder).catch(() => null))?.isDirectory())
    throw unusable(path, because('path-folder-missing', { folder }))
}

import { open, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { technical } from '../../engine/protocol/reasons.ts'

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file; check the name',
  ENOTDIR: 'there is no such file; a folder of its path is a file',
  EACCES: 'it may not be read (permission denied); change its permissions',
  EPERM: 'it may not be read (permission denied); change its permissions',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
}

const unusable = (path: string, reason: string) =>
  new RpcError('file-unusable', { path, reason: technical(reason) })

/** Refuses, before anything is built, what can be no input at all. Throws `file-unusable`. */
export async function checkInputFile(path: string): Promise<void> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw unusable(path, 'it is a directory; name a file in it')
    // Looked at before it is opened, because opening a named pipe waits for its other end.
    if (!found.isFile()) throw unusable(path, 'it is a device or pipe; name an ordinary file')
    if (found.size === 0) throw unusable(path, 'it is empty; give a file with contents')
    await (await open(path, 'r')).close()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw Object.hasOwn(REASONS, code) ? unusable(path, REASONS[code]!) : error
  }
}

/** Refuses a file to be written whose folder is not there, or that is a folder. Nothing is created. */
export async function checkOutputFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) throw unusable(path, 'it is a directory; name a file in it')
  const folder = dirname(resolve(path))
  if (!(await stat(folder).catch(() => null))?.isDirectory())
    throw unusable(path, `there is no folder ${folder}; make it first`)
}

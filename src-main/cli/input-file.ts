import { open, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { RpcError } from '../../engine/protocol/rpc.ts'

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'it may not be read (permission denied)',
  EPERM: 'it may not be read (permission denied)',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
}

const unusable = (path: string, reason: string) => new RpcError('file-unusable', { path, reason })

/** Refuses, before anything is built, what can be no input at all. Throws `file-unusable`. */
export async function checkInputFile(path: string): Promise<void> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw unusable(path, 'it is a directory, not a file')
    if (found.isFile() && found.size === 0) throw unusable(path, 'it is empty')
    await (await open(path, 'r')).close()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw Object.hasOwn(REASONS, code) ? unusable(path, REASONS[code]!) : error
  }
}

/** Refuses a file to be written whose folder is not there, or that is a folder. Nothing is created. */
export async function checkOutputFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) throw unusable(path, 'it is a directory, not a file')
  const folder = dirname(resolve(path))
  if (!(await stat(folder).catch(() => null))?.isDirectory())
    throw unusable(path, `there is no folder ${folder}`)
}

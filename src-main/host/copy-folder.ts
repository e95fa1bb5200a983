import { mkdir, readdir, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CallTask } from '../../engine/protocol/rpc.ts'
import { copyFile } from './copy-file.ts'

/**
 * Copies the files of a folder and of the folders in it into one that is there, with their times: what knows an image
 * again goes by them. Links to files become files; links to folders, sockets and the like are left out.
 *
 * @param leavesOut by their path from the folder on. Throws `cancelled`.
 */
export async function copyFolder(
  from: string,
  to: string,
  leavesOut: (path: string) => boolean,
  { signal, progress }: CallTask,
): Promise<void> {
  const names = await readdir(from, { recursive: true, withFileTypes: true })
  const found = await Promise.all(
    names
      .filter((name) => name.isFile() || name.isSymbolicLink())
      .map(async ({ parentPath, name }) => {
        const path = join(parentPath, name).slice(from.length + 1)
        const status = await stat(join(from, path)).catch(() => null) // a link may lead nowhere
        return { path, status }
      }),
  )
  const files = found.flatMap(({ path, status }) =>
    status?.isFile() && !leavesOut(path) ? [{ path, status }] : [],
  )
  const total = files.reduce((sum, { status }) => sum + status.size, 0)
  let done = 0
  for (const { path, status } of files) {
    const target = join(to, path)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    const told = (part: number): void => progress(total === 0 ? 1 : (done + part * status.size) / total)
    await copyFile(join(from, path), target, { signal, progress: told })
    await utimes(target, status.atime, status.mtime)
    done += status.size
    told(0)
  }
}

import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Opens an address in the user's browser. @returns whether there is a screen and a program for it */
export const openAddress = (address: string): Promise<boolean> =>
  process.platform === 'win32' ? run('cmd', ['/c', 'start', '', address]) : openByDesktop(address)

/** Opens a folder in the user's file manager. @returns whether there is a screen and a program for it */
export const openFolder = (path: string): Promise<boolean> =>
  process.platform === 'win32' ? run('explorer', [path]) : openByDesktop(path)

async function openByDesktop(what: string): Promise<boolean> {
  const { platform, env } = process
  if (platform === 'darwin') return run('open', [what])
  if (!env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return false
  const folders = (env['PATH'] ?? '').split(delimiter)
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, 'xdg-open')).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true) && run('xdg-open', [what])
}

/** @returns whether it could be started */
function run(program: string, args: string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'ignore', detached: true })
  child.unref()
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
}

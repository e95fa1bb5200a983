import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds the library: VITRINE_HOME, else where the platform keeps an application's data. */
export function libraryFolder(
  environment: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): string {
  const { VITRINE_HOME, XDG_DATA_HOME, APPDATA } = environment
  if (VITRINE_HOME) return resolve(VITRINE_HOME)
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Vitrine')
  if (platform === 'win32') return join(APPDATA || join(homedir(), 'AppData', 'Roaming'), 'Vitrine')
  // The specification says that a relative XDG_DATA_HOME is to be ignored.
  const data = XDG_DATA_HOME?.startsWith('/') ? XDG_DATA_HOME : join(homedir(), '.local', 'share')
  return join(data, 'vitrine')
}

/** A file of the build. All bundles lie exactly one folder below its root. */
export const bundled = (...parts: string[]): string =>
  join(dirname(fileURLToPath(import.meta.url)), '..', ...parts)

/** Of this program, from its package. */
export function version(): string {
  const { version } = JSON.parse(readFileSync(bundled('..', 'package.json'), 'utf8')) as { version: string }
  return version
}

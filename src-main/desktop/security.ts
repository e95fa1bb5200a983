import type { Session } from 'electron'
import { APP_ORIGIN } from './scheme.ts'

/** Command-line switches by which a crafted shortcut could run programs or look into the application. */
const FORBIDDEN_SWITCHES = [
  /^--remote-debugging-/,
  /^--[a-z-]+-cmd-prefix\b/,
  /^--gpu-launcher\b/,
  /^--browser-subprocess-path\b/,
  /^--inspect/,
]

export const hasForbiddenSwitch = (argv: readonly string[]): boolean =>
  argv.some((argument) => FORBIDDEN_SWITCHES.some((pattern) => pattern.test(argument)))

/** What the interface itself needs: to catch the pointer, to fill the screen, to copy text out and to type pasted text in. */
const GRANTED = new Set([
  'pointerLock',
  'fullscreen',
  'keyboardLock',
  'clipboard-sanitized-write',
  'clipboard-read',
])

export function refusePermissions(session: Session): void {
  const mayHave = (permission: string, origin: string) => GRANTED.has(permission) && origin === APP_ORIGIN
  session.setPermissionRequestHandler((contents, permission, answer) =>
    answer(mayHave(permission, originOf(contents.getURL()))),
  )
  session.setPermissionCheckHandler((_contents, permission, origin) => mayHave(permission, originOf(origin)))
}

/** Scheme and host; the standard `origin` of a private scheme is "null". */
export function originOf(url: string): string {
  try {
    const { protocol, host } = new URL(url)
    return `${protocol}//${host}`
  } catch {
    return ''
  }
}

import { keyByName } from '../../engine/protocol/keyboard.ts'
import { UsageError } from './usage-error.ts'

/** One thing that a run does by itself: the argument of `--do`. */
export type Step =
  | { kind: 'wait'; pattern: RegExp }
  | { kind: 'type'; text: string }
  | { kind: 'key'; codes: string[] }
  | { kind: 'mouse'; dx: number; dy: number; buttons: number }
  | { kind: 'sleep'; ms: number }
  | { kind: 'screenshot' | 'text' | 'save-state' | 'stats'; path: string }
  | { kind: 'eject'; drive: string }
  | { kind: 'insert'; drive: string; path: string }
  | { kind: 'power-off' }

export const STEP_HELP = `Steps, given with --do and done in order:
  wait:REGEX            until the screen's text or the serial output matches
  type:TEXT             types on a US keyboard; \\n is Enter, \\t Tab, \\e Escape, \\\\ a backslash
  key:NAME[+NAME]       presses keys together: ctrl+alt+del, F2, enter, KeyA
  mouse:DX,DY[,BUTTONS] moves, with BUTTONS held until the next mouse step (1 left, 2 right, 4 middle)
  sleep:MS              waits
  screenshot:FILE.png   writes the picture
  text:FILE             writes the screen's text
  eject:DRIVE           takes the medium out of floppy0, ide1-master, ...
  insert:DRIVE=FILE     puts one in
  save-state:FILE       writes the whole state, for --restore-state
  stats:FILE.json       writes counters
  power-off             ends the run`

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', e: '\x1b', b: '\b', '\\': '\\' }
const unescape = (text: string): string =>
  text.replace(/\\(.)/gs, (whole, letter: string) => ESCAPES[letter] ?? whole)

/** Reads a step. Throws `UsageError`. */
export function parseStep(text: string): Step {
  const colon = text.indexOf(':')
  const kind = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  const wrong = (reason: string) => new UsageError(`--do ${text}: ${reason}`)
  const needed = (what: string): string => {
    if (!rest) throw wrong(`${what} is missing after "${kind}:"`)
    return rest
  }
  switch (kind) {
    case 'wait':
      try {
        return { kind, pattern: new RegExp(needed('a pattern'), 'm') }
      } catch (error) {
        throw error instanceof UsageError ? error : wrong((error as Error).message)
      }
    case 'type':
      return { kind, text: unescape(needed('the text')) }
    case 'key': {
      const names = needed('a key').split('+')
      const codes = names.map((name) => {
        const code = keyByName(name)
        if (!code) throw wrong(`there is no key "${name}"`)
        return code
      })
      return { kind, codes }
    }
    case 'mouse': {
      const numbers = needed('the motion').split(',').map(Number)
      const [dx, dy, buttons = 0] = numbers
      if (dx === undefined || dy === undefined || numbers.length > 3 || !numbers.every(Number.isInteger))
        throw wrong('it reads mouse:DX,DY[,BUTTONS] with whole numbers')
      if (buttons < 0 || buttons > 31) throw wrong('the buttons are a sum of 1 left, 2 right, 4 middle')
      return { kind, dx, dy, buttons }
    }
    case 'sleep': {
      const ms = Number(needed('the time'))
      if (!(ms >= 0)) throw wrong('the time is a number of milliseconds')
      return { kind, ms }
    }
    case 'screenshot':
    case 'text':
    case 'save-state':
    case 'stats':
      return { kind, path: needed('the file') }
    case 'eject':
      return { kind, drive: needed('the drive') }
    case 'insert': {
      const equals = needed('the drive').indexOf('=')
      if (equals < 1 || equals === rest.length - 1) throw wrong('it reads insert:DRIVE=FILE')
      return { kind, drive: rest.slice(0, equals), path: rest.slice(equals + 1) }
    }
    case 'power-off':
      return { kind }
    default:
      throw wrong('there is no such step; vitrine run --help lists them')
  }
}

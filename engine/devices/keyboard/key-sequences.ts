import { Set2Translator } from '../i8042/translation.ts'
import { KEY_BREAKS, type ScanCode } from './scan-codes.ts'

/** What a keyboard knows of itself when it composes a sequence. */
export interface Modifiers {
  shiftLeft: boolean
  shiftRight: boolean
  control: boolean
  alt: boolean
  numLock: boolean
}

const EXTENDED = 0xe0
const BREAK = 0xf0
const SHIFT_LEFT = 0x12
const SHIFT_RIGHT = 0x59

/**
 * Keys that the 83-key keyboard had only on its number pad: for its programs the newer keyboard pretends around
 * them that the shift keys suit.
 */
const NAVIGATION = new Set([
  'Insert',
  'Delete',
  'Home',
  'End',
  'PageUp',
  'PageDown',
  'ArrowUp',
  'ArrowLeft',
  'ArrowDown',
  'ArrowRight',
])
/** Korean language keys: they send their make code only. */
const MAKE_ONLY = new Set(['Lang1', 'Lang2'])

/**
 * The bytes that a key sends.
 * @param keyTypes behaviour of the keys in set 3, by code
 * @returns nothing where the key has no code in that set, or does not report its release
 */
export function keySequence(
  set: 1 | 2 | 3,
  key: string,
  scanCode: ScanCode,
  pressed: boolean,
  modifiers: Modifiers,
  keyTypes: Uint8Array,
): number[] {
  if (set === 3) {
    const { set3 } = scanCode
    if (set3 === 0) return []
    if (pressed) return [set3]
    return keyTypes[set3]! & KEY_BREAKS ? [BREAK, set3] : []
  }
  const sequence = set2Sequence(key, scanCode, pressed, modifiers)
  if (set === 2) return sequence
  const translator = new Set2Translator()
  return sequence.map((byte) => translator.translate(byte)).filter((byte) => byte !== null)
}

function set2Sequence(key: string, scanCode: ScanCode, pressed: boolean, modifiers: Modifiers): number[] {
  if (key === 'Pause') return pressed ? pauseSequence(modifiers) : []
  if (key === 'PrintScreen') return printScreenSequence(pressed, modifiers)
  if (!pressed && MAKE_ONLY.has(key)) return []
  const code = scanCode.set2 & 0xff
  const extended = scanCode.set2 > 0xff
  const own = extended
    ? pressed
      ? [EXTENDED, code]
      : [EXTENDED, BREAK, code]
    : pressed
      ? [code]
      : [BREAK, code]
  const shifts = fakeShifts(key, modifiers)
  if (shifts.length === 0) return own
  return pressed
    ? [...shifts.flatMap(({ code: shift, make }) => fakeShift(shift, make)), ...own]
    : [...own, ...shifts.toReversed().flatMap(({ code: shift, make }) => fakeShift(shift, !make))]
}

const fakeShift = (code: number, make: boolean) => (make ? [EXTENDED, code] : [EXTENDED, BREAK, code])

/** Which shift keys to pretend to press (`make`) or let go before the key. */
function fakeShifts(key: string, modifiers: Modifiers): { code: number; make: boolean }[] {
  const { shiftLeft, shiftRight, numLock } = modifiers
  const release = [
    ...(shiftLeft ? [{ code: SHIFT_LEFT, make: false }] : []),
    ...(shiftRight ? [{ code: SHIFT_RIGHT, make: false }] : []),
  ]
  if (key === 'NumpadDivide') return release
  if (!NAVIGATION.has(key)) return []
  if (!numLock) return release
  return release.length > 0 ? [] : [{ code: SHIFT_LEFT, make: true }]
}

/** Pause tells make and break at once and never repeats; with Ctrl it is Break. */
function pauseSequence({ control }: Modifiers): number[] {
  return control
    ? [EXTENDED, 0x7e, EXTENDED, BREAK, 0x7e]
    : [0xe1, 0x14, 0x77, 0xe1, BREAK, 0x14, BREAK, 0x77]
}

/** PrintScreen was Shift with * before it had a key of its own, and with Alt it is SysRq. */
function printScreenSequence(pressed: boolean, modifiers: Modifiers): number[] {
  const { shiftLeft, shiftRight, control, alt } = modifiers
  if (alt) return pressed ? [0x84] : [BREAK, 0x84]
  const own = pressed ? [EXTENDED, 0x7c] : [EXTENDED, BREAK, 0x7c]
  if (shiftLeft || shiftRight || control) return own
  return pressed ? [...fakeShift(SHIFT_LEFT, true), ...own] : [...own, ...fakeShift(SHIFT_LEFT, false)]
}

import { read, readByte, type Service, write, writeByte } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import { storeKey } from './buffer.ts'
import { EXTENDED_KEYS, isKeypad, KEY_MAP } from './key-map.ts'

/** What the ROM's IRQ 1 handler does after this, by AH: see irq1 in rom/bios.asm. */
const ACTION = { none: 0, posted: 1, break: 2, printScreen: 3, systemRequest: 4, reset: 5, pause: 6 } as const

// 40:17
const RIGHT_SHIFT = 0x01
const LEFT_SHIFT = 0x02
const CTRL = 0x04
const ALT = 0x08
const SCROLL_LOCK = 0x10
const NUM_LOCK = 0x20
const CAPS_LOCK = 0x40
const INSERT = 0x80
// 40:18: these keys are down
const HELD = {
  leftCtrl: 0x01,
  leftAlt: 0x02,
  sysRq: 0x04,
  paused: 0x08,
  scroll: 0x10,
  num: 0x20,
  caps: 0x40,
  insert: 0x80,
}
// 40:96
const E1_PREFIX = 0x01
const E0_PREFIX = 0x02
const RIGHT_CTRL = 0x04
const RIGHT_ALT = 0x08

const BREAK = 0x80
const MAX_REPLY = 0xfa

/** The keyboard's part of the data area. */
interface Flags {
  shift: number
  held: number
  mode: number
}

/** One byte of the keyboard, in AL. The ROM has read it, offered it to INT 15h/4Fh and acknowledges it. */
export function* keyboardInterrupt(r: Registers): Service<Outcome> {
  const bytes = yield* read(BDA_SEGMENT, BDA.shiftFlags, 2)
  const mode = yield* readByte(BDA_SEGMENT, BDA.keyboardMode)
  const flags: Flags = { shift: bytes[0]!, held: bytes[1]!, mode }
  const before = { ...flags }
  r.ah = yield* handle(r.al, flags, r)
  if (flags.shift !== before.shift || flags.held !== before.held)
    yield* write(BDA_SEGMENT, BDA.shiftFlags, Uint8Array.of(flags.shift, flags.held))
  if (flags.mode !== before.mode) yield* writeByte(BDA_SEGMENT, BDA.keyboardMode, flags.mode)
  return DONE
}

function* handle(code: number, flags: Flags, r: Registers): Service<number> {
  if (code === 0xe0) {
    flags.mode |= E0_PREFIX
    return ACTION.none
  }
  if (code === 0xe1) {
    flags.mode |= E1_PREFIX
    return ACTION.none
  }
  if (code === 0 || (code >= MAX_REPLY && code !== 0xff)) return ACTION.none // ACK, RESEND, BAT
  const extended = (flags.mode & E0_PREFIX) !== 0
  const afterE1 = (flags.mode & E1_PREFIX) !== 0
  const pressed = !(code & BREAK)
  const key = code & 0x7f
  if (afterE1) {
    // Pause is E1 1D 45 E1 9D C5: its second byte looks like Ctrl, and the third ends it.
    if (key === 0x1d) return ACTION.none
    flags.mode &= ~E1_PREFIX
    if (key !== 0x45 || !pressed || flags.held & HELD.paused) return ACTION.none
    flags.held |= HELD.paused
    return ACTION.pause
  }
  flags.mode &= ~(E0_PREFIX | E1_PREFIX)
  const modifier = modifierKey(key, pressed, extended, flags)
  if (modifier === 'handled') return ACTION.none
  if (key === 0x38 && !pressed) return yield* endAltNumber(flags)
  if (!pressed) return releaseOf(key, flags, r)
  return yield* press(key, extended, flags, r)
}

/** Shift, Ctrl, Alt and the locks. Alt's release is left to the caller, for the number typed with it. */
function modifierKey(key: number, pressed: boolean, extended: boolean, flags: Flags): 'handled' | 'other' {
  const setShift = (bit: number) => (flags.shift = pressed ? flags.shift | bit : flags.shift & ~bit)
  const setHeld = (bit: number) => (flags.held = pressed ? flags.held | bit : flags.held & ~bit)
  const setMode = (bit: number) => (flags.mode = pressed ? flags.mode | bit : flags.mode & ~bit)
  const lock = (bit: number, held: number): 'handled' => {
    if (pressed && !(flags.held & held)) flags.shift ^= bit
    setHeld(held)
    return 'handled'
  }
  switch (key) {
    case 0x2a:
      if (!extended) setShift(LEFT_SHIFT) // with a prefix: filler around the grey keys
      return 'handled'
    case 0x36:
      if (!extended) setShift(RIGHT_SHIFT)
      return 'handled'
    case 0x1d: {
      if (extended) setMode(RIGHT_CTRL)
      else setHeld(HELD.leftCtrl)
      const any = flags.mode & RIGHT_CTRL || flags.held & HELD.leftCtrl
      flags.shift = any ? flags.shift | CTRL : flags.shift & ~CTRL
      return 'handled'
    }
    case 0x38: {
      if (extended) setMode(RIGHT_ALT)
      else setHeld(HELD.leftAlt)
      const any = flags.mode & RIGHT_ALT || flags.held & HELD.leftAlt
      flags.shift = any ? flags.shift | ALT : flags.shift & ~ALT
      return pressed ? 'handled' : 'other'
    }
    case 0x3a:
      return lock(CAPS_LOCK, HELD.caps)
    case 0x45:
      // Ctrl and Num Lock is Pause on an 83-key keyboard; the caller sees it as a key.
      if (flags.shift & CTRL && !extended) return 'other'
      return lock(NUM_LOCK, HELD.num)
    case 0x46:
      if (flags.shift & CTRL || extended) return 'other'
      return lock(SCROLL_LOCK, HELD.scroll)
    default:
      return 'other'
  }
}

function releaseOf(key: number, flags: Flags, r: Registers): number {
  if (key === 0x52) flags.held &= ~HELD.insert
  if (key === 0x54) {
    flags.held &= ~HELD.sysRq
    r.al = 1
    return ACTION.systemRequest
  }
  return ACTION.none
}

/** The end of Alt and digits on the keypad: the number typed becomes a character. */
function* endAltNumber(flags: Flags): Service<number> {
  if (flags.shift & ALT) return ACTION.none
  const number = yield* readByte(BDA_SEGMENT, BDA.altInput)
  if (number === 0) return ACTION.none
  yield* writeByte(BDA_SEGMENT, BDA.altInput, 0)
  return (yield* storeKey(number)) ? ACTION.posted : ACTION.none
}

function* press(key: number, extended: boolean, flags: Flags, r: Registers): Service<number> {
  const control = (flags.shift & CTRL) !== 0
  const alt = (flags.shift & ALT) !== 0
  if (key === 0x53 && control && alt) {
    yield* write(BDA_SEGMENT, BDA.resetFlag, Uint8Array.of(0x34, 0x12))
    return ACTION.reset
  }
  if (flags.held & HELD.paused) {
    // Any key ends the pause and is lost.
    flags.held &= ~HELD.paused
    return ACTION.none
  }
  if (key === 0x45 && control && !extended) {
    flags.held |= HELD.paused
    return ACTION.pause
  }
  if (key === 0x46 && control) {
    yield* writeByte(BDA_SEGMENT, BDA.breakFlag, 0x80)
    yield* clearBuffer()
    yield* storeKey(0)
    return ACTION.break
  }
  if (key === 0x54) {
    if (flags.held & HELD.sysRq) return ACTION.none
    flags.held |= HELD.sysRq
    r.al = 0
    return ACTION.systemRequest
  }
  if (key === 0x37 && !control && !alt && (extended || flags.shift & (LEFT_SHIFT | RIGHT_SHIFT))) {
    return ACTION.printScreen
  }
  if (alt && !extended && isKeypad(key)) {
    const digit = '789 456 1230'.charAt(key - 0x47)
    if (digit >= '0' && digit <= '9') {
      const number = yield* readByte(BDA_SEGMENT, BDA.altInput)
      yield* writeByte(BDA_SEGMENT, BDA.altInput, (number * 10 + Number(digit)) & 0xff)
    }
    return ACTION.none
  }
  if (key === 0x52 && !(flags.held & HELD.insert) && (extended || !digitsOn(flags.shift))) {
    flags.held |= HELD.insert
    flags.shift ^= INSERT
  }
  const code = translate(key, extended, flags.shift)
  if (code === 0) return ACTION.none
  return (yield* storeKey(code)) ? ACTION.posted : ACTION.none
}

const digitsOn = (shift: number): boolean =>
  ((shift & NUM_LOCK) !== 0) !== ((shift & (LEFT_SHIFT | RIGHT_SHIFT)) !== 0)

function translate(key: number, extended: boolean, shift: number): number {
  const row = (extended ? EXTENDED_KEYS.get(key) : undefined) ?? KEY_MAP.get(key)
  if (!row) return 0
  if (shift & ALT) return row[3]
  if (shift & CTRL) return row[2]
  let shifted = (shift & (LEFT_SHIFT | RIGHT_SHIFT)) !== 0
  if (!extended && isKeypad(key)) shifted = digitsOn(shift)
  else if (shift & CAPS_LOCK && isLetter(row[0])) shifted = !shifted
  return shifted ? row[1] : row[0]
}

const isLetter = (code: number): boolean => (code & 0xff) >= 0x61 && (code & 0xff) <= 0x7a

function* clearBuffer(): Service {
  const head = yield* read(BDA_SEGMENT, BDA.bufferStart, 2)
  yield* write(BDA_SEGMENT, BDA.bufferHead, Uint8Array.of(head[0]!, head[1]!, head[0]!, head[1]!))
}

import { read, readByte, RETRY, type Service } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { nextKey, storeKey } from './buffer.ts'
import { isIdlePoll } from './idle-polls.ts'

const RETRY_INT16: Outcome = { kind: 'retry', entry: RETRY.int16 }

/**
 * INT 16h. Returns as by RETF 2 with interrupts enabled: programs far-jump in with anything as flags.
 * @see IBM PS/2 and PC BIOS interface technical reference, "Interrupt 16h"
 */
export function* int16(r: Registers, context: Context): Service<Outcome> {
  r.returnEnabled()
  switch (r.ah) {
    case 0x00:
    case 0x10: {
      const code = yield* firstKey(r.ah === 0x10)
      if (code === null) return RETRY_INT16
      yield* nextKey(true)
      r.ax = code
      break
    }
    case 0x01:
    case 0x11: {
      const code = yield* firstKey(r.ah === 0x11)
      r.setZero(code === null)
      if (code !== null) r.ax = code
      else if (!context.config.busyPolling) {
        const { polls } = context.state
        // The halt is outside of the call, so that a machine can be saved meanwhile; then the call comes again.
        polls.rested = !polls.rested && isIdlePoll(context)
        if (polls.rested) return RETRY_INT16
        polls.lastAt = context.instructions()
      }
      break
    }
    case 0x02:
      r.al = yield* readByte(BDA_SEGMENT, BDA.shiftFlags)
      break
    case 0x12: {
      const [flags, held] = yield* read(BDA_SEGMENT, BDA.shiftFlags, 2)
      const mode = yield* readByte(BDA_SEGMENT, BDA.keyboardMode)
      r.al = flags!
      // SysRq moves to bit 7; right Ctrl and Alt come from the other byte.
      r.ah = (held! & 0x73) | ((held! & 4) << 5) | (mode & 0x0c)
      break
    }
    case 0x05:
      r.al = (yield* storeKey(r.cx)) ? 0 : 1
      break
    case 0x09:
      r.al = 0x30 // 0Ah and 10h-12h are supported; the rate is the keyboard's own
      break
    case 0x0a:
      r.bx = 0x41ab // as the keyboard answers F2h, translated
      break
    case 0x92:
      r.ah = 0x80 // at least 10h-12h
      break
    case 0xa2:
      r.ah = 0x80
      break
    default:
  }
  return DONE
}

/** The next key as AH=00h/01h (`enhanced` false) or 10h/11h see it; keys unknown to the old functions are dropped. */
function* firstKey(enhanced: boolean): Service<number | null> {
  for (let tries = 0; tries < 32; tries++) {
    const code = yield* nextKey(false)
    if (code === null) return null
    if (enhanced) return (code & 0xff) === 0xf0 && code !== 0xf0 ? code & 0xff00 : code
    const old = classic(code)
    if (old !== null) return old
    yield* nextKey(true)
  }
  return null
}

/** A key as an 83-key keyboard would have given it, or null when it had none like it. */
export function classic(code: number): number | null {
  const character = code & 0xff
  const scan = code >> 8
  if (scan === 0xe0) return character === 0x2f ? 0x352f : 0x1c00 | character
  if (character === 0xe0 && scan !== 0) return code & 0xff00
  if (character === 0xf0 && scan !== 0) return null
  return scan > 0x84 ? null : code
}

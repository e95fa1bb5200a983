import { in8, out8, readByte, readWord, type Service } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'

const DIVISORS = [0x0417, 0x0300, 0x0180, 0x00c0, 0x0060, 0x0030, 0x0018, 0x000c]
const TIMED_OUT = 0x80
const DATA_READY = 0x01
const SEND_READY = 0x20
/** Port reads per unit of the data area's time-out, about a second at the speed of an ISA bus. */
const POLLS_PER_UNIT = 2000

function* poll(port: number, bit: number, units: number): Service<boolean> {
  for (let tries = 0; tries < Math.max(1, units) * POLLS_PER_UNIT; tries++)
    if ((yield* in8(port)) & bit) return true
  return false
}

/** INT 14h: serial ports. */
export function* int14(r: Registers): Service<Outcome> {
  const base = r.dx < 4 ? yield* readWord(BDA_SEGMENT, BDA.com + 2 * r.dx) : 0
  if (!base) return DONE
  const timeout = yield* readByte(BDA_SEGMENT, BDA.comTimeout + r.dx)
  switch (r.ah) {
    case 0x00: {
      const divisor = DIVISORS[r.al >> 5]!
      yield* out8(base + 3, 0x80)
      yield* out8(base, divisor & 0xff)
      yield* out8(base + 1, divisor >> 8)
      yield* out8(base + 3, r.al & 0x1f)
      yield* out8(base + 1, 0)
      break
    }
    case 0x01: {
      yield* out8(base + 4, 0x03)
      const ready = yield* poll(base + 5, SEND_READY, timeout)
      if (ready) yield* out8(base, r.al)
      r.ah = ((yield* in8(base + 5)) & 0x7f) | (ready ? 0 : TIMED_OUT)
      return DONE
    }
    case 0x02: {
      yield* out8(base + 4, 0x01)
      const ready = yield* poll(base + 5, DATA_READY, timeout)
      const status = yield* in8(base + 5)
      if (ready) r.al = yield* in8(base)
      r.ah = ready ? status & 0x1e : TIMED_OUT
      return DONE
    }
    case 0x03:
      break
    default:
      return DONE
  }
  r.ah = yield* in8(base + 5)
  r.al = yield* in8(base + 6)
  return DONE
}

/** INT 17h: printers. */
export function* int17(r: Registers): Service<Outcome> {
  const base = r.dx < 3 ? yield* readWord(BDA_SEGMENT, BDA.lpt + 2 * r.dx) : 0
  if (!base) return DONE
  const timeout = yield* readByte(BDA_SEGMENT, BDA.lptTimeout + r.dx)
  let late = 0
  if (r.ah === 0) {
    if (yield* poll(base + 1, 0x80, timeout)) {
      yield* out8(base, r.al)
      yield* out8(base + 2, 0x0d)
      yield* out8(base + 2, 0x0c)
    } else late = 1
  } else if (r.ah === 1) {
    yield* out8(base + 2, 0x08)
    yield* out8(base + 2, 0x0c)
  } else if (r.ah !== 2) return DONE
  // Acknowledge and error come inverted.
  r.ah = (((yield* in8(base + 1)) ^ 0x48) & 0xf8) | late
  return DONE
}

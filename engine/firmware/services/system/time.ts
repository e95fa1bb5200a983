import { in8, out8, read, type Service, write, writeByte } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { pciBios } from '../pci/pci-bios.ts'

const RTC = {
  seconds: 0,
  secondsAlarm: 1,
  minutes: 2,
  minutesAlarm: 3,
  hours: 4,
  hoursAlarm: 5,
  weekday: 6,
  day: 7,
  month: 8,
  year: 9,
  a: 10,
  b: 11,
  century: 0x32,
} as const
const UPDATE_IN_PROGRESS = 0x80
const SET = 0x80
const ALARM_ENABLE = 0x20
const DAYLIGHT = 1

/** Reads a byte of the CMOS memory; NMI stays as the index's bit 7 has it clear. */
export function* readCmos(index: number): Service<number> {
  yield* out8(0x70, index)
  return yield* in8(0x71)
}
export function* writeCmos(index: number, value: number): Service {
  yield* out8(0x70, index)
  yield* out8(0x71, value)
}

/** Waits out an update. An update takes 2 ms at most; a clock that never ends one is not waited for. */
function* settle(): Service {
  for (let tries = 0; tries < 1000; tries++) if (!((yield* readCmos(RTC.a)) & UPDATE_IN_PROGRESS)) return
}

/** INT 1Ah: clock ticks, real-time clock, PCI BIOS. */
export function* int1a(r: Registers, context: Context): Service<Outcome> {
  if (r.ah === 0xb1) {
    r.returnEnabled()
    yield* pciBios(r, context)
    return DONE
  }
  r.setCarry(false)
  switch (r.ah) {
    case 0x00: {
      const bytes = yield* read(BDA_SEGMENT, BDA.ticks, 5)
      r.dx = bytes[0]! | (bytes[1]! << 8)
      r.cx = bytes[2]! | (bytes[3]! << 8)
      r.al = bytes[4]!
      yield* writeByte(BDA_SEGMENT, BDA.midnight, 0)
      break
    }
    case 0x01:
      yield* write(BDA_SEGMENT, BDA.ticks, Uint8Array.of(r.dx, r.dx >> 8, r.cx, r.cx >> 8, 0))
      break
    case 0x02:
      yield* settle()
      r.dh = yield* readCmos(RTC.seconds)
      r.cl = yield* readCmos(RTC.minutes)
      r.ch = yield* readCmos(RTC.hours)
      r.dl = (yield* readCmos(RTC.b)) & DAYLIGHT
      r.ah = 0
      r.al = r.ch
      break
    case 0x03:
      yield* withClockStopped(
        [
          [RTC.seconds, r.dh],
          [RTC.minutes, r.cl],
          [RTC.hours, r.ch],
        ],
        r.dl & DAYLIGHT,
      )
      r.ah = 0
      break
    case 0x04:
      yield* settle()
      r.dl = yield* readCmos(RTC.day)
      r.dh = yield* readCmos(RTC.month)
      r.cl = yield* readCmos(RTC.year)
      r.ch = yield* readCmos(RTC.century)
      r.ah = 0
      r.al = r.ch
      break
    case 0x05:
      yield* withClockStopped(
        [
          [RTC.day, r.dl],
          [RTC.month, r.dh],
          [RTC.year, r.cl],
          [RTC.century, r.ch],
        ],
        null,
      )
      r.ah = 0
      break
    case 0x06: {
      const b = yield* readCmos(RTC.b)
      if (b & ALARM_ENABLE) {
        r.setCarry(true)
        r.ax = 0
        break
      }
      yield* settle()
      yield* writeCmos(RTC.secondsAlarm, r.dh)
      yield* writeCmos(RTC.minutesAlarm, r.cl)
      yield* writeCmos(RTC.hoursAlarm, r.ch)
      yield* out8(0xa1, (yield* in8(0xa1)) & 0xfe)
      yield* writeCmos(RTC.b, (b & ~SET) | ALARM_ENABLE)
      r.ax = 0
      break
    }
    case 0x07:
      yield* writeCmos(RTC.b, (yield* readCmos(RTC.b)) & ~ALARM_ENABLE)
      r.ax = 0
      break
    default:
      r.setCarry(true)
  }
  return DONE
}

function* withClockStopped(values: readonly (readonly [number, number])[], daylight: number | null): Service {
  const b = yield* readCmos(RTC.b)
  yield* writeCmos(RTC.b, b | SET)
  for (const [index, value] of values) yield* writeCmos(index, value)
  yield* writeCmos(RTC.b, (daylight === null ? b : (b & ~DAYLIGHT) | daylight) & ~SET)
}

/** Ticks since midnight, as POST sets them from the clock. */
export function ticksOf(hours: number, minutes: number, seconds: number): number {
  return Math.floor((((hours * 60 + minutes) * 60 + seconds) * 1_193_182) / 65_536)
}

import { in8, out8, outMany, read, type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { greyOf } from './palettes.ts'
import type { VideoState } from './video-state.ts'

const ATTRIBUTE = 0x3c0
const ATTRIBUTE_READ = 0x3c1
const PICTURE_ON = 0x20
const DAC_MASK = 0x3c6
const DAC_READ_INDEX = 0x3c7
const DAC_WRITE_INDEX = 0x3c8
const DAC_DATA = 0x3c9

function* writeAttributes(
  state: VideoState,
  values: readonly (readonly [index: number, value: number])[],
): Service {
  yield* in8(state.crtcPort + 6) // the flip-flop to "index"
  yield* outMany([
    ...values.flatMap(
      ([index, value]) =>
        [
          [ATTRIBUTE, index & 0x1f],
          [ATTRIBUTE, value],
        ] as const,
    ),
    [ATTRIBUTE, PICTURE_ON],
  ])
}

function* readAttribute(state: VideoState, index: number): Service<number> {
  yield* in8(state.crtcPort + 6)
  yield* out8(ATTRIBUTE, index & 0x1f)
  const value = yield* in8(ATTRIBUTE_READ)
  yield* in8(state.crtcPort + 6)
  yield* out8(ATTRIBUTE, PICTURE_ON)
  return value
}

function* readColors(first: number, count: number): Service<Uint8Array> {
  const colors = new Uint8Array(count * 3)
  yield* out8(DAC_READ_INDEX, first)
  for (let index = 0; index < colors.length; index++) colors[index] = yield* in8(DAC_DATA)
  return colors
}

function* writeColors(first: number, colors: Uint8Array): Service {
  yield* outMany([[DAC_WRITE_INDEX, first], ...Array.from(colors, (value) => [DAC_DATA, value] as const)])
}

/** INT 10h/10h: attribute controller and DAC. */
export function* paletteFunctions(registers: Registers, state: VideoState): Service {
  const r = registers
  switch (r.al) {
    case 0x00:
      return yield* writeAttributes(state, [[r.bl, r.bh]])
    case 0x01:
      return yield* writeAttributes(state, [[0x11, r.bh]])
    case 0x02: {
      const table = yield* read(r.es, r.dx, 17)
      return yield* writeAttributes(
        state,
        Array.from(table, (value, index) => [index === 16 ? 0x11 : index, value]),
      )
    }
    case 0x03: {
      const control = yield* readAttribute(state, 0x10)
      return yield* writeAttributes(state, [[0x10, r.bl & 1 ? control | 8 : control & ~8]])
    }
    case 0x07:
      r.bh = yield* readAttribute(state, r.bl)
      return
    case 0x08:
      r.bh = yield* readAttribute(state, 0x11)
      return
    case 0x09: {
      const table = new Uint8Array(17)
      for (let index = 0; index < 17; index++)
        table[index] = yield* readAttribute(state, index === 16 ? 0x11 : index)
      return yield* write(r.es, r.dx, table)
    }
    case 0x10:
      return yield* writeColors(r.bl, Uint8Array.of(r.dh, r.ch, r.cl))
    case 0x12: {
      const count = Math.min(r.cx, 256)
      return yield* writeColors(r.bl, yield* read(r.es, r.dx, count * 3))
    }
    case 0x13: {
      const control = yield* readAttribute(state, 0x10)
      if (r.bl === 0)
        return yield* writeAttributes(state, [[0x10, r.bh & 1 ? control | 0x80 : control & 0x7f]])
      return yield* writeAttributes(state, [[0x14, control & 0x80 ? r.bh & 0xf : (r.bh << 2) & 0xf]])
    }
    case 0x15: {
      const [red, green, blue] = yield* readColors(r.bl, 1)
      r.dh = red!
      r.ch = green!
      r.cl = blue!
      return
    }
    case 0x17: {
      const count = Math.min(r.cx, 256)
      return yield* write(r.es, r.dx, yield* readColors(r.bl, count))
    }
    case 0x18:
      return yield* out8(DAC_MASK, r.bl)
    case 0x19:
      r.bl = yield* in8(DAC_MASK)
      return
    case 0x1a: {
      const control = yield* readAttribute(state, 0x10)
      const select = yield* readAttribute(state, 0x14)
      r.bl = control >> 7
      r.bh = control & 0x80 ? select & 0xf : select >> 2
      return
    }
    case 0x1b: {
      const first = r.bl
      const count = Math.min(r.cx, 256)
      const colors = yield* readColors(first, count)
      for (let at = 0; at < colors.length; at += 3)
        colors.set(greyOf([colors[at]!, colors[at + 1]!, colors[at + 2]!]), at)
      return yield* writeColors(first, colors)
    }
    default:
  }
}

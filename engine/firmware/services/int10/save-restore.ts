import { in16, in8, out16, out8, outMany, read, type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'

const ATTRIBUTE = 0x3c0
const HARDWARE = 1
const DATA_AREA = 2
const DAC = 4
const EXTENDED = 8
const HARDWARE_BYTES = 3 + 5 + 25 + 21 + 9
const DATA_BYTES = 0x1e + 7 + 12
const DAC_BYTES = 3 + 768
const DISPI_BYTES = 2 * 10
const BLOCK = 64

const blocksFor = (parts: number): number =>
  Math.ceil(
    ((parts & HARDWARE ? HARDWARE_BYTES : 0) +
      (parts & DATA_AREA ? DATA_BYTES : 0) +
      (parts & DAC ? DAC_BYTES : 0) +
      (parts & EXTENDED ? DISPI_BYTES : 0)) /
      BLOCK,
  )

function* readIndexed(port: number, count: number): Service<number[]> {
  const values: number[] = []
  for (let index = 0; index < count; index++) {
    yield* out8(port, index)
    values.push(yield* in8(port + 1))
  }
  return values
}

const writeIndexed = (port: number, values: ArrayLike<number>) =>
  Array.from(values).flatMap(
    (value, index) =>
      [
        [port, index],
        [port + 1, value],
      ] as const,
  )

function* crtcPort(): Service<number> {
  return (yield* in8(0x3cc)) & 1 ? 0x3d4 : 0x3b4
}

function* saveHardware(): Service<number[]> {
  const crtc = yield* crtcPort()
  const misc = [yield* in8(0x3cc), yield* in8(0x3ca), yield* in8(crtc)]
  const sequencer = yield* readIndexed(0x3c4, 5)
  const crtcValues = yield* readIndexed(crtc, 25)
  const attribute: number[] = []
  for (let index = 0; index < 21; index++) {
    yield* in8(crtc + 6)
    yield* out8(ATTRIBUTE, index)
    attribute.push(yield* in8(ATTRIBUTE + 1))
  }
  yield* in8(crtc + 6)
  yield* out8(ATTRIBUTE, 0x20)
  const graphics = yield* readIndexed(0x3ce, 9)
  return [...misc, ...sequencer, ...crtcValues, ...attribute, ...graphics]
}

function* restoreHardware(saved: Uint8Array): Service {
  const crtc = saved[0]! & 1 ? 0x3d4 : 0x3b4
  yield* outMany([
    [0x3c4, 0],
    [0x3c5, 1],
    [0x3c2, saved[0]!],
    ...writeIndexed(0x3c4, saved.subarray(3, 8)).slice(2),
    [0x3c4, 0],
    [0x3c5, 3],
    [crtc, 0x11],
    [crtc + 1, 0],
    ...writeIndexed(crtc, saved.subarray(8, 33)),
    ...writeIndexed(0x3ce, saved.subarray(54, 63)),
    [crtc, saved[2]!],
  ])
  yield* in8(crtc + 6)
  yield* outMany([
    ...Array.from(saved.subarray(33, 54)).flatMap(
      (value, index) =>
        [
          [ATTRIBUTE, index],
          [ATTRIBUTE, value],
        ] as const,
    ),
    [ATTRIBUTE, 0x20],
  ])
}

function* saveDac(): Service<number[]> {
  const values = [yield* in8(0x3c6), yield* in8(0x3c8), 0]
  yield* out8(0x3c7, 0)
  for (let index = 0; index < 768; index++) values.push(yield* in8(0x3c9))
  return values
}

function* restoreDac(saved: Uint8Array): Service {
  yield* outMany([
    [0x3c6, saved[0]!],
    [0x3c8, 0],
    ...Array.from(saved.subarray(3, 771), (value) => [0x3c9, value] as const),
    [0x3c8, saved[1]!],
  ])
}

/** Dispi registers 1 to 10, the enable register last when they are restored. */
function* saveDispi(): Service<number[]> {
  const values: number[] = []
  for (let index = 1; index <= 10; index++) {
    yield* out16(0x1ce, index)
    const value = yield* in16(0x1cf)
    values.push(value & 0xff, value >> 8)
  }
  return values
}

function* restoreDispi(saved: Uint8Array): Service {
  const value = (index: number) => saved[2 * index - 2]! | (saved[2 * index - 1]! << 8)
  const put = function* (index: number, word: number): Service {
    yield* out16(0x1ce, index)
    yield* out16(0x1cf, word)
  }
  yield* put(4, 0)
  for (const index of [1, 2, 3]) yield* put(index, value(index))
  yield* put(4, value(4) | 0x80)
  for (const index of [5, 6, 7, 8, 9]) yield* put(index, value(index))
}

function* save(parts: number, segment: number, offset: number): Service {
  const bytes: number[] = []
  if (parts & HARDWARE) bytes.push(...(yield* saveHardware()))
  if (parts & DATA_AREA) {
    bytes.push(
      ...(yield* read(0x40, 0x49, 0x1e)),
      ...(yield* read(0x40, 0x84, 7)),
      ...(yield* read(0x40, 0xa8, 4)),
    )
    bytes.push(...(yield* read(0, 0x1f * 4, 4)), ...(yield* read(0, 0x43 * 4, 4)))
  }
  if (parts & DAC) bytes.push(...(yield* saveDac()))
  if (parts & EXTENDED) bytes.push(...(yield* saveDispi()))
  yield* write(segment, offset, Uint8Array.from(bytes))
}

function* restore(parts: number, segment: number, offset: number): Service {
  let at = offset
  const take = function* (count: number): Service<Uint8Array> {
    const bytes = yield* read(segment, at & 0xffff, count)
    at += count
    return bytes
  }
  const hardware = parts & HARDWARE ? yield* take(HARDWARE_BYTES) : null
  const data = parts & DATA_AREA ? yield* take(DATA_BYTES) : null
  const dac = parts & DAC ? yield* take(DAC_BYTES) : null
  const dispi = parts & EXTENDED ? yield* take(DISPI_BYTES) : null
  if (dispi) yield* restoreDispi(dispi)
  if (hardware) yield* restoreHardware(hardware)
  if (data) {
    yield* write(0x40, 0x49, data.subarray(0, 0x1e))
    yield* write(0x40, 0x84, data.subarray(0x1e, 0x25))
    yield* write(0x40, 0xa8, data.subarray(0x25, 0x29))
    yield* write(0, 0x1f * 4, data.subarray(0x29, 0x2d))
    yield* write(0, 0x43 * 4, data.subarray(0x2d, 0x31))
  }
  if (dac) yield* restoreDac(dac)
}

/** INT 10h/1Ch. The data area may change under it, so the loaded state is not stored afterwards. */
export function* saveRestore(r: Registers): Service {
  const parts = r.cx & 7
  if (r.al === 0) r.bx = blocksFor(parts)
  else if (r.al === 1) yield* save(parts, r.es, r.bx)
  else if (r.al === 2) yield* restore(parts, r.es, r.bx)
  else return
  r.al = 0x1c
}

/** INT 10h/4F04h. */
export function* saveRestoreVbe(r: Registers): Service {
  const parts = r.cx & 0xf
  if (r.dl === 0) r.bx = blocksFor(parts)
  else if (r.dl === 1) yield* save(parts, r.es, r.bx)
  else if (r.dl === 2) yield* restore(parts, r.es, r.bx)
  else {
    r.ax = 0x014f
    return
  }
  r.ax = 0x004f
}

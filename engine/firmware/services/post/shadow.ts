import { copy, in8, out32, out8, type Service } from '../../port/protocol.ts'

/**
 * Programmable attribute map of the i440FX host bridge: which parts of C0000-FFFFF are RAM, and for what.
 * A nibble for each 16 KiB from C0000 to EFFFF, one for F0000-FFFFF.
 * @see Intel 440FX datasheet 290549, "PAM[6:0]"
 */
const PAM0 = 0x59
const READ = 1
const WRITE = 2

function* setAttribute(segment: number, value: number): Service {
  const block = segment >= 0xf000 ? -1 : (segment - 0xc000) >> 10
  const register = block < 0 ? PAM0 : PAM0 + 1 + (block >> 1)
  const shift = block < 0 || block & 1 ? 4 : 0
  yield* out32(0xcf8, 0x80000000 + (register & 0xfc))
  const port = 0xcfc + (register & 3)
  const old = yield* in8(port)
  yield* out8(port, (old & ~(0xf << shift)) | (value << shift))
}

/** Copies a ROM into the RAM behind it, which then takes its place and stays writable until `lockShadow`. */
export function* shadowRom(segment: number, bytes: number): Service {
  for (let done = 0; done < bytes; done += 0x4000) {
    const part = segment + done / 16
    if (part < 0xf000) yield* setAttribute(part & 0xfc00, WRITE)
    else if (done === 0) yield* setAttribute(0xf000, WRITE)
    const length = Math.min(0x4000, bytes - done)
    yield* copy({ segment: part, offset: 0 }, { segment: part, offset: 0 }, length)
  }
  for (let done = 0; done < bytes; done += 0x4000) {
    const part = segment + done / 16
    if (part < 0xf000 || done === 0) yield* setAttribute(part & 0xfc00, READ | WRITE)
  }
}

/** Makes everything from C0000 on read-only; unused parts too, which memory managers expect of free upper memory. */
export function* lockShadow(): Service {
  for (let segment = 0xc000; segment <= 0xf000; segment += 0x400) {
    if (segment > 0xec00 && segment < 0xf000) continue
    yield* setAttribute(segment, READ)
  }
}

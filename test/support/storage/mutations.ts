import { crc32c } from '../../../engine/storage/formats/vhdx/crc32c.ts'
import type { Random } from './random.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

const SECTOR = 512
/** Numbers at which ranges end. */
const EDGES = [
  0n,
  1n,
  2n,
  511n,
  512n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
]

/** A change of a file: bytes at a place, in base 64, or its end. */
export type Damage = { at: number; bytes: string } | { size: number }

/** Damages copies of an image in one to four places, most of them where its headers and tables are. */
export class Mutator {
  readonly #sectors: readonly number[]
  readonly #size: number
  #done: Damage[] = []

  constructor(
    seed: SimulatedDisk,
    private readonly path: string,
  ) {
    const bytes = seed.take(path)
    this.#size = bytes.length
    this.#sectors = interestingSectors(bytes)
  }

  /**
   * Checksums are mended 7 times of 8, so that what they protect is looked at.
   * @returns what it did, for `apply`
   */
  mutate(disk: SimulatedDisk, random: Random): Damage[] {
    this.#done = []
    for (let count = 1 + random.below(4); count > 0; count--) this.#damage(disk, random)
    if (!random.chance(8)) this.#mendChecksums(disk)
    // Cut short, but seldom, so that something is left to parse.
    if (random.chance(16)) {
      const size = random.below(this.#size)
      this.#done.push({ size })
      disk.cut(this.path, size)
    }
    return this.#done
  }

  /** Does it again. */
  apply(disk: SimulatedDisk, damages: readonly Damage[]): void {
    for (const damage of damages)
      if ('size' in damage) disk.cut(this.path, damage.size)
      else disk.patch(this.path, damage.at, Buffer.from(damage.bytes, 'base64'))
  }

  #patch(disk: SimulatedDisk, at: number, bytes: Uint8Array): void {
    this.#done.push({ at, bytes: Buffer.from(bytes).toString('base64') })
    disk.patch(this.path, at, bytes)
  }

  #damage(disk: SimulatedDisk, random: Random): void {
    const sector = random.chance(2) ? random.pick(this.#sectors.slice(0, 3)) : random.pick(this.#sectors)
    switch (random.below(5)) {
      case 0: {
        const at = sector + random.below(SECTOR)
        const [byte] = disk.peek(this.path, at, 1)
        this.#patch(disk, at, Uint8Array.of(byte! ^ (1 << random.below(8))))
        break
      }
      case 1: {
        const length = 8 << random.below(7)
        this.#patch(disk, sector, disk.peek(this.path, random.pick(this.#sectors), length))
        break
      }
      default:
        this.#patch(disk, ...randomNumber(sector, random))
    }
  }

  #mendChecksums(disk: SimulatedDisk): void {
    const has = (at: number, text: string): boolean =>
      at >= 0 && Buffer.from(disk.peek(this.path, at, text.length)).toString('latin1') === text
    for (const at of [0, this.#size - SECTOR]) if (has(at, 'conectix')) this.#mendSum(disk, at, SECTOR, 64)
    if (has(SECTOR, 'cxsparse')) this.#mendSum(disk, SECTOR, 1024, 36)
    if (!has(0, 'vhdxfile')) return
    for (const [at, length] of [
      [0x10000, 4096],
      [0x20000, 4096],
      [0x30000, 65536],
      [0x40000, 65536],
    ] as const)
      if (this.#isTouched(at, length))
        this.#patchNumber(disk, at + 4, crc32c(disk.peek(this.path, at, length), 4), true)
    this.#mendLog(disk)
  }

  /** The first entry of a log, where QEMU has it. */
  #mendLog(disk: SimulatedDisk): void {
    const at = 0x100000
    const head = disk.peek(this.path, at, 12)
    const length = new DataView(head.buffer).getUint32(8, true)
    const isEntry = Buffer.from(head.subarray(0, 4)).toString('latin1') === 'loge' && length <= 0x10000
    if (isEntry && this.#isTouched(at, length))
      this.#patchNumber(disk, at + 4, crc32c(disk.peek(this.path, at, length), 4), true)
  }

  #isTouched(start: number, length: number): boolean {
    return this.#done.some(
      (damage) => 'at' in damage && damage.at < start + length && damage.at >= start - 1024,
    )
  }

  /** VHD: one's complement of the sum of all other bytes. */
  #mendSum(disk: SimulatedDisk, start: number, length: number, field: number): void {
    const bytes = disk.peek(this.path, start, length)
    let sum = 0
    for (let at = 0; at < length; at++) if (at < field || at >= field + 4) sum += bytes[at]!
    this.#patchNumber(disk, start + field, ~sum >>> 0, false)
  }

  #patchNumber(disk: SimulatedDisk, at: number, value: number, isLittle: boolean): void {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value, isLittle)
    this.#patch(disk, at, bytes)
  }
}

/** Sectors that are not all alike, or are full of ones: headers and tables rather than data. */
function interestingSectors(bytes: Uint8Array): number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const sector = bytes.subarray(at, at + SECTOR)
    if (sector[0] === 0xff || sector.some((byte) => byte !== sector[0])) found.push(at)
  }
  return found.length > 0 ? found : [0]
}

function randomNumber(sector: number, random: Random): [at: number, bytes: Uint8Array] {
  const width = random.pick([2, 4, 8] as const)
  const bytes = new Uint8Array(width)
  const view = new DataView(bytes.buffer)
  const isLittle = random.chance(2)
  const value = random.chance(3) ? BigInt(random.word()) : random.pick(EDGES)
  if (width === 2) view.setUint16(0, Number(value & 0xffffn), isLittle)
  else if (width === 4) view.setUint32(0, Number(value & 0xffffffffn), isLittle)
  else view.setBigUint64(0, value, isLittle)
  return [sector + random.below(SECTOR / width) * width, bytes]
}

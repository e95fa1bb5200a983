import type { FirmwareDisk, Geometry } from '../../disk.ts'
import { Packer, type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import type { Context } from '../context.ts'
import { STATUS } from './status.ts'

const CD_SECTOR = 2048
const SECTOR = 512
const RATIO = CD_SECTOR / SECTOR

/** How a CD was booted: kept while the guest may still use its emulated drive. */
export interface Emulation {
  /** Drive number it answers to. */
  drive: number
  media: 'none' | 'floppy' | 'disk'
  /** Boot media type of the catalog entry. */
  mediaType: number
  /** Index into the configured CD drives. */
  cd: number
  /** First sector (of 2048 bytes) of the image. */
  start: number
  loadSegment: number
  loadSectors: number
  cylinders: number
  heads: number
  sectors: number
}

/** A diskette or hard disk that lies as an image on a CD. Read-only, and never changed. */
class EmulatedDisk implements FirmwareDisk {
  readonly sectorBytes = SECTOR
  readonly readonly = true
  readonly kind: 'floppy' | 'disk'
  readonly name = 'CD boot image'
  readonly geometry: Geometry
  readonly sectorCount: number
  readonly driveType = 4
  readonly #start: number
  readonly #cd: FirmwareDisk

  constructor({ media, cylinders, heads, sectors, start }: Emulation, cd: FirmwareDisk) {
    this.kind = media === 'floppy' ? 'floppy' : 'disk'
    this.geometry = { cylinders, heads, sectors }
    this.sectorCount = cylinders * heads * sectors
    this.#start = start
    this.#cd = cd
  }

  readonly changed = false

  takeChanged(): boolean {
    return false
  }

  read(sector: number, count: number, into: Uint8Array): void {
    const first = Math.floor(sector / RATIO)
    const end = Math.min(Math.ceil((sector + count) / RATIO), this.#cd.sectorCount - this.#start)
    if (end <= first) throw new RangeError('outside of the disc')
    const whole = new Uint8Array((end - first) * CD_SECTOR)
    this.#cd.read(this.#start + first, end - first, whole)
    const skip = (sector % RATIO) * SECTOR
    into.set(whole.subarray(skip, skip + into.length))
  }

  write(): void {
    throw new RangeError('read-only')
  }
}

export type EmulatedDrive = { kind: 'none'; cd: FirmwareDisk } | { kind: 'image'; disk: FirmwareDisk }

/** What the CD boot put at this drive number, if anything. */
export function emulatedDrive({ config, state }: Context, drive: number): EmulatedDrive | null {
  const { emulation } = state
  if (emulation?.drive !== drive) return null
  const cd = config.cdroms[emulation.cd]
  if (!cd) return null
  return emulation.media === 'none'
    ? { kind: 'none', cd }
    : { kind: 'image', disk: new EmulatedDisk(emulation, cd) }
}

/** INT 13h/4Bh: tells how the CD was booted and, with AL = 0, ends the emulation. */
export function* terminateEmulation(r: Registers, { state }: Context): Service<number> {
  const { emulation } = state
  if (!emulation || (r.dl !== 0x7f && r.dl !== emulation.drive) || r.al > 1) return STATUS.invalid
  const { cylinders, heads, sectors } = emulation
  const packer = new Packer()
    .u8(0x13)
    .u8(emulation.mediaType)
    .u8(emulation.drive)
    .u8(0)
    .u32(emulation.start)
    .u16(0)
    .u16(0)
    .u16(emulation.loadSegment)
    .u16(emulation.loadSectors)
    .u8((cylinders - 1) & 0xff)
    .u8(sectors | (((cylinders - 1) >> 2) & 0xc0))
    .u8(heads - 1)
  yield* write(r.ds, r.si, packer.bytes)
  if (r.al === 0) state.emulation = emulation.media === 'none' ? emulation : null
  return STATUS.ok
}

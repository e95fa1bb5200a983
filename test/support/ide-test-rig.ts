import type { CdDisc, CdTrack, CdTrackKind } from '../../engine/storage/cd-image.ts'
import { ManualClock } from './manual-clock.ts'
import { RecordingLine } from './recording-line.ts'
import { type BlockImage, checkRange, type DiskFault } from '../../engine/storage/block-image.ts'
import { BusMasterPorts, type DmaMemory } from '../../engine/devices/ide/bus-master.ts'
import {
  IdeChannel,
  type IdeChannelOptions,
  type IdeDriveOptions,
} from '../../engine/devices/ide/ide-channel.ts'

/** Sectors whose first four bytes are their number, little-endian, and whose others are its low byte. */
export class NumberedImage implements BlockImage {
  readonly name = 'test.img'
  #written = new Map<number, Uint8Array>()

  constructor(
    readonly sectorCount: number,
    readonly sectorBytes = 512,
    readonly readonly = false,
  ) {}

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    for (let index = 0; index < count; index++)
      into.set(this.sector(sector + index), index * this.sectorBytes)
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    for (let index = 0; index < count; index++)
      this.#written.set(sector + index, from.slice(index * this.sectorBytes, (index + 1) * this.sectorBytes))
  }

  sector(number: number): Uint8Array {
    const bytes = this.#written.get(number) ?? new Uint8Array(this.sectorBytes).fill(number & 0xff)
    if (!this.#written.has(number)) new DataView(bytes.buffer).setUint32(0, number, true)
    return bytes
  }

  flush(): void {}

  close(): void {}
}

export const disk = (
  sectorCount = 20_000,
  more: Partial<IdeDriveOptions & { kind: 'disk' }> = {},
): IdeDriveOptions => ({
  kind: 'disk',
  image: new NumberedImage(sectorCount),
  identity: { serial: 'VT0001', model: 'Vitrine Disk' },
  ...more,
})

export const cdrom = (sectorCount: number | null = 100): IdeDriveOptions => ({
  kind: 'cdrom',
  medium: sectorCount === null ? null : new NumberedImage(sectorCount, 2048, true),
  identity: { serial: 'VT0002', model: 'Vitrine CD' },
})

/** A drive with a disc of this many tracks of kind and length. */
export function discDrive(parts: readonly (readonly [CdTrackKind, number])[]): IdeDriveOptions {
  const tracks: CdTrack[] = []
  let start = 0
  for (const [kind, sectors] of parts) {
    tracks.push({ number: tracks.length + 1, kind, start })
    start += sectors
  }
  const medium = new NumberedImage(start, 2048, true)
  const disc: CdDisc = { tracks, readRaw: (sector, into) => void into.fill(sector & 0xff) }
  return {
    kind: 'cdrom',
    medium: Object.assign(medium, { disc }),
    identity: { serial: 'VT0002', model: 'Vitrine CD' },
  }
}

/** Guest memory of 1 MiB. */
export class TestMemory implements DmaMemory {
  readonly bytes = new Uint8Array(0x100000)
  readonly view = new DataView(this.bytes.buffer)

  dmaRead(address: number, into: Uint8Array): void {
    for (let index = 0; index < into.length; index++) into[index] = this.bytes[address + index] ?? 0xff
  }

  dmaWrite(address: number, from: Uint8Array): void {
    if (address < this.bytes.length) this.bytes.set(from.subarray(0, this.bytes.length - address), address)
  }
}

/** A channel as a driver sees it. */
export class IdeTestRig {
  readonly clock = new ManualClock()
  readonly irq = new RecordingLine()
  readonly memory = new TestMemory()
  readonly faults: DiskFault[] = []
  readonly channel: IdeChannel
  readonly busMaster: BusMasterPorts

  constructor(
    first: IdeDriveOptions | null = disk(),
    second: IdeDriveOptions | null = null,
    options: Partial<IdeChannelOptions> = {},
  ) {
    this.channel = new IdeChannel(this.clock, this.irq, {
      id: 'ide0',
      drives: [first, second],
      memory: this.memory,
      onFault: (fault) => this.faults.push(fault),
      ...options,
    })
    this.busMaster = new BusMasterPorts([this.channel.busMaster, null])
  }

  in(offset: number): number {
    return this.channel.read(offset, 1)
  }

  out(offset: number, value: number): void {
    this.channel.write(offset, value, 1)
  }

  get alternateStatus(): number {
    return this.channel.controlBlock.read(0, 1)
  }

  control(value: number): void {
    this.channel.controlBlock.write(0, value, 1)
  }

  /** Waits until BSY clears, and gives the status without clearing the interrupt. */
  ready(): number {
    for (let step = 0; step < 100_000 && this.alternateStatus & 0x80; step++) this.clock.advance(1000)
    return this.alternateStatus
  }

  /** Registers 1-6, command; waits. */
  command(opcode: number, registers: Partial<Record<1 | 2 | 3 | 4 | 5 | 6, number>> = {}): number {
    for (const offset of [6, 1, 2, 3, 4, 5] as const) {
      const value = registers[offset]
      if (value !== undefined) this.out(offset, value)
    }
    this.out(7, opcode)
    return this.ready()
  }

  /** A 28-bit LBA command. */
  lba(opcode: number, lba: number, count: number, device = 0xe0): number {
    const top = device | ((lba >>> 24) & 0xf)
    return this.command(opcode, {
      6: top,
      2: count,
      3: lba & 0xff,
      4: (lba >> 8) & 0xff,
      5: (lba >> 16) & 0xff,
    })
  }

  /** A 48-bit LBA command. */
  lba48(opcode: number, lba: number, count: number): number {
    const high = Math.floor(lba / 2 ** 24)
    this.out(6, 0x40)
    for (const part of [
      [count >> 8, high, high >> 8, high >> 16],
      [count, lba, lba >> 8, lba >> 16],
    ])
      for (const [index, value] of part.entries()) this.out(2 + index, value & 0xff)
    this.out(7, opcode)
    return this.ready()
  }

  words(count: number): Uint8Array {
    const bytes = new Uint8Array(count * 2)
    for (let index = 0; index < count; index++) {
      const word = this.channel.read(0, 2)
      bytes[index * 2] = word
      bytes[index * 2 + 1] = word >> 8
    }
    return bytes
  }

  writeWords(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index += 2)
      this.channel.write(0, bytes[index]! | (bytes[index + 1]! << 8), 2)
  }

  /** Puts a PRD table at 1000h and starts the bus master. */
  startDma(toMemory: boolean, regions: [address: number, bytes: number][]): void {
    for (const [index, [address, bytes]] of regions.entries()) {
      this.memory.view.setUint32(0x1000 + index * 8, address, true)
      this.memory.view.setUint32(0x1004 + index * 8, bytes & 0xffff, true)
    }
    this.memory.bytes[0x1007 + (regions.length - 1) * 8] = 0x80
    this.busMaster.write(0, 0, 1)
    this.busMaster.write(4, 0x1000, 4)
    this.busMaster.write(2, 0x06, 1)
    this.busMaster.write(0, toMemory ? 0x09 : 0x01, 1)
  }

  /** Sends a packet by the PACKET command and waits. */
  packet(bytes: number[], byteLimit = 0xfffe, features = 0): number {
    this.command(0xa0, { 1: features, 4: byteLimit & 0xff, 5: byteLimit >> 8 })
    this.writeWords(Uint8Array.from({ length: 12 }, (_, index) => bytes[index] ?? 0))
    return this.ready()
  }

  /** Reads the blocks of a data-in packet: their sizes and all bytes. Leaves the final status to be read. */
  packetData(): { sizes: number[]; bytes: number[] } {
    const sizes: number[] = []
    const bytes: number[] = []
    while (this.ready() & 0x08 && sizes.length < 5000) {
      const size = this.in(4) | (this.in(5) << 8)
      sizes.push(size)
      bytes.push(...this.words(Math.ceil(size / 2)).subarray(0, size))
    }
    return { sizes, bytes }
  }
}

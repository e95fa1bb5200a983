import { expect } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import type { DiskFault } from '../../storage/block-image.ts'
import { FLOPPY_GEOMETRIES } from '../../storage/floppy-geometry.ts'
import type { FloppyImage } from '../../storage/floppy-image.ts'
import { MemoryImage } from '../../storage/memory-image.ts'
import type { DmaChannel } from './dma-channel.ts'
import { Fdc } from './fdc.ts'
import type { FloppyPace } from './fdc-timing.ts'
import type { FloppyDriveType } from './floppy-drive.ts'

/** A DMA channel over 64 KiB, with a count that ends in TC. */
export class TestDma implements DmaChannel {
  memory = new Uint8Array(0x10000)
  left = 0
  at = 0
  program(bytes: number): void {
    this.left = bytes
    this.at = 0
  }
  terminalCount = false

  transfer(buffer: Uint8Array, direction: 'to-memory' | 'from-memory'): number {
    const moved = Math.min(buffer.length, this.left)
    if (direction === 'to-memory') this.memory.set(buffer.subarray(0, moved), this.at)
    else buffer.set(this.memory.subarray(this.at, this.at + moved))
    this.at += moved
    this.left -= moved
    this.terminalCount = moved > 0 && this.left === 0
    return moved
  }
}

/** Each sector is filled with the low byte of its number, and starts with the number in two bytes. */
export function floppy(bytes: number, readonly = false): FloppyImage {
  const data = new Uint8Array(bytes)
  for (let sector = 0; sector < bytes / 512; sector++) {
    data.fill(sector & 0xff, sector * 512, sector * 512 + 512)
    data[sector * 512 + 1] = sector >> 8
  }
  const geometry = FLOPPY_GEOMETRIES.get(bytes)
  if (!geometry) throw new Error('no such format')
  return { image: new MemoryImage(data, 512, readonly), geometry }
}

export const K1440 = 1474560
export const K360 = 368640
export const RATE = { K500: 0, K300: 1, K250: 2, M1: 3 }

export function rig(
  options: {
    type?: FloppyDriveType
    pace?: FloppyPace
    medium?: FloppyImage | null
    second?: FloppyDriveType
  } = {},
) {
  const clock = new ManualClock()
  const irq = new RecordingLine()
  const dma = new TestDma()
  const faults: DiskFault[] = []
  const fdc = new Fdc(clock, irq, dma, {
    drives: [options.type ?? '1.44M', options.second ?? 'none'],
    pace: options.pace ?? 'quick',
    onFault: (fault) => faults.push(fault),
  })
  fdc.drives[0].insert(options.medium === undefined ? floppy(K1440) : options.medium)
  const msr = () => fdc.read(4)
  const command = (...bytes: number[]) => {
    for (const byte of bytes) {
      expect(msr() & 0xc0).toBe(0x80)
      fdc.write(5, byte)
    }
  }
  const result = () => {
    const bytes: number[] = []
    while ((msr() & 0xd0) === 0xd0) bytes.push(fdc.read(5))
    return bytes
  }
  const untilIrq = () => {
    for (let step = 0; step < 100_000 && !irq.level; step++) clock.advance(10_000)
    expect(irq.level).toBe(true)
  }
  const sense = () => {
    command(0x08)
    return result()
  }
  /** As a BIOS does: out of reset, motor on, rate, head at track 0. */
  const prepare = (rate = RATE.K500) => {
    fdc.write(2, 0x1c)
    untilIrq()
    for (let unit = 0; unit < 4; unit++) sense()
    fdc.write(7, rate)
    command(0x03, 0xdf, 0x02)
    command(0x07, 0x00)
    untilIrq()
    sense()
  }
  const seek = (track: number, head = 0) => {
    command(0x0f, head << 2, track)
    untilIrq()
    return sense()
  }
  /** A data command on drive 0, whatever its opcode. */
  const transfer = (
    opcode: number,
    c: number,
    h: number,
    r: number,
    eot: number,
    bytes: number,
    dtl = 0xff,
  ) => {
    dma.program(bytes)
    command(opcode, h << 2, c, h, r, 2, eot, 0x1b, dtl)
    untilIrq()
    return result()
  }
  return { clock, irq, dma, fdc, faults, msr, command, result, untilIrq, sense, prepare, seek, transfer }
}

export const sectorAt = (dma: TestDma, index: number) =>
  dma.memory[index * 512]! | (dma.memory[index * 512 + 1]! << 8)

import { asDiskError, type DiskFaultListener } from '../../storage/block-image.ts'
import { blocksOf, type FloppySector } from '../../storage/floppy-track.ts'
import type { DmaChannel } from './dma-channel.ts'
import type { Transfer } from './fdc-state.ts'
import type { FloppyDrive } from './floppy-drive.ts'
import { ST0, ST1, ST2 } from './registers.ts'
import {
  advance,
  compareSector,
  goesToMemory,
  locate,
  MAX_SECTOR_CODE,
  nextAddress,
  sectorBytes,
} from './sector-transfer.ts'

/** What is under the head. */
export interface MediumState {
  drive: FloppyDrive | null
  motorOn: boolean
  /** Data rate select code. */
  rate: number
}

const HEADER_BYTES = 4

/** Bytes that one step of a command moves. */
const lengthOf = ({ kind, n }: Transfer): number => (kind === 'format' ? HEADER_BYTES : sectorBytes(n))

const readsMedium = ({ kind }: Transfer): boolean => goesToMemory(kind) || kind === 'verify'

/**
 * The execution phase of the data commands, one sector at a time: between the medium and either the DMA channel
 * or the transfer's own buffer, which the processor fills and empties in non-DMA mode.
 */
export class SectorMover {
  /** Interrupt code of the last transfer that ended. */
  st0 = 0
  readonly #memory = new Uint8Array(sectorBytes(MAX_SECTOR_CODE))

  constructor(
    private readonly dma: DmaChannel,
    private readonly onFault: DiskFaultListener,
  ) {}

  /** DMA mode: the whole sector. `requests` false: the DOR keeps the requests from the DMA controller. */
  moveSector(transfer: Transfer, medium: MediumState, requests: boolean): 'more' | 'ended' | 'not-found' {
    if (transfer.kind !== 'format') {
      const loaded = this.#load(transfer, medium)
      if (loaded !== 'loaded') return loaded
    }
    let terminalCount = false
    if (transfer.kind !== 'verify' && !this.#skipped(transfer)) {
      const length = lengthOf(transfer)
      const toMemory = goesToMemory(transfer.kind)
      const data = (toMemory ? transfer.buffer : this.#memory).subarray(0, length)
      // What terminal count cuts off of a written sector is filled with zeros.
      if (!toMemory) data.fill(0)
      const moved = requests ? this.dma.transfer(data, toMemory ? 'to-memory' : 'from-memory') : 0
      terminalCount = moved > 0 && this.dma.terminalCount
      if (moved < length && !terminalCount) return this.#end(transfer, ST0.IC_ABNORMAL, ST1.OR)
      if (!toMemory && !this.#take(transfer, medium, data)) return 'ended'
    }
    return this.#next(transfer, terminalCount)
  }

  /** Non-DMA mode: makes the buffer ready for the processor, to read or to fill. */
  offerSector(transfer: Transfer, medium: MediumState): 'more' | 'offered' | 'ended' | 'not-found' {
    transfer.position = 0
    transfer.length = 0
    if (transfer.kind !== 'format') {
      const loaded = this.#load(transfer, medium)
      if (loaded !== 'loaded') return loaded
    }
    if (transfer.kind === 'verify' || this.#skipped(transfer)) return this.#next(transfer, false)
    transfer.length = lengthOf(transfer)
    return 'offered'
  }

  /** Non-DMA mode: the processor has moved the buffer. True when another sector follows. */
  completeSector(transfer: Transfer, medium: MediumState): boolean {
    const data = transfer.buffer.subarray(0, transfer.length)
    if (!goesToMemory(transfer.kind) && !this.#take(transfer, medium, data)) return false
    return this.#next(transfer, false) === 'more'
  }

  #skipped({ kind, deleted, skip }: Transfer): boolean {
    return kind === 'read' && deleted && skip
  }

  /** Finds the sector and, where the command reads, brings it into the transfer's buffer. */
  #load(transfer: Transfer, { drive, motorOn, rate }: MediumState): 'loaded' | 'ended' | 'not-found' {
    const found = locate(drive, motorOn, rate, transfer)
    if (!('sector' in found)) {
      transfer.st1 |= found.st1
      transfer.st2 |= found.st2
      return 'not-found'
    }
    const length = lengthOf(transfer)
    if (transfer.buffer.length < length) transfer.buffer = new Uint8Array(length)
    const into = transfer.buffer.subarray(0, length)
    if (!readsMedium(transfer) || this.#read(transfer, drive, found.sector, into)) return 'loaded'
    return 'ended'
  }

  #read(transfer: Transfer, drive: FloppyDrive | null, sector: FloppySector, into: Uint8Array): boolean {
    const image = drive?.medium?.image
    try {
      image?.read(sector.block, blocksOf(sector.sizeCode), into)
      return true
    } catch (error) {
      this.onFault({
        drive: drive?.id ?? '',
        operation: 'read',
        error: asDiskError(error, image?.name ?? ''),
      })
      transfer.st2 |= ST2.DD
      this.#end(transfer, ST0.IC_ABNORMAL, ST1.DE)
      return false
    }
  }

  /** Uses what came from memory. False when the transfer has ended with it. */
  #take(transfer: Transfer, medium: MediumState, data: Uint8Array): boolean {
    switch (transfer.kind) {
      case 'format':
        return this.#formatSector(transfer, medium, data)
      case 'write': {
        const found = locate(medium.drive, medium.motorOn, medium.rate, transfer)
        if ('sector' in found) return this.#store(transfer, medium.drive, found.sector, data)
        this.#end(transfer, ST0.IC_ABNORMAL, found.st1)
        return false
      }
      default:
        return this.#scanSector(transfer, medium, data)
    }
  }

  #store(transfer: Transfer, drive: FloppyDrive | null, sector: FloppySector, data: Uint8Array): boolean {
    const image = drive?.medium?.image
    try {
      image?.write(sector.block, blocksOf(sector.sizeCode), data)
      return true
    } catch (error) {
      this.onFault({
        drive: drive?.id ?? '',
        operation: 'write',
        error: asDiskError(error, image?.name ?? ''),
      })
      // The chip has no other way to say that the drive could not write.
      this.#end(transfer, ST0.IC_ABNORMAL | ST0.EC, 0)
      return false
    }
  }

  /** Writes the fill byte to the sector that the header names; one with no place in the image spoils the track. */
  #formatSector(transfer: Transfer, medium: MediumState, header: Uint8Array): boolean {
    const [c = 0, h = 0, r = 0, n = 0] = header
    Object.assign(transfer, { c, h, r })
    const found = locate(medium.drive, medium.motorOn, medium.rate, { ...transfer, n })
    if (!('sector' in found)) {
      // Among mixed sizes, sectors of 128 bytes make the distance between those that stay.
      const isFiller = n === 0 && medium.drive?.medium?.geometry.layout !== undefined
      if (!isFiller) transfer.st1 |= ST1.ND
      return true
    }
    const filled = new Uint8Array(sectorBytes(n)).fill(transfer.extra)
    return this.#store(transfer, medium.drive, found.sector, filled)
  }

  #scanSector(transfer: Transfer, medium: MediumState, wanted: Uint8Array): boolean {
    const found = locate(medium.drive, medium.motorOn, medium.rate, transfer)
    if (!('sector' in found)) {
      this.#end(transfer, ST0.IC_ABNORMAL, found.st1)
      return false
    }
    const onDisk = new Uint8Array(wanted.length)
    if (!this.#read(transfer, medium.drive, found.sector, onDisk)) return false
    const outcome = compareSector(transfer.kind, onDisk, wanted)
    transfer.st2 &= ~(ST2.SH | ST2.SN)
    if (outcome === 'not-satisfied') {
      transfer.st2 |= ST2.SN
      return true
    }
    if (outcome === 'equal') transfer.st2 |= ST2.SH
    this.#end(transfer, 0, 0)
    return false
  }

  #next(transfer: Transfer, terminalCount: boolean): 'more' | 'ended' {
    if (transfer.left !== null) {
      transfer.left--
      if (transfer.left <= 0) return this.#end(transfer, transfer.st1 ? ST0.IC_ABNORMAL : 0, 0)
      if (transfer.kind === 'format') return 'more'
    }
    if (terminalCount) return this.#end(transfer, 0, 0)
    if (transfer.kind === 'read' && transfer.deleted && !transfer.skip) {
      transfer.st2 |= ST2.CM
      return this.#end(transfer, 0, 0)
    }
    const before = nextAddress(transfer)
    if (advance(transfer)) return 'more'
    // VERIFY gets no terminal count: the end of the cylinder is its own.
    const abnormal = transfer.kind !== 'verify'
    this.#end(transfer, abnormal ? ST0.IC_ABNORMAL : 0, abnormal ? ST1.EN : 0)
    ;[transfer.c, transfer.h, transfer.r, transfer.n] = before
    return 'ended'
  }

  /** Notes how it ended; without an error, the address goes on to the next sector. */
  #end(transfer: Transfer, st0: number, st1: number): 'ended' {
    this.st0 = st0
    transfer.st1 |= st1
    if (st0 === 0 && transfer.kind !== 'format')
      [transfer.c, transfer.h, transfer.r, transfer.n] = nextAddress(transfer)
    return 'ended'
  }
}

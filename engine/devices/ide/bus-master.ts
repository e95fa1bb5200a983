import * as v from 'valibot'
import type { Clock, Timer } from '../../base/clock.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import { bits, timeNs } from '../../base/saved-state.ts'

/** Registers of one channel, as offsets into its 8 bytes, and their bits: 82371SB datasheet (290550) 2.5. */
const REG = { BMIC: 0, BMIS: 2, BMIDTP: 4 } as const
const BMIC = { SSBM: 0x01, RWCON: 0x08 } as const
const BMIS = { BMIDEA: 0x01, ERROR: 0x02, IDEINTS: 0x04, CAPABLE: 0x60 } as const

const PRD_BYTES = 8
/** A table must not cross 64 KiB, so it has no more entries; nor does a transfer follow it any further. */
const MAX_PRDS = 0x10000 / PRD_BYTES
/** Moved without a pause: a few milliseconds of the host's time. */
const RUN_BYTES = 1024 * 1024
const PAUSE_NS = 1000

/** Guest memory as a bus master reaches it; engine/bus/memory-map.ts is one. */
export interface DmaMemory {
  dmaRead(address: number, into: Uint8Array): void
  dmaWrite(address: number, from: Uint8Array): void
}

/** The channel's side: the selected drive's data. */
export interface DmaPort {
  /** What the drive asks for: in, to memory, or out; null when nothing. */
  readonly dmaDirection: 'in' | 'out' | null
  /** The bytes that are to move next, in place. */
  readonly dmaData: Uint8Array
  /** So many of them were moved. */
  dmaMoved(bytes: number): void
  /** The table has ended, the data have not. */
  dmaCutShort(): void
}

export const busMasterSchema = v.strictObject({
  command: bits(8),
  status: bits(8),
  table: bits(32),
  /** Position in the table, and what is left of the current entry. */
  entries: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_PRDS)),
  address: bits(32),
  left: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0x10000)),
  last: v.boolean(),
  deadlineNs: v.nullable(timeNs),
})

type BusMasterState = Omit<v.InferOutput<typeof busMasterSchema>, 'deadlineNs'>

const powerOnState = (): BusMasterState => ({
  command: 0,
  status: 0,
  table: 0,
  entries: 0,
  address: 0,
  left: 0,
  last: false,
})

/** One channel's half of the PIIX3 bus-master IDE function. */
export class BusMaster {
  #masterEnabled = true
  #state = powerOnState()
  #running = false
  readonly #timer: Timer
  #descriptor = new Uint8Array(PRD_BYTES)

  /** @param delayNs from the start to the transfer, when the drive is ready before the host */
  constructor(
    private readonly clock: Clock,
    private readonly memory: DmaMemory,
    private readonly port: DmaPort,
    private readonly delayNs: number,
  ) {
    this.#timer = clock.createTimer(() => this.#run())
  }

  reset(): void {
    this.#timer.cancel()
    this.#state = powerOnState()
  }

  save() {
    return { ...this.#state, deadlineNs: this.#timer.deadlineNs }
  }

  restore({ deadlineNs, ...state }: v.InferOutput<typeof busMasterSchema>): void {
    this.#state = state
    if (deadlineNs === null) this.#timer.cancel()
    else this.#timer.arm(deadlineNs)
  }

  /** PCI command register bit 2, which is the PCI function's to keep: without it, nothing moves. */
  setMasterEnabled(enabled: boolean): void {
    this.#masterEnabled = enabled
    this.#run()
  }

  /** @param offset 0..7 */
  readByte(offset: number): number {
    const { command, status, table } = this.#state
    if (offset === REG.BMIC) return command
    if (offset === REG.BMIS) return status
    return offset >= REG.BMIDTP ? (table >>> (8 * (offset - REG.BMIDTP))) & 0xff : 0
  }

  writeByte(offset: number, value: number): void {
    const state = this.#state
    if (offset === REG.BMIC) return this.#writeCommand(value)
    if (offset === REG.BMIS) {
      const kept = state.status & ~BMIS.CAPABLE & ~(value & (BMIS.ERROR | BMIS.IDEINTS))
      state.status = kept | (value & BMIS.CAPABLE)
    } else if (offset >= REG.BMIDTP) {
      const shift = 8 * (offset - REG.BMIDTP)
      state.table = ((state.table & ~(0xff << shift)) | ((value & 0xff) << shift)) & ~3
      state.table >>>= 0
    }
  }

  /** The drive's interrupt request rose. */
  noteInterrupt(): void {
    this.#state.status |= BMIS.IDEINTS
  }

  /** The drive has become ready to move data. */
  driveReady(): void {
    if (this.#timer.deadlineNs === null) this.#run()
  }

  #writeCommand(value: number): void {
    const state = this.#state
    const was = state.command
    state.command = value & (BMIC.SSBM | BMIC.RWCON)
    if (!(value & BMIC.SSBM)) {
      this.#timer.cancel()
      state.status &= ~BMIS.BMIDEA
    } else if (!(was & BMIC.SSBM)) {
      Object.assign(state, { entries: 0, left: 0, last: false })
      state.status |= BMIS.BMIDEA
      if (this.port.dmaDirection) this.#timer.arm(this.clock.nowNs + this.delayNs)
    }
  }

  /** Moves data between the drive and the regions of the table until one of them has no more. */
  #run(): void {
    if (this.#running || !this.#masterEnabled) return
    this.#running = true
    const state = this.#state
    let budget = RUN_BYTES
    while (state.status & BMIS.BMIDEA && this.port.dmaDirection) {
      if (budget <= 0) {
        this.#timer.arm(this.clock.nowNs + PAUSE_NS)
        break
      }
      if (state.left === 0 && !this.#fetch()) break
      const moved = this.#moveChunk()
      if (moved === 0) break
      budget -= moved
    }
    this.#running = false
  }

  #moveChunk(): number {
    const state = this.#state
    const { port, memory } = this
    const { dmaData } = port
    const chunk = dmaData.subarray(0, Math.min(dmaData.length, state.left))
    if (port.dmaDirection === 'in') memory.dmaWrite(state.address, chunk)
    else memory.dmaRead(state.address, chunk)
    state.address = (state.address + chunk.length) >>> 0
    state.left -= chunk.length
    // Inactive before the drive interrupts: that is how a driver knows that both came to their end together.
    const tableEnded = state.left === 0 && state.last
    if (tableEnded) state.status &= ~BMIS.BMIDEA
    port.dmaMoved(chunk.length)
    if (tableEnded && port.dmaDirection) port.dmaCutShort()
    return chunk.length
  }

  /** Reads the next region, once: the guest may change it meanwhile. False when the table is broken. */
  #fetch(): boolean {
    const state = this.#state
    if (state.entries >= MAX_PRDS) {
      state.status = (state.status & ~BMIS.BMIDEA) | BMIS.ERROR
      return false
    }
    // The table wraps within its 64 KiB.
    const at = ((state.table & 0xffff0000) | ((state.table + state.entries * PRD_BYTES) & 0xffff)) >>> 0
    this.memory.dmaRead(at, this.#descriptor)
    const view = new DataView(this.#descriptor.buffer)
    state.entries++
    state.address = (view.getUint32(0, true) & ~1) >>> 0
    state.left = view.getUint16(4, true) & ~1 || 0x10000
    state.last = (view.getUint8(7) & 0x80) !== 0
    return true
  }
}

/**
 * The 16 ports at BAR 4 of the PIIX3 IDE function: primary channel first. A missing bus master reads as zeros.
 * SCO reads BMIC and BMIS in one 32-bit access.
 */
export class BusMasterPorts implements BusDevice {
  constructor(private readonly masters: readonly [BusMaster | null, BusMaster | null]) {}

  read(offset: number, size: AccessSize): number {
    let value = 0
    for (let index = 0; index < size; index++) {
      const at = (offset + index) & 15
      value |= (this.masters[at >> 3]?.readByte(at & 7) ?? 0) << (8 * index)
    }
    return value >>> 0
  }

  write(offset: number, value: number, size: AccessSize): void {
    for (let index = 0; index < size; index++) {
      const at = (offset + index) & 15
      this.masters[at >> 3]?.writeByte(at & 7, (value >>> (8 * index)) & 0xff)
    }
  }
}

import type { Clock } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { DiskFaultListener } from '../../storage/block-image.ts'
import type { Device } from '../device.ts'
import { parseSaved } from '../../base/saved-state.ts'
import { decodeCommand } from './commands.ts'
import { ControlCommands } from './control-commands.ts'
import { DataCommands } from './data-commands.ts'
import type { DmaChannel } from './dma-channel.ts'
import { FdcCore } from './fdc-core.ts'
import { type FdcSaved, fdcSchema, powerOnState } from './fdc-state.ts'
import { FdcTiming, type FloppyPace } from './fdc-timing.ts'
import { FloppyDrive, type FloppyDriveType } from './floppy-drive.ts'
import { CONFIGURE, CONFIGURE_DEFAULT, DIR, DOR, DSR, MSR, REG } from './registers.ts'
import { SectorMover } from './sector-mover.ts'
import { goesToMemory } from './sector-transfer.ts'

export interface FdcOptions {
  drives: [FloppyDriveType, FloppyDriveType]
  /** Default: quick. */
  pace?: FloppyPace
  /** Told when the host fails an access; the guest sees it in the status bytes. */
  onFault?: DiskFaultListener
}

/**
 * Intel 82077AA floppy-disk controller with two drives, as it sits in an AT. Ports 3F0h–3F5h are offsets 0–5;
 * port 3F7h is offset 7, to be mapped through `port7`. Drives are selected by the DOR, as on the cable; the unit
 * in a command only names the status (Windows 98 sets stray bits there).
 * @see 82077AA datasheet, Intel order number 290166
 */
export class Fdc implements Device, BusDevice {
  readonly id = 'fdc'
  readonly drives: readonly [FloppyDrive, FloppyDrive]
  /** Port 3F7h alone: DIR when read, CCR when written. */
  readonly port7: BusDevice = {
    read: () => this.read(REG.DIR),
    write: (_offset, value) => this.write(REG.DIR, value),
  }
  readonly #core: FdcCore
  readonly #control: ControlCommands
  readonly #data: DataCommands
  readonly #timing: FdcTiming

  /** @param irq interrupt 6 @param dma channel 2 */
  constructor(clock: Clock, irq: Line, dma: DmaChannel, options: FdcOptions) {
    this.drives = [
      new FloppyDrive('floppy0', options.drives[0]),
      new FloppyDrive('floppy1', options.drives[1]),
    ]
    this.#timing = new FdcTiming(options.pace ?? 'quick')
    this.#core = new FdcCore(clock, irq, this.drives, () => this.#expired())
    this.#control = new ControlCommands(this.#core, this.#timing)
    const mover = new SectorMover(dma, options.onFault ?? (() => {}))
    this.#data = new DataCommands(this.#core, this.#timing, mover)
  }

  reset(): void {
    this.#core.timer.cancel()
    this.#core.state = powerOnState()
    for (const drive of this.drives) drive.reset()
    this.#core.updateLine()
  }

  save(): FdcSaved {
    const { state, timer } = this.#core
    const [first, second] = this.drives
    return {
      version: 1,
      ...structuredClone(state),
      deadlineNs: timer.deadlineNs,
      drives: [first.save(), second.save()],
    }
  }

  restore(saved: unknown): void {
    const { version: _, drives, deadlineNs, ...state } = parseSaved(this.id, fdcSchema, saved)
    const { timer } = this.#core
    this.#core.state = structuredClone(state)
    for (const [index, drive] of this.drives.entries()) drive.restore(drives[index]!)
    if (deadlineNs === null) timer.cancel()
    else timer.arm(deadlineNs)
    this.#core.updateLine()
  }

  read(offset: number, _size: AccessSize = 1): number {
    const { state, selected } = this.#core
    switch (offset) {
      // As in PS/2 mode; an AT leaves these two undriven.
      case REG.SRA: {
        const inputs = (this.drives[1].present ? 0 : 0x40) | (selected?.atTrack0 ? 0 : 0x10) | 0x04
        return (
          (state.interrupt ? 0x80 : 0) | inputs | (state.head << 3) | (selected?.writeProtected ? 0 : 0x02)
        )
      }
      case REG.SRB:
        return 0xc0 | ((state.dor & 1) << 5) | ((state.dor >> 4) & 3)
      case REG.DOR:
        return state.dor
      case REG.TDR:
        return state.tdr
      case REG.MSR:
        return this.#mainStatus()
      case REG.DATA:
        return this.#readData()
      case REG.DIR:
        return selected?.diskChanged ? DIR.DSKCHG : 0
      default:
        return 0xff
    }
  }

  write(offset: number, value: number, _size: AccessSize = 1): void {
    const { state } = this.#core
    switch (offset) {
      case REG.DOR:
        return this.#writeDor(value)
      case REG.TDR:
        state.tdr = value & 3
        return
      case REG.MSR: // DSR
        state.dsr = value & ~DSR.SW_RESET
        state.rate = value & DSR.RATE
        if (value & DSR.SW_RESET && state.dor & DOR.RESET_N) this.#leaveReset()
        return
      case REG.DATA:
        return this.#writeData(value)
      case REG.DIR: // CCR
        state.rate = value & DSR.RATE
    }
  }

  #mainStatus(): number {
    const { dor, phase, pending, seekUnit, transfer } = this.#core.state
    if (!(dor & DOR.RESET_N) || pending === 'reset') return 0
    // Not ready while the head moves: OS/2 and NT 3.1 take a ready controller for one that has not started.
    if (pending === 'seek') return MSR.CMD_BUSY | (1 << seekUnit)
    switch (phase) {
      case 'idle':
        return MSR.RQM
      case 'command':
        return MSR.RQM | MSR.CMD_BUSY
      case 'result':
        return MSR.RQM | MSR.DIO | MSR.CMD_BUSY
      case 'execution': {
        // RQM stays low during DMA: 386BSD would take it for the end.
        if (!this.#core.nonDma) return MSR.CMD_BUSY
        const direction = transfer && goesToMemory(transfer.kind) ? MSR.DIO : 0
        return MSR.CMD_BUSY | MSR.NON_DMA | (this.#core.dataReady ? MSR.RQM | direction : 0)
      }
    }
  }

  #writeDor(value: number): void {
    const { state } = this.#core
    const was = state.dor
    state.dor = value
    if (!(value & DOR.RESET_N)) this.#enterReset()
    else if (!(was & DOR.RESET_N)) this.#leaveReset()
    this.#core.updateLine()
  }

  /** What a reset by DOR or DSR clears; SPECIFY, the data rate and what LOCK protects stay. */
  #enterReset(): void {
    const { dor, tdr, dsr, rate, lock, configure, pretrk, perpendicular, specify, lastEot } = this.#core.state
    this.#core.timer.cancel()
    this.#core.state = {
      ...powerOnState(),
      dor,
      tdr,
      dsr,
      rate,
      lock,
      specify,
      lastEot,
      perpendicular: perpendicular & 0x3c, // GAP and WGATE go
      configure: lock ? configure & (CONFIGURE.EFIFO | CONFIGURE.FIFOTHR) : CONFIGURE_DEFAULT,
      pretrk: lock ? pretrk : 0,
    }
    this.#core.updateLine()
  }

  #leaveReset(): void {
    this.#enterReset()
    this.#core.wait('reset', this.#timing.resetNs)
  }

  #expired(): void {
    const { state } = this.#core
    const { pending } = state
    state.pending = 'none'
    switch (pending) {
      case 'none':
        return
      case 'reset':
        state.resetSenses = 4
        return this.#core.setInterrupt(true)
      case 'seek':
        return this.#control.seekEnded()
      case 'read-id':
        return this.#data.readIdEnded()
      case 'sector':
        return this.#data.runTransfer()
      case 'fail':
        return this.#data.searchEnded()
    }
  }

  #readData(): number {
    const { state, nonDma, dataReady } = this.#core
    const { transfer } = state
    if (state.phase === 'result') {
      this.#core.setInterrupt(false)
      const value = state.result.shift() ?? 0
      if (state.result.length === 0) state.phase = 'idle'
      return value
    }
    if (!transfer || !goesToMemory(transfer.kind) || !nonDma || !dataReady) return 0
    const value = transfer.buffer[transfer.position++] ?? 0
    this.#data.byteMoved(transfer)
    return value
  }

  #writeData(value: number): void {
    const { state, nonDma, dataReady } = this.#core
    const { transfer, pending } = state
    if (!(state.dor & DOR.RESET_N) || pending === 'reset' || pending === 'seek') return
    if (state.phase === 'idle' || state.phase === 'command') {
      if (state.phase === 'idle') state.command = []
      state.phase = 'command'
      state.command.push(value)
      const { name, length } = decodeCommand(state.command[0] ?? 0)
      if (state.command.length < length) return
      if (!this.#data.execute(name)) this.#control.execute(name)
      return
    }
    if (!transfer || goesToMemory(transfer.kind) || !nonDma || !dataReady) return
    transfer.buffer[transfer.position++] = value
    this.#data.byteMoved(transfer)
  }
}

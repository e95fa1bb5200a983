import type { Clock, Timer } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import { type FdcState, powerOnState } from './fdc-state.ts'
import type { FloppyDrive } from './floppy-drive.ts'
import { DOR, ST0 } from './registers.ts'
import type { MediumState } from './sector-mover.ts'

/** What the register side and the command side of the controller share: its state, timer and interrupt. */
export class FdcCore {
  state: FdcState = powerOnState()
  readonly timer: Timer

  constructor(
    readonly clock: Clock,
    private readonly irq: Line,
    readonly drives: readonly [FloppyDrive, FloppyDrive],
    expired: () => void,
  ) {
    this.timer = clock.createTimer(expired)
  }

  /** The drive that the cable selects; the connectors for the third and fourth are empty. */
  get selected(): FloppyDrive | null {
    const drive = this.drives[this.state.dor & DOR.SELECT]
    return drive?.present ? drive : null
  }

  get motorOn(): boolean {
    return (this.state.dor & (DOR.MOTOR_0 << (this.state.dor & DOR.SELECT))) !== 0
  }

  /** SPECIFY said that the processor moves the data. */
  get nonDma(): boolean {
    return (this.state.specify[1] & 1) !== 0
  }

  /** Interrupt and DMA requests get out of the chip. */
  get requestsEnabled(): boolean {
    return (this.state.dor & DOR.DMAGATE_N) !== 0
  }

  get medium(): MediumState {
    return { drive: this.selected, motorOn: this.motorOn, rate: this.state.rate }
  }

  /** Non-DMA mode: the processor is to move a byte. */
  get dataReady(): boolean {
    const { phase, pending, transfer } = this.state
    return (
      phase === 'execution' && pending === 'none' && transfer !== null && transfer.position < transfer.length
    )
  }

  setInterrupt(on: boolean): void {
    this.state.interrupt = on
    this.updateLine()
  }

  updateLine(): void {
    this.irq.set(this.state.interrupt && this.requestsEnabled)
  }

  wait(pending: FdcState['pending'], delayNs: number): void {
    this.state.pending = pending
    this.timer.arm(this.clock.nowNs + delayNs)
  }

  /** Ends a command that needs no execution time and makes no interrupt. */
  answer(...result: number[]): void {
    this.state.result = result
    this.state.phase = result.length > 0 ? 'result' : 'idle'
  }

  /** Ends a data command with its seven result bytes and an interrupt. */
  finish(st0: number): void {
    const { state } = this
    const { transfer } = state
    if (!transfer) return
    const { unit, head, c, h, r, n, st1, st2 } = transfer
    state.head = head
    state.transfer = null
    state.resetSenses = 0
    this.answer(st0 | (head ? ST0.H : 0) | unit, st1, st2, c, h, r, n)
    this.setInterrupt(true)
  }
}

import * as v from 'valibot'
import type { Clock, Timer } from '../../base/clock.ts'
import { bits, timeNs } from '../../base/saved-state.ts'
import { STATUS, STATUS_READY } from './registers.ts'
import { type Signature, TaskFile, taskFileSchema } from './task-file.ts'

/**
 * How long a drive takes, in ns of guest time. `irqDelayNs` is added to whatever ends in an interrupt of a data
 * command: Windows 2000 loses a race with drives that answer sooner than in a millisecond or so.
 */
export interface IdeTiming {
  /** From the command to its first answer. */
  commandNs: number
  /** From one block of data to the next. */
  blockNs: number
  /** From the end of a software reset to ready. */
  resetNs: number
  irqDelayNs: number
}

// Some hundred guest instructions: drivers of the time end their own interrupt handling within that.
export const DEFAULT_IDE_TIMING: IdeTiming = {
  commandNs: 10_000,
  blockNs: 4_000,
  resetNs: 50_000,
  irqDelayNs: 0,
}

/** What a drive tells its channel. */
export interface DriveSignals {
  /** Its interrupt request changed. */
  interruptChanged(): void
  /** It has data for the bus master, or waits for some. */
  dmaReady(): void
}

export const DRIVE_PHASES = ['idle', 'busy', 'packet', 'data-in', 'data-out', 'dma-in', 'dma-out'] as const
export type DrivePhase = (typeof DRIVE_PHASES)[number]

export const driveCoreSchema = v.strictObject({
  taskFile: taskFileSchema,
  status: bits(8),
  phase: v.picklist(DRIVE_PHASES),
  interrupt: v.boolean(),
  deadlineNs: v.nullable(timeNs),
  /** The part of the buffer that is in use. */
  data: v.instance(Uint8Array),
  position: bits(20),
  end: bits(20),
  staged: bits(20),
})

export type SavedDriveCore = v.InferOutput<typeof driveCoreSchema>

/**
 * What hard disks and ATAPI drives have in common: task file, status, interrupt request, the time for which they
 * are busy, and a buffer through which data goes to or from the data port or the bus master.
 */
export class DriveCore {
  readonly taskFile = new TaskFile()
  readonly buffer: Uint8Array
  status = 0
  phase: DrivePhase = 'idle'
  interrupt = false
  /** The block now offered to the host is `position` to `end` of the buffer; up to `staged` is filled. */
  position = 0
  end = 0
  staged = 0
  readonly #timer: Timer

  /** @param proceed called when the drive has been busy for its time */
  constructor(
    private readonly clock: Clock,
    bufferBytes: number,
    private readonly signals: DriveSignals,
    proceed: () => void,
  ) {
    this.buffer = new Uint8Array(bufferBytes)
    this.#timer = clock.createTimer(proceed)
  }

  /** BSY for that long; then `proceed`. */
  beBusy(delayNs: number): void {
    this.phase = 'busy'
    this.status = STATUS.BSY
    this.#timer.arm(this.clock.nowNs + delayNs)
  }

  /** BSY until further notice. */
  hold(): void {
    this.abandon()
    this.phase = 'busy'
    this.status = STATUS.BSY
  }

  /** Asks the host to move `position` to `end`: by the data port, or by the bus master once that is started. */
  offer(phase: Exclude<DrivePhase, 'idle' | 'busy'>, end: number): void {
    this.phase = phase
    this.end = end
    this.status = STATUS_READY | STATUS.DRQ
    if (phase === 'dma-in' || phase === 'dma-out') this.signals.dmaReady()
  }

  /** Ends the command; an interrupt is the caller's to request. */
  finish(status: number = STATUS_READY): void {
    this.#timer.cancel()
    this.phase = 'idle'
    this.status = status
    this.position = 0
    this.end = 0
    this.staged = 0
  }

  /** Drops whatever is under way. */
  abandon(): void {
    this.finish()
    this.setInterrupt(false)
  }

  powerOn(signature: Signature, status: number): void {
    this.abandon()
    this.buffer.fill(0)
    this.taskFile.reset(signature)
    this.status = status
  }

  setInterrupt(on: boolean): void {
    this.interrupt = on
    this.signals.interruptChanged()
  }

  /** The bytes of the offered block that are still to move. */
  get pending(): Uint8Array {
    return this.buffer.subarray(this.position, this.end)
  }

  save(): SavedDriveCore {
    const { status, phase, interrupt, position, end, staged } = this
    return {
      taskFile: this.taskFile.save(),
      status,
      phase,
      interrupt,
      position,
      end,
      staged,
      deadlineNs: this.#timer.deadlineNs,
      data: this.buffer.slice(0, Math.max(end, staged)),
    }
  }

  /** True when a state that has the right shape also fits this drive. */
  accepts({ data, position, end, staged, phase }: SavedDriveCore): boolean {
    const moving = phase !== 'idle' && phase !== 'busy'
    const inOrder =
      position <= end && Math.max(end, staged) === data.length && data.length <= this.buffer.length
    return inOrder && (!moving || position < end)
  }

  restore({ taskFile, deadlineNs, data, ...rest }: SavedDriveCore): void {
    this.taskFile.restore(taskFile)
    Object.assign(this, rest)
    this.buffer.fill(0)
    this.buffer.set(data)
    if (deadlineNs === null) this.#timer.cancel()
    else this.#timer.arm(deadlineNs)
  }
}

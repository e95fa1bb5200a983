import { HostArea } from './host-area.ts'
import { SYS, type SystemCalls } from './system-calls.ts'

/**
 * How a running processor is stopped: a real-time signal to its thread. The signal stays blocked there and KVM
 * lets it through while the guest runs (KVM_SET_SIGNAL_MASK), so a kick that comes between two runs waits for
 * the next one instead of being lost, and no handler is needed.
 */
const KICK_SIGNAL = 63
const SIGNAL_SET_BYTES = 8
const SIG_BLOCK = 0
const SIGEV_THREAD_ID = 4
const CLOCK_MONOTONIC = 1
const NS_PER_SECOND = 1_000_000_000

/** Writes the thread's blocked signals with the kick taken out. */
export function withoutKick(calls: SystemCalls, address: number, view: DataView): void {
  calls.call(SYS.rtSigprocmask, SIG_BLOCK, 0, address, SIGNAL_SET_BYTES)
  view.setBigUint64(0, view.getBigUint64(0, true) & ~KICK_BIT, true)
}

/** Takes a kick off the thread's pending signals, if there is one. Uses 32 bytes of scratch space. */
export function takeKick(calls: SystemCalls, address: number, scratch: DataView): void {
  scratch.setBigUint64(0, KICK_BIT, true)
  scratch.setBigUint64(8, 0n, true)
  scratch.setBigUint64(16, 0n, true)
  calls.call(SYS.rtSigtimedwait, address, 0, address + 8, SIGNAL_SET_BYTES)
}

const KICK_BIT = 1n << BigInt(KICK_SIGNAL - 1)

/** Kicks of the thread that makes this: at a time, or by other threads that know its number. */
export class Kicker {
  readonly threadId: number
  readonly #area: HostArea
  readonly #timer: number

  constructor(private readonly calls: SystemCalls) {
    const area = new HostArea(calls)
    this.#area = area
    const { view, address } = area
    this.threadId = calls.call(SYS.gettid)
    view.setBigUint64(0, KICK_BIT, true)
    calls.call(SYS.rtSigprocmask, SIG_BLOCK, address, 0, SIGNAL_SET_BYTES)
    // struct sigevent: value, signal, way, thread.
    view.setBigUint64(0, 0n, true)
    view.setInt32(8, KICK_SIGNAL, true)
    view.setInt32(12, SIGEV_THREAD_ID, true)
    view.setInt32(16, this.threadId, true)
    const failed = calls.call(SYS.timerCreate, CLOCK_MONOTONIC, address, address + 64)
    if (failed < 0) throw new Error(`no timer for the virtual processor: error ${-failed}`)
    this.#timer = view.getInt32(64, true)
  }

  /** Kicks once, in so many ns from now; an earlier order is forgotten. */
  arm(ns: number): void {
    const { view, address } = this.#area
    const wait = Math.max(1, Math.min(Math.ceil(ns), NS_PER_SECOND))
    // struct itimerspec: no interval, then seconds and nanoseconds.
    view.setBigInt64(0, 0n, true)
    view.setBigInt64(8, 0n, true)
    view.setBigInt64(16, BigInt(Math.floor(wait / NS_PER_SECOND)), true)
    view.setBigInt64(24, BigInt(wait % NS_PER_SECOND), true)
    this.calls.call(SYS.timerSettime, this.#timer, 0, address, 0)
  }

  close(): void {
    this.calls.call(SYS.timerDelete, this.#timer)
  }
}

/** Kicks the processor that a thread of this process runs. */
export function kick(calls: SystemCalls, threadId: number): void {
  calls.call(SYS.tgkill, process.pid, threadId, KICK_SIGNAL)
}

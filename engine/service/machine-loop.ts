import { reasonOf } from '../base/errors.ts'
import type { Frame } from '../devices/display.ts'
import type { Machine, RunOutcome } from '../machine/machine.ts'
import { mayReachGuest, mayReachHost } from '../protocol/clipboard.ts'
import { because, inWords, type Reason } from '../protocol/reasons.ts'
import { describeError } from '../protocol/rpc.ts'
import type { MachineState } from '../protocol/vm-contract.ts'
import type { HostFault, VmStats } from '../protocol/vm.ts'
import { BufferPool, FramePump } from './frame-pump.ts'
import { DebuggerLink } from './debugger-link.ts'
import { RestWatch } from './rest-watch.ts'
import type { FromMachine, Picture, RequestName, Requests, ToMachine } from './thread-messages.ts'

/** Long enough that the way in and out of the machine does not count, short enough for input to feel immediate. */
const SLICE_NS = 4_000_000
const FRAME_NS = 1_000_000_000 / 60
/**
 * How long after a key or a button the picture is looked at besides: whenever the guest has nothing to do, and at the end,
 * when what most programs do about it has been drawn.
 */
const ECHO_NS = 3_000_000
/** How often a sleeping guest's picture is looked at once nothing has changed for a while: a cursor may blink. */
const QUIET_FRAME_NS = 100_000_000
const QUIET_AFTER_FRAMES = 30
const STATS_NS = 1_000_000_000
/** How often it is told at most that the guest gave text. */
const TEXT_NS = 250_000_000
/** For how long at a time what a saved state has of memory is brought in: while the guest runs, and while it has nothing to do. */
const BRING_IN_NS = 1_000_000
const BRING_IN_IDLE_NS = 4_000_000
/** How long the same fault is not told again. */
const FAULT_NS = 60_000_000_000
const MAX_FAULTS = 100
/** How often a guest that stands because the host's disk is full is tried again. */
const STALL_NS = 2_000_000_000

/** What the loop needs of the thread that it blocks. */
export interface LoopHost {
  /** Monotonic host time. */
  nowNs(): number
  /** Sleeps until kicked, or for at most so long; returns at once when a kick is pending. */
  sleep(ns: number): void
  receive(): ToMachine | undefined
  post(message: FromMachine, transfer?: ArrayBuffer[]): void
  /** Memory of the host that this process holds, in bytes. */
  memoryBytes(): number
  /** The guest rests: what its work has left behind can be tidied up, which takes some hundredths of a second. */
  rest(): void
}

type Answers = { [K in RequestName]: (...args: Requests[K]['args']) => Requests[K]['answer'] }

/**
 * Runs one machine on a thread of its own: a slice of guest time, then the messages that came, then what the
 * watchers are owed. An idle guest sleeps until its next timer or a kick.
 */
export class MachineLoop {
  #state: MachineState = { kind: 'running' }
  #views = new Map<number, FramePump>()
  #pool = new BufferPool()
  #nextFrameNs = 0
  /** Until when the answer to an input is looked for; Infinity when there was none. */
  #echoNs = Infinity
  /** Buttons of the mouse that are held. */
  #buttons = 0
  #stillFrames = 0
  #frames = 0
  #absolute = false
  #serial = new Map<number, Uint8Array[]>()
  #watched = false
  /** Some of its memory may still be in the state that it began with. */
  #isComing = true
  /** It is paused for want of room on the host, and goes on by itself. */
  #isStalled = false
  /** When each fault was last told. */
  #faults = new Map<string, number>()
  #nextStatsNs = 0
  #textsTold = 0
  #nextTextNs = 0
  #lastStats = { atNs: 0, instructions: 0, sleptNs: 0, frames: 0 }
  #sleptNs = 0
  readonly #restWatch: RestWatch
  readonly #debugger: DebuggerLink

  /** @param waits it stands before its first instruction until a debugger, or somebody else, lets it go */
  constructor(
    private readonly machine: Machine,
    private readonly host: LoopHost,
    waits = false,
  ) {
    if (waits) this.#state = { kind: 'paused' }
    this.#debugger = new DebuggerLink(machine, host, {
      isRunning: () => this.#state.kind === 'running',
      setState: (kind) => this.#setState({ kind }),
    })
    machine.serial.forEach((end, port) => end.onOutput((bytes) => this.#noteSerial(port, bytes)))
    machine.onFault((fault) => this.#noteFault(fault))
    this.#lastStats.atNs = host.nowNs()
    this.#restWatch = new RestWatch(host.nowNs())
  }

  /** Returns when the machine has ended; the machine is closed then. */
  run(): void {
    this.#setState(this.#state)
    try {
      while (this.#alive) this.#turn()
    } catch (error) {
      this.#setState({ kind: 'failed', reason: reasonOf(error) })
    }
    try {
      this.#flushSerial()
      this.#debugger.ended(this.#state.kind === 'debug-exit' ? this.#state.status : 0)
      this.#showFrames(true)
      this.host.post({ kind: 'stats', stats: this.#stats() })
    } catch {
      // What went wrong first has been told.
    }
    try {
      this.machine.close()
    } catch (error) {
      this.#setState({ kind: 'failed', reason: reasonOf(error) })
    }
  }

  get #alive(): boolean {
    return this.#state.kind === 'running' || this.#state.kind === 'paused'
  }

  #setState(state: MachineState): void {
    this.#state = state
    this.host.post({ kind: 'state', state })
  }

  #turn(): void {
    for (let message = this.host.receive(); message; message = this.host.receive()) this.#handle(message)
    if (this.#state.kind === 'running') this.#runSlice()
    else if (this.#state.kind === 'paused') {
      this.#showFrames()
      if (this.#bringsIn(BRING_IN_IDLE_NS)) return
      this.host.sleep(this.#watched ? STATS_NS : this.#isStalled ? STALL_NS : Infinity)
      if (this.#isStalled) this.#runSlice()
    }
    this.#reportText()
    this.#reportStats()
  }

  #runSlice(): void {
    const outcome = this.machine.run(SLICE_NS)
    this.#flushSerial()
    this.#showFrames(outcome.kind === 'idle' && this.#echoNs < Infinity)
    this.#bringsIn(BRING_IN_NS)
    this.#follow(outcome)
  }

  #follow(outcome: RunOutcome): void {
    if (this.#isStalled && outcome.kind !== 'stalled') {
      this.#isStalled = false
      this.#setState({ kind: 'running' })
    }
    switch (outcome.kind) {
      case 'slice':
        return
      case 'idle':
        return this.#sleep(Math.min(outcome.wakeNs, this.#untilNextFrameNs()), outcome.held)
      case 'stopped':
        return this.#debugger.stopped()
      case 'stalled':
        return this.#stall(because('of-file', { path: outcome.path, reason: outcome.reason }))
      case 'powered-off':
        return this.#setState({ kind: 'off' })
      case 'debug-exit':
      case 'crashed':
        return this.#setState(outcome)
    }
  }

  /** @returns whether there is more to be brought in */
  #bringsIn(budgetNs: number): boolean {
    if (this.#isComing) this.#isComing = this.machine.bringIn(budgetNs)
    return this.#isComing
  }

  #stall(reason: Reason): void {
    if (this.#isStalled && this.#state.kind === 'paused') return
    this.#isStalled = true
    this.#setState({ kind: 'paused', reason: reason })
  }

  /** @param held the guest would run if it might: that is no rest of its own */
  #sleep(ns: number, held: boolean): void {
    if (ns <= 0 || this.#bringsIn(Math.min(ns, BRING_IN_IDLE_NS))) return
    const before = this.host.nowNs()
    this.host.sleep(this.#watched ? Math.min(ns, STATS_NS) : ns)
    const nowNs = this.host.nowNs()
    this.#sleptNs += nowNs - before
    if (held) this.#restWatch.wasHeld(nowNs - before)
    else if (this.#restWatch.hasSlept(nowNs - before, nowNs)) this.host.rest()
  }

  #handle(message: ToMachine): void {
    const { machine } = this
    switch (message.kind) {
      case 'key':
        machine.attend()
        this.#expectEcho()
        return machine.keyboard.key(message.code, message.pressed)
      case 'mouse':
        machine.attend()
        this.#noteButtons(message.buttons)
        return machine.mouse.move(message.dx, message.dy, message.wheel, message.buttons)
      case 'mouse-to':
        machine.attend()
        this.#noteButtons(message.buttons)
        return machine.mouse.moveTo(message.x, message.y, message.wheel, message.buttons)
      case 'serial':
        machine.attend()
        return machine.serial[message.port]?.input(message.bytes)
      case 'open-view':
        this.#views.set(message.view, new FramePump(this.#pool))
        machine.setWatched(true)
        this.#nextFrameNs = 0
        this.host.post({ kind: 'pointer', absolute: this.#absolute })
        return
      case 'close-view':
        this.#views.delete(message.view)
        machine.setWatched(this.#views.size > 0)
        return
      case 'acknowledge':
        return this.#views.get(message.view)?.acknowledge(message.sequence)
      case 'buffer':
        return this.#pool.give(message.buffer)
      case 'watch-stats':
        this.#watched = message.on
        return
      case 'debugger-attach':
        return this.#debugger.attach()
      case 'debugger':
        return this.#debugger.receive(message.bytes)
      case 'debugger-detach':
        return this.#debugger.detach()
      case 'request':
        return this.#answer(message.id, message.name, message.args)
    }
  }

  #answer(id: number, name: RequestName, args: unknown[]): void {
    try {
      const ask = this.#answers[name] as (...args: unknown[]) => unknown
      this.host.post({ kind: 'answer', id, value: ask(...args) })
    } catch (error) {
      this.host.post({ kind: 'error', id, error: describeError(error) })
    }
  }

  #answers: Answers = {
    pause: () => {
      // Whoever pauses it while it waits for room wants it to stay paused.
      this.#isStalled = false
      if (this.#state.kind === 'running') this.#setState({ kind: 'paused' })
    },
    resume: () => {
      // What a debugger has stopped only the debugger sets going.
      if (this.#state.kind === 'paused' && !this.#debugger.holds) this.#setState({ kind: 'running' })
    },
    reset: () => this.machine.reset(),
    setCap: (percent) => this.machine.setCap(percent),
    setTimeScale: (scale) => this.machine.setTimeScale(scale),
    powerButton: () => this.machine.pressPowerButton(),
    powerOff: () => this.#setState({ kind: 'off' }),
    allowClipboard: (direction) =>
      this.machine.clipboard.allow(mayReachGuest(direction), mayReachHost(direction)),
    offerText: (text) => this.machine.clipboard.offer(text),
    guestText: () => this.machine.clipboard.given,
    screenText: () => this.machine.display.text(),
    picture: () => this.#picture(),
    stats: () => this.#stats(),
    drives: () => this.machine.drives(),
    eject: (drive) => this.machine.eject(drive),
    insert: (drive, path, options) => this.machine.insert(drive, path, options),
    save: () => this.machine.save(),
    bringIn: () => (this.#isComing = this.machine.bringIn(BRING_IN_NS)),
    captureBytes: () => this.machine.captureBytes,
    lookAt: (bay) => this.machine.lookAt(bay),
    freeze: (layers, room) => this.machine.freeze(layers, room),
    thaw: () => this.machine.thaw(),
    beginMerge: (layers) => this.machine.beginMerge(layers),
    mergeStep: () => this.machine.mergeStep(),
    settleMerge: () => this.machine.settleMerge(),
    endMerge: (isMerged) => this.machine.endMerge(isMerged),
  }

  #picture(): Picture {
    const frame = this.#update()
    const { width, height, aspectRatio } = frame
    return { width, height, aspectRatio, pixels: frame.pixels.slice(0, width * height * 4) }
  }

  /** Every update is noted for every view, since the next one leaves out what this one told. */
  #update(): Frame {
    const frame = this.machine.display.update()
    for (const pump of this.#views.values()) pump.note(frame)
    this.#stillFrames = frame.dirty.length ? 0 : this.#stillFrames + 1
    return frame
  }

  #untilNextFrameNs(): number {
    if (!this.#views.size) return Infinity
    const quiet = this.#stillFrames > QUIET_AFTER_FRAMES ? QUIET_FRAME_NS - FRAME_NS : 0
    return Math.max(0, Math.min(this.#nextFrameNs + quiet, this.#echoNs) - this.host.nowNs())
  }

  #noteButtons(buttons: number): void {
    if (buttons !== this.#buttons) this.#expectEcho()
    this.#buttons = buttons
  }

  #expectEcho(): void {
    this.#echoNs = Math.min(this.#echoNs, this.host.nowNs() + ECHO_NS)
  }

  #showFrames(now = false): void {
    if (!this.#views.size) return
    const nowNs = this.host.nowNs()
    const isDue = nowNs >= this.#nextFrameNs
    if (!now && !isDue && nowNs < this.#echoNs) return
    if (nowNs >= this.#echoNs) this.#echoNs = Infinity
    // From the last due time while it keeps up, not from "now": rounding must not eat frames. One in between moves nothing.
    if (isDue) this.#nextFrameNs += FRAME_NS
    if (this.#nextFrameNs <= nowNs) this.#nextFrameNs = nowNs + FRAME_NS
    const frame = this.#update()
    this.#frames++
    for (const [view, pump] of this.#views) {
      const buffer = pump.next(frame)
      if (buffer) this.host.post({ kind: 'frame', view, buffer }, [buffer])
    }
    const { absolute } = this.machine.mouse
    if (absolute !== this.#absolute) this.host.post({ kind: 'pointer', absolute })
    this.#absolute = absolute
  }

  /** A guest that tries again and again does not tell the user again and again. */
  #noteFault(fault: HostFault): void {
    const key = `${fault.path} ${fault.operation} ${inWords(fault.reason)}`
    const nowNs = this.host.nowNs()
    if (nowNs - (this.#faults.get(key) ?? -Infinity) < FAULT_NS) return
    if (this.#faults.size >= MAX_FAULTS) this.#faults.clear()
    this.#faults.set(key, nowNs)
    this.host.post({ kind: 'fault', fault })
  }

  #noteSerial(port: number, bytes: Uint8Array): void {
    const waiting = this.#serial.get(port)
    if (waiting) waiting.push(bytes.slice())
    else this.#serial.set(port, [bytes.slice()])
  }

  #flushSerial(): void {
    for (const [port, parts] of this.#serial) {
      const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
      let at = 0
      for (const part of parts) {
        bytes.set(part, at)
        at += part.length
      }
      this.host.post({ kind: 'serial', port, bytes })
    }
    this.#serial.clear()
  }

  /** However often a guest gives text, whoever watches is told now and then. */
  #reportText(): void {
    const { count } = this.machine.clipboard
    if (count === this.#textsTold || this.host.nowNs() < this.#nextTextNs) return
    this.#textsTold = count
    this.#nextTextNs = this.host.nowNs() + TEXT_NS
    this.host.post({ kind: 'text-given' })
  }

  #reportStats(): void {
    if (!this.#watched || this.host.nowNs() < this.#nextStatsNs) return
    this.#nextStatsNs = this.host.nowNs() + STATS_NS
    this.host.post({ kind: 'stats', stats: this.#stats() })
    this.#lastStats = {
      atNs: this.host.nowNs(),
      instructions: this.machine.stats().instructions,
      sleptNs: this.#sleptNs,
      frames: this.#frames,
    }
  }

  #stats(): VmStats {
    const stats = this.machine.stats()
    const last = this.#lastStats
    const hostNs = this.host.nowNs()
    const spanNs = Math.max(1, hostNs - last.atNs)
    const perSecond = (count: number) => Math.max(0, (count * 1e9) / spanNs)
    return {
      ...stats,
      hostNs,
      frames: this.#frames,
      instructionsPerSecond: perSecond(stats.instructions - last.instructions),
      busy: Math.min(1, Math.max(0, 1 - (this.#sleptNs - last.sleptNs) / spanNs)),
      framesPerSecond: perSecond(this.#frames - last.frames),
      drives: this.machine.drives(),
      memoryBytes: this.host.memoryBytes(),
    }
  }
}

/** Accesses that a watchpoint stops at. */
export type WatchKind = 'read' | 'write' | 'access'

interface Watchpoint {
  kind: WatchKind
  /** First byte and the one behind the last, linear. */
  from: number
  to: number
}

/** Why the processor stopped for a debugger. */
export type StopReason =
  | { kind: 'breakpoint'; linear: number }
  | { kind: 'watchpoint'; watch: WatchKind; linear: number }
  | { kind: 'step' }

const PAGE_OFFSETS = 4096

/**
 * Where a debugger wants the processor to stop, by linear address. Guest memory and the guest's own debug
 * registers stay as they are. Decoded code leaves a gap at every instruction whose offset in its page is that of a
 * breakpoint, whatever page it is, so that neither remapping nor the mode can lead around one.
 */
export class Stops {
  #code = new Set<number>()
  #offsets = new Uint8Array(PAGE_OFFSETS)
  #watchpoints: Watchpoint[] = []
  #pages: ReadonlySet<number> = new Set()
  #hit: StopReason | null = null
  /** Stop after the next instruction, or repetition of a string instruction. */
  single = false
  /** Interrupts wait while it goes step by step, unless the processor is halted. */
  holdInterrupts = true
  /** Called when other instructions than before need a gap. */
  onCodeChange: () => void = () => {}
  /** Called when other pages than before are watched. */
  onPagesChange: () => void = () => {}

  addBreakpoint(linear: number): void {
    this.#code.add(linear >>> 0)
    this.#noteOffsets()
  }

  removeBreakpoint(linear: number): void {
    if (this.#code.delete(linear >>> 0)) this.#noteOffsets()
  }

  addWatchpoint(kind: WatchKind, linear: number, length: number): void {
    const from = linear >>> 0
    this.#watchpoints.push({ kind, from, to: from + length })
    this.#notePages()
  }

  removeWatchpoint(kind: WatchKind, linear: number, length: number): void {
    const from = linear >>> 0
    const same = (point: Watchpoint) =>
      point.kind === kind && point.from === from && point.to === from + length
    this.#watchpoints = this.#watchpoints.filter((point) => !same(point))
    this.#notePages()
  }

  /** The processor is about to go on. */
  begin(single: boolean): void {
    this.#hit = null
    this.single = single
  }

  /** Breakpoints and watchpoints that are set. */
  get count(): number {
    return this.#code.size + this.#watchpoints.length
  }

  clear(): void {
    this.#code.clear()
    this.#watchpoints = []
    this.begin(false)
    this.#noteOffsets()
    this.#notePages()
  }

  // What the processor asks.

  /** True when some breakpoint has this offset in its page. */
  needsGap(offset: number): boolean {
    return this.#offsets[offset] !== 0
  }

  isBreakpoint(linear: number): boolean {
    return this.#code.size > 0 && this.#code.has(linear >>> 0)
  }

  get watchesAny(): boolean {
    return this.#pages.size > 0
  }

  watches(page: number): boolean {
    return this.#pages.size > 0 && this.#pages.has(page)
  }

  /** True when an access is one that a watchpoint stops at. */
  stopsAt(linear: number, size: number, write: boolean): boolean {
    return this.#watchpoints.length > 0 && this.#find(linear, size, write) !== undefined
  }

  /** Notes an access; the first that counts is what the debugger hears of. */
  touched(linear: number, size: number, write: boolean): void {
    if (this.#watchpoints.length === 0 || this.#hit) return
    const point = this.#find(linear, size, write)
    if (point)
      this.#hit = { kind: 'watchpoint', watch: point.kind, linear: Math.max(point.from, linear >>> 0) }
  }

  /** True when the processor should stop: it has been where a watchpoint is. */
  get isHit(): boolean {
    return this.#hit !== null
  }

  /** The reason of a stop, told once. Without a hit it was a breakpoint, or else a step. */
  take(linear: number): StopReason {
    const hit = this.#hit
    this.#hit = null
    this.single = false
    return (
      hit ?? (this.isBreakpoint(linear) ? { kind: 'breakpoint', linear: linear >>> 0 } : { kind: 'step' })
    )
  }

  #find(linear: number, size: number, write: boolean): Watchpoint | undefined {
    const from = linear >>> 0
    return this.#watchpoints.find(
      (point) => point.kind !== (write ? 'read' : 'write') && from < point.to && point.from < from + size,
    )
  }

  #noteOffsets(): void {
    const offsets = new Uint8Array(PAGE_OFFSETS)
    for (const linear of this.#code) offsets[linear & (PAGE_OFFSETS - 1)] = 1
    if (offsets.every((value, i) => value === this.#offsets[i])) return
    this.#offsets = offsets
    this.onCodeChange()
  }

  #notePages(): void {
    const pages = new Set<number>()
    for (const { from, to } of this.#watchpoints)
      for (let page = from >>> 12; page * PAGE_OFFSETS < to; page++) pages.add(page)
    this.#pages = pages
    this.onPagesChange()
  }
}

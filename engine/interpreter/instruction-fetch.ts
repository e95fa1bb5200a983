import type { MemoryMap } from '../bus/memory-map.ts'
import type { Decoder, Instruction } from '../isa/decoder.ts'
import { CS, State } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import { CpuFault, generalProtection, invalidOpcode } from '../vcpu/fault.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import { PrefetchQueue } from '../vcpu/prefetch-queue.ts'
import type { CodeFinder } from './code-finder.ts'

const MAX_LENGTH = 15
const MAX_AHEAD = 32

/** Decodes single instructions, across a page boundary if need be, from whatever memory is there. */
export class InstructionFetch {
  /** What was fetched before the instructions that come first in it. */
  readonly queue = new PrefetchQueue()
  readonly #bytes = new Uint8Array(MAX_AHEAD)

  constructor(
    private readonly state: CpuState,
    private readonly memory: MemoryMap,
    private readonly mmu: Mmu,
    private readonly decoder: Decoder,
    private readonly finder: CodeFinder,
  ) {}

  /** The instruction at an EIP. Throws what its fetch or its encoding raises. */
  at(eip: number): Instruction {
    const { state, decoder, finder } = this
    const limit = state.limit(CS)
    const linear = (state.base(CS) + eip) >>> 0
    const inSegment = limit - eip + 1
    // An 8086 goes on at the beginning of the segment.
    const available = state.is8086 ? MAX_LENGTH : Math.min(MAX_LENGTH, inSegment)
    const inPage = 0x1000 - (linear & 0xfff)
    const waiting = this.queue.waiting(linear)
    let bytes = 0
    let result: ReturnType<Decoder['decode']> = 'truncated'
    if (waiting > 0) {
      bytes = Math.min(waiting, available)
      if (bytes > 0) this.queue.read(linear, this.#bytes, bytes)
      result = decoder.decode(this.#bytes, 0, bytes, finder.variant)
    }
    for (const end of [Math.min(inPage, inSegment), Math.max(inPage, inSegment), available]) {
      if (result !== 'truncated' || bytes >= Math.min(end, available)) continue
      const start = bytes < inSegment ? linear : linear - 0x10000
      bytes = this.#fetch(start, bytes, Math.min(end, available))
      result = decoder.decode(this.#bytes, 0, bytes, finder.variant)
    }
    if (result === 'undefined') throw invalidOpcode()
    if (typeof result === 'string') throw generalProtection()
    if (waiting > 0) this.queue.take(linear, result.length)
    return result
  }

  /** Fetches what lies in the page from an EIP on, if there is one, before addresses come to mean something else. */
  ahead(eip: number, count: number): void {
    const linear = (this.state.base(CS) + eip) >>> 0
    const cr2 = this.state.word(State.CR2)
    try {
      const bytes = this.#fetch(linear, 0, Math.min(count, 0x1000 - (linear & 0xfff)))
      this.queue.fill(linear, this.#bytes.slice(0, bytes))
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
      this.state.setWord(State.CR2, cr2)
    }
  }

  /** Bytes from number `from` to before `to`, which lie in one page. */
  #fetch(linear: number, from: number, to: number): number {
    if (from >= to) return from
    const first = (linear + from) >>> 0
    const physical = this.mmu.translate(first, 'fetch', this.state.cpl === 3)
    for (let i = from; i < to; i++) this.#bytes[i] = this.memory.fetch(physical + i - from)
    return to
  }
}

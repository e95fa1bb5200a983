import type { MemoryMap } from '../bus/memory-map.ts'
import { EAX, ECX, EDI, ES, ESI, Segment, State, TLB, TLB_BYTES, segmentAt } from '../isa/state.ts'
import { SystemOp } from '../isa/system-op.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import { type BlockMoves, buildBlockMoves } from './block-moves.ts'
import { type StringSearch, buildStringSearch, searchIndex } from './string-search.ts'

/** A stretch of memory that the TLB maps directly. */
interface Run {
  host: number
  /** Bytes up to the end of the page and the segment. */
  bytes: number
}

/**
 * Repeated string instructions, forward, as far as one page reaches on each side and the TLB allows it.
 * The rest (faults, devices, edges, overlaps that propagate) is left to single steps.
 */
export class BulkStrings {
  readonly #tlb: Int32Array
  readonly #bytes: Uint8Array
  readonly #stringSearch: StringSearch
  readonly #moves: BlockMoves

  constructor(
    private readonly state: CpuState,
    memory: MemoryMap,
  ) {
    this.#tlb = new Int32Array(memory.memory.wasm.buffer, TLB, TLB_BYTES / 4)
    this.#bytes = memory.memory.bytes
    this.#stringSearch = buildStringSearch(memory.memory.wasm)
    this.#moves = buildBlockMoves(memory.memory.wasm)
  }

  /**
   * @param kind size | address size << 8 | 1 << 16 for REP and REPE, 2 << 16 for REPNE
   * @param source segment cache of the source, 0 when flat
   * @returns repetitions done; ECX, ESI and EDI are moved on
   */
  run(op: number, kind: number, source: number): number {
    const { state } = this
    if (state.word(State.DF) < 0) return 0
    const size = kind & 0xff
    const mask = ((kind >> 8) & 0xff) === 2 ? 0xffff : 0xffffffff
    const count = (state.gpr(ECX) & mask) >>> 0
    const compares = op === SystemOp.BULK_SCAS || op === SystemOp.BULK_CMPS
    const write = !compares
    const destination = this.#run(state.gpr(EDI), mask, source === 0 ? 0 : segmentAt(ES), write)
    if (!destination) return 0
    let elements = Math.min(count, Math.floor(destination.bytes / size))
    let from: Run | null = null
    if (op === SystemOp.BULK_MOVS || op === SystemOp.BULK_CMPS) {
      from = this.#run(state.gpr(ESI), mask, source, false)
      if (!from) return 0
      elements = Math.min(elements, Math.floor(from.bytes / size))
    }
    if (elements < 2) return 0
    let done: number
    switch (op) {
      case SystemOp.BULK_MOVS:
        done = this.#move(from!.host, destination.host, elements * size, size) ? elements : 0
        break
      case SystemOp.BULK_STOS:
        this.#fill(destination.host, elements, size)
        done = elements
        break
      default:
        // The element that ends the search is left to a single step, which sets the flags; and one before
        // it, so that they are right should that step fault.
        elements = Math.min(elements, count - 1)
        done = Math.max(0, this.#search(kind >> 16 === 1, size, destination.host, from, elements) - 1)
    }
    if (done === 0) return 0
    this.#advance(ECX, -done, mask)
    this.#advance(EDI, done * size, mask)
    if (from) this.#advance(ESI, done * size, mask)
    return done
  }

  #run(pointer: number, mask: number, segmentAddress: number, write: boolean): Run | null {
    const { state } = this
    const offset = (pointer & mask) >>> 0
    let linear = offset
    let bytes = mask === 0xffff ? 0x10000 - offset : 0x1000
    if (segmentAddress !== 0) {
      const count = state.word(segmentAddress + (write ? Segment.WRITE_COUNT : Segment.READ_COUNT)) >>> 0
      if (offset >= count) return null
      bytes = Math.min(bytes, count - offset)
      linear = (state.word(segmentAddress + Segment.BASE) + offset) >>> 0
    }
    const entry = this.#tlb[linear >>> 12]!
    if (!(entry & state.word(write ? State.WRITE_BIT : State.READ_BIT))) return null
    return { host: (linear + (entry & ~0xfff)) >>> 0, bytes: Math.min(bytes, 0x1000 - (linear & 0xfff)) }
  }

  /** False when the overlap makes earlier stores feed later loads in another pattern than bytes do. */
  #move(from: number, to: number, bytes: number, size: number): boolean {
    const data = this.#bytes
    const distance = to - from
    if (distance <= 0 || distance >= bytes) {
      this.#moves.copy(to, from, bytes)
      return true
    }
    if (distance < size) return false
    for (let i = 0; i < bytes; i++) data[to + i] = data[from + i]!
    return true
  }

  #fill(host: number, elements: number, size: number): void {
    const data = this.#bytes
    const value = this.state.gpr(EAX)
    const word = size === 4 ? value : size === 2 ? (value & 0xffff) * 0x10001 : (value & 0xff) * 0x1010101
    const bytes = elements * size
    if (bytes >= 16) this.#moves.fill(host, word, bytes)
    else for (let i = 0; i < bytes; i++) data[host + i] = word >>> (8 * (i & 3))
  }

  /** How many elements from the start on do not end the search. */
  #search(whileEqual: boolean, size: number, host: number, from: Run | null, elements: number): number {
    const { scan, compare } = this.#stringSearch
    const index = searchIndex(size, whileEqual)
    return from
      ? compare[index]!(host, from.host, elements)
      : scan[index]!(host, this.state.gpr(EAX), elements)
  }

  #advance(register: number, by: number, mask: number): void {
    const value = this.state.gpr(register)
    this.state.setGpr(register, mask === 0xffff ? (value & ~0xffff) | ((value + by) & 0xffff) : value + by)
  }
}

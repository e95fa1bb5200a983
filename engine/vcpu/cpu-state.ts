import type { GuestMemory } from '../memory/guest-memory.ts'
import { AC, ARITHMETIC, DIRECTION, VM, flagsFromWords, wordsFromFlags } from '../isa/flags.ts'
import { CS, SS, Segment, State, Tlb, gprAt, segmentAt } from '../isa/state.ts'

/** Control register bits (SDM vol. 3, 2.5). */
export const CR0 = {
  PE: 1,
  MP: 2,
  EM: 4,
  TS: 8,
  ET: 0x10,
  NE: 0x20,
  WP: 0x10000,
  AM: 0x40000,
  NW: 0x20000000,
  CD: 0x40000000,
  PG: 0x80000000,
} as const
export const CR4 = {
  VME: 1,
  PVI: 2,
  TSD: 4,
  DE: 8,
  PSE: 0x10,
  PAE: 0x20,
  MCE: 0x40,
  PGE: 0x80,
  PCE: 0x100,
  OSFXSR: 0x200,
  OSXMMEXCPT: 0x400,
} as const

/** Access byte and flag bits of a segment cache (descriptor bits 40-47 and 52-55). */
export const Access = {
  ACCESSED: 1,
  /** Data: writable; code: readable. */
  WRITABLE: 2,
  /** Data: expand-down; code: conforming. */
  EXPAND_DOWN: 4,
  CODE: 8,
  /** Not a system descriptor. */
  SEGMENT: 0x10,
  DPL_SHIFT: 5,
  PRESENT: 0x80,
  /** D/B flag. */
  BIG: 0x4000,
  GRANULAR: 0x8000,
} as const

/**
 * The architectural state of one processor, which lies in the linear memory where generated code finds it.
 * Words are signed here; whoever needs an address or a limit applies >>> 0.
 */
export class CpuState {
  readonly words: Int32Array
  /** Bits of EFLAGS that this processor has. */
  #systemFlags = 0x3fffff
  /** Those of them that can be set in real mode. */
  #realFlags = 0x3fffff
  /** Those that are always set. */
  #fixedFlags = 0
  readonly view: DataView
  /** An 8086: offsets wrap at the end of a segment and addresses at 1 MiB, where later processors fault or go on. */
  is8086 = false

  constructor(memory: GuestMemory) {
    this.words = new Int32Array(memory.wasm.buffer, 0, State.END / 4)
    this.view = memory.view
  }

  /**
   * What a model has of EFLAGS beyond what all have: programs tell processors apart by what they can set.
   * @param flags bits that can be set, in real mode and else; and those that always are
   */
  haveFlags({ real, all, fixed }: { real: number; all: number; fixed: number }): void {
    this.#realFlags = real
    this.#systemFlags = all
    this.#fixedFlags = fixed
  }

  word(address: number): number {
    return this.words[address >> 2]!
  }

  setWord(address: number, value: number): void {
    this.words[address >> 2] = value
  }

  /** A 32-bit general register, signed. */
  gpr(index: number): number {
    return this.words[gprAt(index, 4) >> 2]!
  }

  setGpr(index: number, value: number): void {
    this.words[gprAt(index, 4) >> 2] = value
  }

  setGpr16(index: number, value: number): void {
    this.view.setUint16(gprAt(index, 2), value, true)
  }

  /** Stores into a register given by its state address. */
  setRegister(address: number, size: number, value: number): void {
    if (size === 1) this.view.setUint8(address, value)
    else if (size === 2) this.view.setUint16(address, value, true)
    else this.view.setInt32(address, value, true)
  }

  /** IP of the 8086, which goes on from FFFFh at 0. */
  get eip(): number {
    const eip = this.words[State.EIP >> 2]! >>> 0
    return this.is8086 ? eip & 0xffff : eip
  }

  set eip(value: number) {
    this.words[State.EIP >> 2] = value
  }

  get eflags(): number {
    const { words } = this
    return (
      flagsFromWords(words[State.FLAGS_RESULT >> 2]!, words[State.FLAGS_AUX >> 2]!) |
      (words[State.DF >> 2]! < 0 ? DIRECTION : 0) |
      words[State.EFLAGS_SYSTEM >> 2]! |
      2
    )
  }

  /** All of EFLAGS; the caller has decided which bits may change. */
  set eflags(value: number) {
    const { words } = this
    const [result, aux] = wordsFromFlags(value)
    words[State.FLAGS_RESULT >> 2] = result
    words[State.FLAGS_AUX >> 2] = aux
    words[State.DF >> 2] = value & DIRECTION ? -1 : 1
    const old = words[State.EFLAGS_SYSTEM >> 2]!
    const usable = this.protectedMode ? this.#systemFlags : this.#realFlags
    words[State.EFLAGS_SYSTEM >> 2] = (value & usable & ~(ARITHMETIC | DIRECTION | 0x2a)) | this.#fixedFlags
    if ((old ^ value) & AC) this.#settleAccess()
  }

  /** EFLAGS bits other than the arithmetic ones and DF, without the cost of the whole. */
  get systemFlags(): number {
    return this.words[State.EFLAGS_SYSTEM >> 2]!
  }

  set systemFlags(value: number) {
    this.words[State.EFLAGS_SYSTEM >> 2] = value
  }

  get cpl(): number {
    return this.words[State.CPL >> 2]!
  }

  set cpl(level: number) {
    this.setWord(State.CPL, level)
    this.#settleAccess()
  }

  /** Whether operands that are not aligned fault (SDM vol. 3, 6.15, interrupt 17). */
  get checksAlignment(): boolean {
    return this.cpl === 3 && (this.cr0 & CR0.AM) !== 0 && (this.systemFlags & AC) !== 0
  }

  /**
   * What generated code asks of the TLB. While operands are checked for alignment no entry has it, so that
   * every access goes the slow way, which does that.
   */
  #settleAccess(): void {
    const user = this.cpl === 3
    const checked = this.checksAlignment
    this.setWord(State.READ_BIT, checked ? 0 : user ? Tlb.READ_USER : Tlb.READ_SUPERVISOR)
    this.setWord(State.WRITE_BIT, checked ? 0 : user ? Tlb.WRITE_USER : Tlb.WRITE_SUPERVISOR)
  }

  get cr0(): number {
    return this.words[State.CR0 >> 2]!
  }

  get cr4(): number {
    return this.words[State.CR4 >> 2]!
  }

  get protectedMode(): boolean {
    return (this.cr0 & CR0.PE) !== 0
  }

  get virtual8086(): boolean {
    return (this.systemFlags & VM) !== 0
  }

  /** Real or virtual-8086 mode: selectors are paragraphs. */
  get paragraphs(): boolean {
    return !this.protectedMode || this.virtual8086
  }

  selector(index: number): number {
    return this.words[(segmentAt(index) + Segment.SELECTOR) >> 2]!
  }

  base(index: number): number {
    return this.words[(segmentAt(index) + Segment.BASE) >> 2]!
  }

  limit(index: number): number {
    return this.words[(segmentAt(index) + Segment.LIMIT) >> 2]! >>> 0
  }

  access(index: number): number {
    return this.words[(segmentAt(index) + Segment.ACCESS) >> 2]!
  }

  get code32(): boolean {
    return (this.access(CS) & Access.BIG) !== 0
  }

  get stack32(): boolean {
    return (this.access(SS) & Access.BIG) !== 0
  }
}

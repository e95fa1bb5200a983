import { SS } from '../isa/state.ts'
import { Access, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector } from './fault.ts'
import type { Mmu } from './mmu.ts'

/** A stack to push on before it is the current one: its segment and pointer, checked access by access. */
export class StackFrame {
  constructor(
    private readonly mmu: Mmu,
    private readonly base: number,
    private readonly limit: number,
    private readonly access: number,
    public pointer: number,
    private readonly user: boolean,
    /** Error code of #SS: the new selector for a stack being switched to, 0 for the current one. */
    private readonly error = 0,
    /** An 8086: the second byte of a word at FFFFh is the first one of the segment. */
    private readonly wraps = false,
  ) {}

  /** The stack in use. */
  static current(state: CpuState, mmu: Mmu): StackFrame {
    return new StackFrame(
      mmu,
      state.base(SS),
      state.limit(SS),
      state.access(SS),
      state.gpr(4) >>> 0,
      state.cpl === 3,
      0,
      state.is8086,
    )
  }

  get wide(): boolean {
    return (this.access & Access.BIG) !== 0
  }

  #linear(pointer: number, size: number): number {
    const offset = this.wide ? pointer >>> 0 : pointer & 0xffff
    const last = offset + size - 1
    const inside =
      this.access & Access.EXPAND_DOWN
        ? offset > this.limit && last <= (this.wide ? 0xffffffff : 0xffff)
        : last <= this.limit
    if (!inside) throw new CpuFault(Vector.SS, this.error)
    return (this.base + offset) >>> 0
  }

  push(value: number, size: 2 | 4): void {
    const pointer = this.pointer - size
    if (this.#isSplit(pointer)) {
      this.mmu.write(this.#linear(pointer, 1), value & 0xff, 1)
      this.mmu.write(this.base >>> 0, (value >>> 8) & 0xff, 1)
    } else
      this.mmu.write(this.#linear(pointer, size), size === 2 ? value & 0xffff : value >>> 0, size, this.user)
    this.pointer = this.wide ? pointer >>> 0 : (this.pointer & ~0xffff) | (pointer & 0xffff)
  }

  pop(size: 2 | 4): number {
    const value = this.peek(0, size)
    this.release(size)
    return value
  }

  /** Reads `offset` bytes above the pointer. */
  peek(offset: number, size: 2 | 4): number {
    const pointer = this.pointer + offset
    if (this.#isSplit(pointer))
      return this.mmu.read(this.#linear(pointer, 1), 1) | (this.mmu.read(this.base >>> 0, 1) << 8)
    return this.mmu.read(this.#linear(pointer, size), size, this.user)
  }

  #isSplit(pointer: number): boolean {
    return this.wraps && (pointer & 0xffff) === 0xffff
  }

  release(bytes: number): void {
    const pointer = this.pointer + bytes
    this.pointer = this.wide ? pointer >>> 0 : (this.pointer & ~0xffff) | (pointer & 0xffff)
  }

  /** Makes sure that pushing so many values will not fault halfway; a fault is that of the first that would. */
  probe(count: number, size: 2 | 4): void {
    // Nothing faults on an 8086.
    if (this.wraps) return
    for (let i = 1; i <= count; i++) {
      const linear = this.#linear(this.pointer - i * size, size)
      if (this.user) this.mmu.checkAligned(linear, size)
      this.mmu.probeWrite(linear, size, this.user)
    }
  }

  /** Stores the pointer into ESP, or SP for a 16-bit stack. */
  commit(state: CpuState): void {
    if (this.wide) state.setGpr(4, this.pointer)
    else state.setGpr16(4, this.pointer)
  }
}

/** A frame on a stack segment that is not loaded yet. */
export function frameOn(
  mmu: Mmu,
  segment: { base: number; limit: number; access: number },
  pointer: number,
  cpl: number,
  error: number,
): StackFrame {
  return new StackFrame(mmu, segment.base, segment.limit, segment.access, pointer >>> 0, cpl === 3, error)
}

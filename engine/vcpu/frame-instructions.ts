import { EBP, ESP, SS, gprAt } from '../isa/state.ts'
import type { CpuState } from './cpu-state.ts'
import type { Mmu } from './mmu.ts'
import type { Segmentation } from './segmentation.ts'
import { StackFrame } from './stack.ts'

/** The instructions that push or pop several words at once. */
export class FrameInstructions {
  constructor(private readonly parts: { state: CpuState; mmu: Mmu; segmentation: Segmentation }) {}

  /** PUSHA. */
  pushAll(size: 2 | 4): void {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    // What a fault in the middle leaves lies below the stack pointer, as on silicon.
    for (let i = 0; i < 8; i++) frame.push(state.gpr(i), size)
    frame.commit(state)
  }

  /** POPA. */
  popAll(size: 2 | 4): void {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    // A fault in the middle leaves the registers before it loaded, as on silicon: the pointer has not moved.
    for (let register = 7; register >= 0; register--) {
      const value = frame.pop(size)
      if (register !== ESP)
        state.setRegister(gprAt(register, size), size, size === 2 ? value & 0xffff : value | 0)
    }
    frame.commit(state)
  }

  /** ENTER (SDM vol. 2). @param bytes of local variables */
  enter(bytes: number, nesting: number, size: 2 | 4): void {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    const wide = frame.wide
    // What a fault in the middle leaves lies below the stack pointer, as on silicon.
    frame.push(state.gpr(EBP), size)
    const framePointer = frame.pointer
    if (nesting > 0) {
      let display = state.gpr(EBP)
      for (let i = 1; i < nesting; i++) {
        display -= size
        const linear = this.parts.segmentation.check(SS, wide ? display >>> 0 : display & 0xffff, size, false)
        frame.push(mmu.read(linear, size, state.cpl === 3), size)
      }
      frame.push(framePointer, size)
    }
    frame.release(-bytes)
    // The new top must be writable, or the instruction faults as a whole.
    const top = wide ? frame.pointer : frame.pointer & 0xffff
    const linear = this.parts.segmentation.check(SS, top, 1, true)
    mmu.checkAligned(linear, size)
    mmu.probeWrite(linear, 1, state.cpl === 3)
    if (size === 2) state.setGpr16(EBP, framePointer)
    else state.setGpr(EBP, framePointer)
    frame.commit(state)
  }
}

import { AC, ARITHMETIC, DIRECTION, ID, IF, IOPL, NT, RF, TF, VIF, VIP, VM } from '../isa/flags.ts'
import { Attention, CS, DS, ES, FS, GS, SS, State, TR } from '../isa/state.ts'
import { CR4, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector, generalProtection } from './fault.ts'
import type { Mmu } from './mmu.ts'
import { type Privilege, codeTarget } from './privilege.ts'
import {
  type Descriptor,
  type Segmentation,
  dplOf,
  isCode,
  isConforming,
  isPresent,
  isSegment,
  typeOf,
} from './segmentation.ts'
import { StackFrame, frameOn } from './stack.ts'
import type { TaskSwitch } from './task-switch.ts'

type Size = 2 | 4

/** Bits that POPF and IRET may ever change; IOPL and IF depend on the privilege. */
const CHANGEABLE = ARITHMETIC | DIRECTION | TF | NT | AC | ID

/** Far jumps, calls, returns and IRET (SDM vol. 2, the instructions' pseudocode; vol. 3, 5.8). */
export class FarTransfer {
  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly segmentation: Segmentation,
    private readonly privilege: Privilege,
    private readonly tasks: TaskSwitch,
  ) {}

  jump(selector: number, offset: number, size: Size): void {
    const { state, segmentation } = this
    if (state.paragraphs) return this.#toParagraph(selector, offset, size)
    const target = codeTarget(segmentation, selector)
    if (isSegment(target.access)) {
      this.#checkDirect(selector, target)
      return this.#enter(selector, target, size === 2 ? offset & 0xffff : offset, state.cpl)
    }
    this.#checkSystem(selector, target)
    switch (typeOf(target.access)) {
      case 1:
      case 9:
        return this.tasks.switchTo(selector, target, 'jump')
      case 5:
        return this.#throughTaskGate(target, 'jump')
      case 4:
      case 12: {
        const gate = this.#gateTarget(target)
        const level = dplOf(gate.code.access)
        if (isConforming(gate.code.access) ? level > state.cpl : level !== state.cpl)
          throw generalProtection(gate.selector & 0xfffc)
        return this.#enter(gate.selector, gate.code, gate.offset, state.cpl)
      }
    }
    throw generalProtection(selector & 0xfffc)
  }

  call(selector: number, offset: number, size: Size): void {
    const { state, mmu, segmentation } = this
    if (state.paragraphs) {
      const frame = this.#pushReturn(size)
      this.#toParagraph(selector, offset, size)
      return frame.commit(state)
    }
    const target = codeTarget(segmentation, selector)
    if (isSegment(target.access)) {
      this.#checkDirect(selector, target)
      this.#checkLimit(target, size === 2 ? offset & 0xffff : offset)
      const frame = this.#pushReturn(size)
      this.#enter(selector, target, size === 2 ? offset & 0xffff : offset, state.cpl)
      return frame.commit(state)
    }
    this.#checkSystem(selector, target)
    switch (typeOf(target.access)) {
      case 1:
      case 9:
        return this.tasks.switchTo(selector, target, 'call')
      case 5:
        return this.#throughTaskGate(target, 'call')
      case 4:
      case 12:
        return this.#callGate(target, mmu)
    }
    throw generalProtection(selector & 0xfffc)
  }

  #callGate(gateDescriptor: Descriptor, mmu: Mmu): void {
    const { state, segmentation } = this
    const gate = this.#gateTarget(gateDescriptor)
    const { code, size } = gate
    const level = dplOf(code.access)
    if (isConforming(code.access) || level === state.cpl) {
      this.#checkLimit(code, gate.offset)
      const frame = this.#pushReturn(size)
      this.#enter(gate.selector, code, gate.offset, state.cpl)
      return frame.commit(state)
    }
    this.#checkLimit(code, gate.offset)
    const { ss, esp } = this.tasks.innerStack(level)
    const stack = segmentation.stackDescriptor(ss, level, Vector.TS)
    const count = gateDescriptor.high & 31
    const old = StackFrame.current(state, mmu)
    const parameters = Array.from({ length: count }, (_, i) => old.peek(i * size, size))
    const frame = frameOn(mmu, stack, esp, level, ss & 0xfffc)
    frame.probe(4 + count, size)
    frame.push(state.selector(SS), size)
    frame.push(state.gpr(4), size)
    for (const value of parameters.reverse()) frame.push(value, size)
    frame.push(state.selector(CS), size)
    frame.push(state.eip, size)
    this.#enter(gate.selector, code, gate.offset, level)
    segmentation.use(SS, (ss & 0xfffc) | level, stack)
    frame.commit(state)
  }

  #gateTarget(gate: Descriptor): { selector: number; code: Descriptor; offset: number; size: Size } {
    const selector = gate.low >>> 16
    const size: Size = typeOf(gate.access) === 12 ? 4 : 2
    const offset = size === 4 ? ((gate.high & 0xffff0000) | (gate.low & 0xffff)) >>> 0 : gate.low & 0xffff
    const code = codeTarget(this.segmentation, selector)
    const error = selector & 0xfffc
    if (!isCode(code.access) || dplOf(code.access) > this.state.cpl) throw generalProtection(error)
    if (!isPresent(code.access)) throw new CpuFault(Vector.NP, error)
    return { selector, code, offset, size }
  }

  #throughTaskGate(gate: Descriptor, cause: 'jump' | 'call'): void {
    const selector = gate.low >>> 16
    const error = selector & 0xfffc
    if (selector & 4) throw generalProtection(error)
    const target = this.segmentation.fetch(selector)
    if (isSegment(target.access) || (typeOf(target.access) !== 1 && typeOf(target.access) !== 9))
      throw generalProtection(error)
    if (!isPresent(target.access)) throw new CpuFault(Vector.NP, error)
    this.tasks.switchTo(selector, target, cause)
  }

  /** A code segment named directly: no change of privilege. */
  #checkDirect(selector: number, target: Descriptor): void {
    const { access } = target
    const { cpl } = this.state
    const error = selector & 0xfffc
    if (!isCode(access)) throw generalProtection(error)
    if (isConforming(access) ? dplOf(access) > cpl : (selector & 3) > cpl || dplOf(access) !== cpl)
      throw generalProtection(error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
  }

  #checkSystem(selector: number, target: Descriptor): void {
    const { access } = target
    const error = selector & 0xfffc
    const type = typeOf(access)
    if (type !== 1 && type !== 4 && type !== 5 && type !== 9 && type !== 12) throw generalProtection(error)
    if (dplOf(access) < Math.max(this.state.cpl, selector & 3)) throw generalProtection(error)
    if ((type === 1 || type === 9) && selector & 4) throw generalProtection(error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
  }

  #checkLimit(target: Descriptor, offset: number): void {
    if (offset >>> 0 > target.limit) throw generalProtection()
  }

  #enter(selector: number, target: Descriptor, offset: number, cpl: number): void {
    this.#checkLimit(target, offset)
    this.segmentation.markAccessed(target)
    this.privilege.enterCode(selector, target, cpl)
    this.state.eip = offset
  }

  #toParagraph(selector: number, offset: number, size: Size): void {
    const eip = size === 2 ? offset & 0xffff : offset >>> 0
    if (eip > (this.state.virtual8086 ? 0xffff : this.state.limit(CS))) throw generalProtection()
    this.segmentation.loadParagraph(CS, selector)
    this.state.eip = eip
  }

  #pushReturn(size: Size): StackFrame {
    const frame = StackFrame.current(this.state, this.mmu)
    frame.probe(2, size)
    frame.push(this.state.selector(CS), size)
    frame.push(this.state.eip, size)
    return frame
  }

  // Returns.

  ret(release: number, size: Size): void {
    const { state, mmu } = this
    const frame = StackFrame.current(state, mmu)
    const offset = frame.pop(size)
    const selector = frame.pop(size) & 0xffff
    if (state.paragraphs) {
      this.#toParagraph(selector, offset, size)
      frame.release(release)
      return frame.commit(state)
    }
    const target = this.#returnTarget(selector)
    this.#checkLimit(target, offset)
    if ((selector & 3) === state.cpl) {
      this.#enter(selector, target, offset, state.cpl)
      frame.release(release)
      return frame.commit(state)
    }
    frame.release(release)
    const esp = frame.pop(size)
    const ss = frame.pop(size) & 0xffff
    this.#toOuter(selector, target, offset, ss, esp, release)
  }

  #returnTarget(selector: number): Descriptor {
    const target = codeTarget(this.segmentation, selector)
    const { access } = target
    const error = selector & 0xfffc
    const level = selector & 3
    if (!isCode(access) || level < this.state.cpl) throw generalProtection(error)
    if (isConforming(access) ? dplOf(access) > level : dplOf(access) !== level) throw generalProtection(error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
    return target
  }

  #toOuter(selector: number, target: Descriptor, offset: number, ss: number, esp: number, release = 0): void {
    const { state, segmentation, mmu } = this
    const level = selector & 3
    const stack = segmentation.stackDescriptor(ss, level, Vector.GP)
    this.#enter(selector, target, offset, level)
    segmentation.use(SS, ss, stack)
    const frame = frameOn(mmu, stack, esp, level, 0)
    frame.release(release)
    frame.commit(state)
    segmentation.nullInaccessible(level)
  }

  iret(size: Size): void {
    const { state, mmu } = this
    // Whatever comes of the rest: SDM vol. 3, 6.7.1.
    state.setWord(State.ATTENTION, state.word(State.ATTENTION) & ~Attention.NMI_BLOCKED)
    if (!state.protectedMode) return this.#iretReal(size)
    if (state.virtual8086) return this.#iretVirtual(size)
    if (state.systemFlags & NT) return this.#iretTask()
    const frame = StackFrame.current(state, mmu)
    const offset = frame.pop(size)
    const selector = frame.pop(size) & 0xffff
    const flags = frame.pop(size)
    if (size === 4 && flags & VM && state.cpl === 0) return this.#toVirtual(frame, offset, selector, flags)
    const target = this.#returnTarget(selector)
    this.#checkLimit(target, offset)
    const cpl = state.cpl
    if ((selector & 3) === cpl) {
      this.#enter(selector, target, offset, cpl)
      frame.commit(state)
    } else {
      const esp = frame.pop(size)
      const ss = frame.pop(size) & 0xffff
      this.#toOuter(selector, target, offset, ss, esp)
    }
    this.#setFlags(flags, size, cpl)
  }

  #setFlags(flags: number, size: Size, cpl: number): void {
    const { state } = this
    let mask = CHANGEABLE | RF
    if (cpl <= (state.systemFlags & IOPL) >> 12) mask |= IF
    if (cpl === 0) mask |= IOPL | VIF | VIP
    if (size === 2) mask &= 0xffff
    state.eflags = (state.eflags & ~mask) | (flags & mask)
  }

  #iretReal(size: Size): void {
    const { state } = this
    const frame = StackFrame.current(state, this.mmu)
    const offset = frame.pop(size)
    const selector = frame.pop(size) & 0xffff
    const flags = frame.pop(size)
    this.#toParagraph(selector, offset, size)
    frame.commit(state)
    const mask = (CHANGEABLE | IF | IOPL | RF) & (size === 2 ? 0xffff : -1)
    state.eflags = (state.eflags & ~mask) | (flags & mask)
  }

  #iretVirtual(size: Size): void {
    const { state } = this
    const full = (state.systemFlags & IOPL) === IOPL
    const extensions = (state.cr4 & CR4.VME) !== 0
    if (!full && !(extensions && size === 2)) throw generalProtection()
    const frame = StackFrame.current(state, this.mmu)
    const offset = frame.pop(size)
    const selector = frame.pop(size) & 0xffff
    const flags = frame.pop(size)
    if (!full && (flags & TF || (flags & IF && state.systemFlags & VIP))) throw generalProtection()
    this.#toParagraph(selector, offset, size)
    frame.commit(state)
    const mask = (CHANGEABLE | RF | (full ? IF : 0)) & (size === 2 ? 0xffff : -1)
    let value = (state.eflags & ~mask) | (flags & mask)
    if (!full) value = flags & IF ? value | VIF : value & ~VIF
    state.eflags = value
  }

  #toVirtual(frame: StackFrame, offset: number, selector: number, flags: number): void {
    const { state, segmentation, privilege } = this
    const esp = frame.pop(4)
    const ss = frame.pop(4)
    const [es, ds, fs, gs] = [frame.pop(4), frame.pop(4), frame.pop(4), frame.pop(4)]
    state.eflags = flags & 0x3f7fd5
    state.eip = offset & 0xffff
    for (const [index, value] of [
      [CS, selector],
      [SS, ss],
      [ES, es],
      [DS, ds],
      [FS, fs],
      [GS, gs],
    ] as const)
      segmentation.loadParagraph(index, value & 0xffff)
    privilege.set(3)
    state.setGpr(4, esp)
  }

  #iretTask(): void {
    const { state, mmu, segmentation } = this
    const selector = mmu.read(state.base(TR), 2)
    const error = selector & 0xfffc
    if (selector & 4) throw new CpuFault(Vector.TS, error)
    const target = segmentation.fetch(selector, Vector.TS)
    const type = typeOf(target.access)
    if (isSegment(target.access) || (type !== 3 && type !== 11)) throw new CpuFault(Vector.TS, error)
    if (!isPresent(target.access)) throw new CpuFault(Vector.NP, error)
    this.tasks.switchTo(selector, target, 'return')
  }

  // PUSHF and POPF, which share the rules.

  pushFlags(size: Size): void {
    const { state } = this
    let image = state.eflags & ~(VM | RF)
    if (state.virtual8086 && (state.systemFlags & IOPL) !== IOPL) {
      if (!(state.cr4 & CR4.VME) || size === 4) throw generalProtection()
      image = (image & ~IF) | (image & VIF ? IF : 0) | IOPL
    }
    const frame = StackFrame.current(state, this.mmu)
    frame.push(image, size)
    frame.commit(state)
  }

  popFlags(size: Size): void {
    const { state } = this
    const virtual = state.virtual8086
    const full = (state.systemFlags & IOPL) === IOPL
    if (virtual && !full && !((state.cr4 & CR4.VME) !== 0 && size === 2)) throw generalProtection()
    const frame = StackFrame.current(state, this.mmu)
    const flags = frame.pop(size)
    if (virtual && !full && (flags & TF || (flags & IF && state.systemFlags & VIP))) throw generalProtection()
    frame.commit(state)
    const cpl = state.cpl
    let mask = CHANGEABLE
    if (cpl <= (state.systemFlags & IOPL) >> 12 || !state.protectedMode) mask |= IF
    if (cpl === 0) mask |= IOPL
    if (virtual && !full) mask &= ~IF
    if (size === 2) mask &= 0xffff
    let value = (state.eflags & ~(mask | RF)) | (flags & mask)
    if (virtual && !full) value = flags & IF ? value | VIF : value & ~VIF
    state.eflags = value
  }
}

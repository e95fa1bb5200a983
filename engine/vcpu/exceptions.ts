import { AC, IF, IOPL, NT, RF, TF, VIF, VIP, VM } from '../isa/flags.ts'
import { CS, DS, ES, FS, GS, INTERRUPT_COUNTS, SS, State, TR } from '../isa/state.ts'
import { CR4, type CpuState } from './cpu-state.ts'
import { CpuFault, ShutdownFault, Vector, generalProtection } from './fault.ts'
import type { Mmu } from './mmu.ts'
import { type Privilege, codeTarget } from './privilege.ts'
import {
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

/** What brings an interrupt about decides checks, the error code's EXT bit and the RF image. */
export type Cause =
  /** INT n, INT3, INTO: the gate's DPL is checked. */
  | 'software'
  /** A fault at the instruction that will be restarted. */
  | 'fault'
  /** A trap after the instruction, or an interrupt from outside. */
  | 'external'

const CONTRIBUTORY: ReadonlySet<number> = new Set([Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP])

/** Interrupt and exception delivery (SDM vol. 3, chapter 6; vol. 2, INT n). */
export class Exceptions {
  /** How many interrupts and exceptions were delivered, by vector. */
  readonly counts: Uint32Array

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly segmentation: Segmentation,
    private readonly privilege: Privilege,
    private readonly tasks: TaskSwitch,
    /** False for a 286, which calls any access beyond a segment interrupt 13 in real mode, on the stack, too. */
    private readonly has32Bits = true,
  ) {
    this.counts = new Uint32Array(state.words.buffer, INTERRUPT_COUNTS, 256)
  }

  /**
   * Delivers an exception whose instruction starts at EIP. Faults on the way become the next exception, a
   * double fault, or, when that fails too, a shutdown: false.
   */
  raise(fault: CpuFault, cause: Cause = 'fault'): boolean {
    if (fault instanceof ShutdownFault) return false
    let current = fault
    let first = cause
    for (;;) {
      try {
        this.deliver(current.vector, first, current.errorCode)
        return true
      } catch (next) {
        if (!(next instanceof CpuFault)) throw next
        if (current.vector === Vector.DF) return false
        current = doubles(current.vector, next.vector) ? new CpuFault(Vector.DF, 0) : next
        first = 'fault'
      }
    }
  }

  /** One attempt; throws the fault that stands in its way, leaving the state as it was. */
  deliver(vector: number, cause: Cause, errorCode: number | null = null): void {
    const { state } = this
    const isStackFault = vector === Vector.SS && cause === 'fault'
    if (!state.protectedMode) this.#deliverReal(isStackFault && !this.has32Bits ? Vector.GP : vector)
    else if (cause === 'software' && state.virtual8086 && this.#redirects(vector))
      this.#deliverVirtual(vector)
    else this.#deliverProtected(vector, cause, errorCode)
    this.counts[vector]!++
  }

  #deliverReal(vector: number): void {
    const { state, mmu } = this
    if (vector * 4 + 3 > state.word(State.IDTR + 4)) throw generalProtection()
    const entry = mmu.read(state.word(State.IDTR) + vector * 4, 4)
    const frame = StackFrame.current(state, mmu)
    this.#pushReal(frame, state.eflags & 0xffff)
    frame.commit(state)
    state.systemFlags &= ~(IF | TF | AC | RF)
    this.segmentation.loadParagraph(CS, entry >>> 16)
    state.eip = entry & 0xffff
  }

  #pushReal(frame: StackFrame, flags: number): void {
    const { state } = this
    frame.probe(3, 2)
    frame.push(flags, 2)
    frame.push(state.selector(CS), 2)
    frame.push(state.eip, 2)
  }

  // Virtual-8086 mode extensions (SDM vol. 3, 20.3).

  /** Whether INT n goes through the virtual machine's own vector table. */
  #redirects(vector: number): boolean {
    const { state, mmu } = this
    if (!(state.cr4 & CR4.VME)) return false
    const map = mmu.read(state.base(TR) + 102, 2)
    const at = map - 32 + (vector >> 3)
    if (at > state.limit(TR)) return false
    return ((mmu.read(state.base(TR) + at, 1) >> (vector & 7)) & 1) === 0
  }

  #deliverVirtual(vector: number): void {
    const { state, mmu } = this
    const entry = mmu.read(vector * 4, 4, true)
    const frame = StackFrame.current(state, mmu)
    const full = (state.systemFlags & IOPL) === IOPL
    const flags = state.eflags
    const image = full ? flags : (flags & ~IF) | (flags & VIF ? IF : 0) | IOPL
    this.#pushReal(frame, image & 0xffff)
    frame.commit(state)
    state.systemFlags &= ~(TF | NT | RF | (full ? IF : VIF))
    this.segmentation.loadParagraph(CS, entry >>> 16)
    state.eip = entry & 0xffff
  }

  // Protected mode.

  #deliverProtected(vector: number, cause: Cause, errorCode: number | null): void {
    const { state, mmu, segmentation } = this
    const external = cause === 'software' ? 0 : 1
    const gateError = vector * 8 + 2 + external
    if (vector * 8 + 7 > state.word(State.IDTR + 4)) throw generalProtection(gateError)
    const at = state.word(State.IDTR) + vector * 8
    const low = mmu.read(at, 4) | 0
    const high = mmu.read(at + 4, 4) | 0
    const access = (high >>> 8) & 0xff
    const type = access & 0x1f
    if (type !== 5 && type !== 6 && type !== 7 && type !== 14 && type !== 15)
      throw generalProtection(gateError)
    if (cause === 'software' && dplOf(access) < state.cpl) throw generalProtection(gateError)
    // In virtual-8086 mode INT n needs IOPL 3, whatever the gate says; INT3 and INTO do not.
    if (!isPresent(access)) throw new CpuFault(Vector.NP, gateError)
    if (type === 5) return this.#throughTask(low >>> 16, errorCode, external)

    const selector = low >>> 16
    const target = codeTarget(segmentation, selector, external)
    const codeAccess = target.access
    const error = (selector & 0xfffc) + external
    if (!isCode(codeAccess) || dplOf(codeAccess) > state.cpl) throw generalProtection(error)
    if (!isPresent(codeAccess)) throw new CpuFault(Vector.NP, error)
    const size = type >= 14 ? 4 : 2
    const offset = size === 4 ? ((high & 0xffff0000) | (low & 0xffff)) >>> 0 : low & 0xffff
    const level = dplOf(codeAccess)
    const virtual = state.virtual8086
    const flags = (cause === 'fault' ? state.eflags | RF : state.eflags) >>> 0
    const inner = !isConforming(codeAccess) && level < state.cpl
    if (virtual && (!inner || level !== 0)) throw generalProtection(error)
    if (offset > target.limit) throw generalProtection(external)
    const newLevel = inner ? level : state.cpl
    let frame: StackFrame
    let stack: { selector: number; base: number; limit: number; access: number } | null = null
    if (inner) {
      const { ss, esp } = this.tasks.innerStack(level)
      const descriptor = this.#stackFor(ss, level, external)
      stack = { ...descriptor, selector: ss }
      frame = frameOn(mmu, descriptor, esp, level, (ss & 0xfffc) + external)
      // Before anything changes: OS/2 relies on a fault on the inner stack leaving SS:ESP alone.
      frame.probe((virtual ? 9 : 5) + (errorCode === null ? 0 : 1), size)
      if (virtual) for (const index of [GS, FS, DS, ES]) frame.push(state.selector(index), size)
      frame.push(state.selector(SS), size)
      frame.push(state.gpr(4), size)
    } else {
      frame = StackFrame.current(state, mmu)
      frame.probe(3 + (errorCode === null ? 0 : 1), size)
    }
    frame.push(flags, size)
    frame.push(state.selector(CS), size)
    frame.push(state.eip, size)
    if (errorCode !== null) frame.push(errorCode, size)

    state.systemFlags &= ~(TF | NT | RF | VM | ((type & 1) === 0 ? IF : 0))
    segmentation.markAccessed(target)
    this.privilege.enterCode(selector, target, newLevel)
    if (stack) segmentation.setCache(SS, stack.selector, stack.base, stack.limit, stack.access)
    frame.commit(state)
    if (virtual) for (const index of [ES, DS, FS, GS]) segmentation.setNull(index, 0)
    state.eip = offset
  }

  #stackFor(selector: number, level: number, external: number) {
    try {
      return this.segmentation.stackDescriptor(selector, level, Vector.TS)
    } catch (fault) {
      if (fault instanceof CpuFault && fault.vector !== Vector.PF && fault.errorCode !== null)
        throw new CpuFault(fault.vector, fault.errorCode | external)
      throw fault
    }
  }

  #throughTask(selector: number, errorCode: number | null, external: number): void {
    const { state, mmu, segmentation } = this
    if (selector & 4) throw generalProtection((selector & 0xfffc) + external)
    const descriptor = segmentation.fetch(selector)
    const type = typeOf(descriptor.access)
    if (isSegment(descriptor.access) || (type !== 1 && type !== 9))
      throw generalProtection((selector & 0xfffc) + external)
    if (!isPresent(descriptor.access)) throw new CpuFault(Vector.NP, (selector & 0xfffc) + external)
    this.tasks.switchTo(selector, descriptor, 'interrupt')
    if (errorCode === null) return
    const frame = StackFrame.current(state, mmu)
    frame.push(errorCode, type === 9 ? 4 : 2)
    frame.commit(state)
  }

  /** INT n: in virtual-8086 mode only with IOPL 3 or redirected. */
  software(vector: number): void {
    const { state } = this
    if (state.virtual8086 && (state.systemFlags & IOPL) !== IOPL && !this.#redirects(vector))
      throw generalProtection()
    this.deliver(vector, 'software')
  }

  /** True while VIP asks for a #GP as soon as VIF is set. */
  static virtualInterruptDue(flags: number): boolean {
    return (flags & (VIF | VIP)) === (VIF | VIP)
  }
}

/** Whether the second exception, met while delivering the first, makes a double fault (SDM vol. 3, table 6-5). */
function doubles(first: number, second: number): boolean {
  if (first === Vector.PF) return second === Vector.PF || CONTRIBUTORY.has(second)
  return CONTRIBUTORY.has(first) && CONTRIBUTORY.has(second)
}

import { IF, RF, TF } from '../isa/flags.ts'
import { Attention, CS, State } from '../isa/state.ts'
import type { Breakpoints } from '../vcpu/breakpoints.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import type { PrefetchQueue } from '../vcpu/prefetch-queue.ts'
import type { Stops } from '../vcpu/stops.ts'
import type { AttentionWord } from './attention-word.ts'

/** The debug status register, DR6. */
const DR6 = State.DEBUG + 24
/** Its B0 to B3. */
const BREAKPOINT_BITS = 15

/** Says what comes between two instructions: interrupts, traps, the shadow of STI and MOV SS, a debugger's wishes. */
export class BetweenInstructions {
  /** HLT was the last instruction. */
  halted = false
  /** An instruction is being run by itself. */
  stepping = false
  /** No trap comes after the instruction being run by itself: MOV SS, POP SS, software interrupts. */
  holdsTrap = false

  constructor(
    private readonly state: CpuState,
    private readonly attention: AttentionWord,
    private readonly breakpoints: Breakpoints,
    private readonly stops: Stops,
    private readonly queue: PrefetchQueue,
  ) {}

  /** True when an NMI or an interrupt is to be delivered now. */
  get interruptDue(): boolean {
    const { attention, state } = this
    const nmi = this.nmiDue
    if (!nmi && !(attention.has(Attention.INTERRUPT) && state.systemFlags & IF)) return false
    return this.#takesInterrupts
  }

  /** True when system management mode is to be entered now. A trap comes first: the saved state has no place for it. */
  get managementDue(): boolean {
    return this.#smiDue && !this.attention.has(Attention.DEBUG) && this.#takesInterrupts
  }

  /** An NMI waits for the end of the handler of another, and of system management mode, as another SMI does. */
  get nmiDue(): boolean {
    const { attention, state } = this
    return (
      attention.has(Attention.NMI) && !attention.has(Attention.NMI_BLOCKED) && state.word(State.SMM) === 0
    )
  }

  get #smiDue(): boolean {
    return this.attention.has(Attention.SMI) && this.state.word(State.SMM) === 0
  }

  get #takesInterrupts(): boolean {
    if (this.state.word(State.SHADOW)) return false
    return this.halted || !(this.stops.single && this.stops.holdInterrupts)
  }

  /** True when the next instruction must be run by itself. */
  get needsStep(): boolean {
    const { state } = this
    return (
      state.word(State.SHADOW) !== 0 ||
      (state.systemFlags & TF) !== 0 ||
      this.breakpoints.enabled ||
      this.stops.single ||
      !this.queue.isEmpty
    )
  }

  /** True when nothing stands between this instruction and the next: no interrupt, trap, shadow or stop. */
  get undisturbed(): boolean {
    const { attention } = this
    return (
      !attention.has(Attention.STOP | Attention.DEBUG) &&
      !this.nmiDue &&
      !this.#smiDue &&
      !(attention.has(Attention.INTERRUPT) && this.state.systemFlags & IF) &&
      !this.stops.isHit &&
      !this.needsStep
    )
  }

  /** True when generated code may go on by itself. */
  get goesOn(): boolean {
    return !this.stepping && this.undisturbed
  }

  /** True when the debugger wants to stop before the instruction at EIP. */
  get atBreakpoint(): boolean {
    return this.stops.isBreakpoint(this.state.base(CS) + this.state.eip)
  }

  /**
   * True when the guest's own breakpoints stop the instruction at an EIP, which DR6 then says.
   * @param shadowed it follows STI or MOV SS
   */
  meetsBreakpoint(eip: number, shadowed: boolean): boolean {
    const { state } = this
    if (!this.breakpoints.enabled || shadowed || state.systemFlags & RF) {
      state.systemFlags &= ~RF
      return false
    }
    const hit = this.breakpoints.atInstruction(state.base(CS) + eip)
    if (hit) this.noteConditions(hit)
    return hit !== 0
  }

  /** DR6 says which conditions have brought about a debug exception: bits of its own. */
  noteConditions(bits: number): void {
    this.state.setWord(DR6, (this.state.word(DR6) & ~BREAKPOINT_BITS) | bits)
  }

  /** A debug exception waits for the end of the instruction. @param bits of DR6 */
  pendDebug(bits: number): void {
    this.state.setWord(DR6, this.state.word(DR6) | bits)
    this.attention.set(Attention.DEBUG, true)
  }
}

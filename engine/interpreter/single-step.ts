import { TF } from '../isa/flags.ts'
import type { Instruction } from '../isa/decoder.ts'
import { Attention, CS, State } from '../isa/state.ts'
import type { Breakpoints } from '../vcpu/breakpoints.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import type { Exceptions } from '../vcpu/exceptions.ts'
import { CpuFault, Vector, asFault } from '../vcpu/fault.ts'
import { MAX_BATCH, type PortIo } from '../vcpu/port-io.ts'
import type { AttentionWord } from './attention-word.ts'
import type { BetweenInstructions } from './between-instructions.ts'
import type { CodeCache } from './code-cache.ts'
import type { CodeFinder, CodePlace } from './code-finder.ts'
import type { Run } from './generated-code.ts'
import type { InstructionFetch } from './instruction-fetch.ts'
import { LINK_STUB, Why } from './record.ts'
import { SCRATCH } from './record-store.ts'
import type { RetiredCount } from './retired-count.ts'
import type { RunExits } from './run-exits.ts'

/** DR6.BS. */
const SINGLE_STEP = 0x4000

/** The parts of a processor that running one instruction by itself takes. */
export interface StepParts {
  state: CpuState
  exceptions: Exceptions
  breakpoints: Breakpoints
  portIo: PortIo
  attention: AttentionWord
  between: BetweenInstructions
  retired: RetiredCount
  code: CodeCache
  finder: CodeFinder
  fetch: InstructionFetch
  exits: RunExits
}

/** Runs one instruction by itself: page-crossing, undefined, trapped, or out of memory that can be cached. */
export class SingleStep {
  constructor(
    private readonly parts: StepParts,
    private readonly generated: Run,
  ) {}

  /** The instruction at EIP. False when the processor shuts down. */
  run(): boolean {
    const { state, exceptions, attention, between, retired, code, portIo, breakpoints, exits } = this.parts
    exits.counts.step++
    const { eip } = state
    const trap = (state.systemFlags & TF) !== 0
    const shadow = state.word(State.SHADOW)
    state.setWord(State.SHADOW, 0)
    between.holdsTrap = false
    let instruction: Instruction
    let place: Pick<CodePlace, 'offset' | 'variant'>
    try {
      if (between.meetsBreakpoint(eip, shadow !== 0)) return exceptions.raise(new CpuFault(Vector.DB))
      place = this.#place(eip)
      instruction = this.parts.fetch.at(eip)
    } catch (fault) {
      return exceptions.raise(asFault(fault))
    }
    const record = code.encodeScratch(instruction, place.offset, place.variant.flat)
    const eipBase = (eip - place.offset) | 0
    state.setWord(State.EIP_BASE, eipBase)
    // No jump may go on into cached code.
    const key = state.word(State.JUMP_KEY)
    state.setWord(State.JUMP_KEY, 0)
    between.stepping = true
    attention.set(Attention.STEP, true)
    portIo.batch = trap || breakpoints.enabled ? 1 : MAX_BATCH
    retired.beginStep()
    const why = this.generated(record, 0)
    attention.set(Attention.STEP, false)
    if (state.word(State.JUMP_KEY) === 0) state.setWord(State.JUMP_KEY, key)
    const alive = this.#finish(why, eipBase, eip, trap)
    between.stepping = false
    return alive
  }

  /** What was fetched before needs no page that it would come from now. */
  #place(eip: number): Pick<CodePlace, 'offset' | 'variant'> {
    const { state, finder, fetch } = this.parts
    const linear = (state.base(CS) + eip) >>> 0
    if (fetch.queue.waiting(linear) === 0) return finder.place(eip)
    finder.settleMode()
    return { offset: linear & 0xfff, variant: finder.variant }
  }

  #finish(why: number, eipBase: number, eip: number, trap: boolean): boolean {
    const { state, retired, exits, breakpoints, between, exceptions } = this.parts
    const { records } = this.parts.code
    const record = state.word(State.RECORD)
    switch (why) {
      case Why.ESCAPE: // the record behind the instruction
        state.eip = records.eipOf(record, eipBase)
        retired.total++
        break
      case Why.LINK:
      case Why.BUDGET:
        if (record === LINK_STUB) state.eip = records.branchTarget(SCRATCH, eipBase)
        else state.eip = record === SCRATCH ? eip : records.eipOf(record, eipBase)
        retired.total++
        break
      case Why.JUMP:
        retired.total++
        break
      default: {
        const before = retired.total
        const next = exits.handle(why)
        if (typeof next === 'number') throw new Error(`a step ended in a record: ${why}`)
        // A fault instead of the instruction: no trap for it.
        if (retired.total === before) {
          breakpoints.takeHits()
          return next
        }
        if (!next) return false
      }
    }
    if (between.holdsTrap) return true
    const conditions = breakpoints.takeHits() | (trap ? SINGLE_STEP : 0)
    if (conditions === 0) return true
    between.noteConditions(conditions)
    between.halted = false
    return exceptions.raise(new CpuFault(Vector.DB), 'external')
  }
}

import { State } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import type { Exceptions } from '../vcpu/exceptions.ts'
import { CpuFault, Vector, generalProtection } from '../vcpu/fault.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import type { SlowAccess } from './access.ts'
import type { BetweenInstructions } from './between-instructions.ts'
import type { CodeCache } from './code-cache.ts'
import type { CodeEntry, Onward } from './code-entry.ts'
import { LINK_STUB, Why } from './record.ts'
import type { RetiredCount } from './retired-count.ts'
import type { RuntimeCalls } from './runtime-calls.ts'

/** The parts of a processor that come to work when generated code has come back. */
export interface ExitParts {
  state: CpuState
  mmu: Mmu
  exceptions: Exceptions
  slow: SlowAccess
  between: BetweenInstructions
  retired: RetiredCount
  code: CodeCache
  entry: CodeEntry
  calls: RuntimeCalls
}

/** Does what generated code came back for. */
export class RunExits {
  /** Exits of generated code by reason, steps, and what was delivered or waited for, for statistics. */
  readonly counts = {
    link: 0,
    jump: 0,
    stale: 0,
    escape: 0,
    fault: 0,
    raise: 0,
    hot: 0,
    guard: 0,
    system: 0,
    step: 0,
    interrupt: 0,
    smi: 0,
    halt: 0,
  }

  constructor(private readonly parts: ExitParts) {}

  /** @param why generated code came back; State.RECORD and EIP_BASE say where it was */
  handle(why: number): Onward {
    const { counts } = this
    const { state, code, entry } = this.parts
    const { records } = code
    const record = state.word(State.RECORD)
    const eipBase = state.word(State.EIP_BASE)
    switch (why) {
      case Why.LINK:
        counts.link++
        return entry.link(state.word(State.RUN_START), eipBase)
      case Why.JUMP:
        counts.jump++
        return entry.at(state.eip)
      case Why.BUDGET:
        state.eip =
          record === LINK_STUB
            ? records.branchTarget(state.word(State.RUN_START), eipBase)
            : records.eipOf(record, eipBase)
        return true
      case Why.HOT:
        counts.hot++
        return entry.hot(record, eipBase)
      case Why.GUARD:
        counts.guard++
        return entry.guard(record, eipBase)
      case Why.STALE: {
        counts.stale++
        const fresh = entry.anew(records.eipOf(record, eipBase))
        if (typeof fresh === 'number') records.replaceStale(record, fresh)
        return fresh
      }
      case Why.ESCAPE:
        counts.escape++
        state.eip = records.eipOf(record, eipBase)
        return records.isCrossing(record) ? entry.cross(record) : entry.stepUnlessStopped()
      case Why.FAULT:
        counts.fault++
        state.eip = records.eipOf(record, eipBase)
        return this.#fault()
      case Why.SYSTEM:
        counts.system++
        return this.#afterSystem()
    }
    counts.raise++
    state.eip = records.eipOf(record, eipBase)
    const vector = why - Why.RAISE
    // An 8086 goes back behind a division whose quotient does not fit.
    if (state.is8086 && vector === Vector.DE) state.eip += records.lengthOf(record)
    return this.#deliver(vector === Vector.GP ? generalProtection() : new CpuFault(vector))
  }

  /** An access of the instruction at EIP has faulted, or is one that a watchpoint stops at. */
  #fault(): Onward {
    const { slow, entry, calls, mmu } = this.parts
    slow.drop()
    if (slow.takeRefusal()) return entry.step()
    return this.#deliver(calls.takeFault() ?? mmu.takeWalkFault())
  }

  /** A system operation has set EIP, or has faulted. */
  #afterSystem(): Onward {
    const { calls, retired, between } = this.parts
    const fault = calls.takeFault()
    if (fault) return this.#deliver(fault)
    retired.total++
    if (between.halted) this.counts.halt++
    return true
  }

  #deliver(fault: CpuFault): Onward {
    return this.parts.exceptions.raise(fault) && this.parts.entry.atHandler()
  }
}

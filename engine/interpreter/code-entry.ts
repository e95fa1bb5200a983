import { CS, State } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import type { Exceptions } from '../vcpu/exceptions.ts'
import { CpuFault, asFault } from '../vcpu/fault.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import type { BetweenInstructions } from './between-instructions.ts'
import type { CodeCache } from './code-cache.ts'
import type { CodeFinder } from './code-finder.ts'
import type { InstructionFetch } from './instruction-fetch.ts'
import type { Translator } from './translator-host.ts'

/** A record to go on with, or whether the processor lives on where generated code cannot go on. */
export type Onward = number | boolean

/** The count of a head that no region is to be made for. */
const NEVER = 0x7fffffff

/** Finds the record to go on with where generated code could not find it. */
export class CodeEntry {
  translator: Translator | null = null
  /** Runs the instruction at EIP by itself. False when the processor shuts down. */
  step: () => boolean = () => true

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly exceptions: Exceptions,
    private readonly code: CodeCache,
    private readonly finder: CodeFinder,
    private readonly fetch: InstructionFetch,
    private readonly between: BetweenInstructions,
  ) {}

  at(eip: number): Onward {
    this.state.eip = eip
    try {
      const record = this.finder.find(this.state.eip)
      return record === 0 ? this.stepUnlessStopped() : record
    } catch (fault) {
      return this.exceptions.raise(asFault(fault))
    }
  }

  /** The same where the jump cache may hold a record that is out of date. */
  anew(eip: number): Onward {
    this.finder.forget(eip)
    return this.at(eip)
  }

  /** The record for an EIP that generated code jumps to; 0 where that is not all there is to do. */
  quietly(eip: number): number {
    if (this.between.stepping) return 0
    const cr2 = this.state.word(State.CR2)
    try {
      return this.finder.find(eip)
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
      // It will fault again when it is delivered.
      this.state.setWord(State.CR2, cr2)
      return 0
    }
  }

  /** After an exception was delivered: the record of its handler, or true when something comes first. */
  atHandler(): Onward {
    return !this.between.goesOn || this.at(this.state.eip)
  }

  /** Runs one instruction by itself, unless the debugger wants to stop before it. */
  stepUnlessStopped(): boolean {
    return this.between.atBreakpoint || this.step()
  }

  /** Resolves the branch at `from`, whose page is the one being executed. */
  link(from: number, eipBase: number): Onward {
    const { code } = this
    const { records } = code
    try {
      const place = this.finder.place(records.eipOf(from, eipBase))
      if (records.nearlyFull) code.flush()
      else return code.link(from, place.hostPage, place.variant)
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
    }
    return this.at(records.branchTarget(from, eipBase))
  }

  /** Finds the second page of an instruction that lies in two. */
  cross(record: number): Onward {
    const { state, code, finder } = this
    const { eip } = state
    try {
      const { linear, offset, variant } = finder.place(eip)
      const next = eip + 4096 - offset
      if (next > state.limit(CS)) return this.step()
      const firstGlobal = finder.lastGlobal
      const second = finder.fetchFrom((linear + 4096 - offset) >>> 0)
      if (second < 0) return this.step()
      // At level 3 the key stands for the address space too.
      const local = state.cpl !== 3 && (!firstGlobal || !this.mmu.lastGlobal)
      const place = { second, key: state.word(State.JUMP_KEY), local, flat: variant.flat }
      return code.crossings.enter(record, place, () => this.fetch.at(eip))
    } catch (fault) {
      return this.exceptions.raise(asFault(fault))
    }
  }

  /** A head has been entered often. Goes on there, translated or not. */
  hot(head: number, eipBase: number): Onward {
    const { code, translator } = this
    const eip = code.records.eipOf(head, eipBase)
    try {
      const { hostPage, offset, variant } = this.finder.place(eip)
      if (code.records.nearlyFull || code.headAt(hostPage, offset, variant) !== head) {
        // The page has been decoded anew since: another head stands for this place.
        code.heads.count(head, NEVER)
        return this.anew(eip)
      }
      translator!.hot(head, { hostPage, offset, mode: variant, eipBase })
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
    }
    return this.at(eip)
  }

  /** A region over several pages was entered under other translations than before. Goes on there, in it or not. */
  guard(head: number, eipBase: number): Onward {
    if (this.translator!.guard(head, eipBase)) return head
    return this.at(this.code.records.eipOf(head, eipBase))
  }
}

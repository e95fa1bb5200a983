import type { AccessSize } from '../bus/bus-device.ts'
import { TF } from '../isa/flags.ts'
import { Attention, State } from '../isa/state.ts'
import { SystemOp } from '../isa/system-op.ts'
import { CR0, type CpuState } from '../vcpu/cpu-state.ts'
import { type CpuFault, NewTaskFault, asFault } from '../vcpu/fault.ts'
import type { PortIo } from '../vcpu/port-io.ts'
import type { Stops } from '../vcpu/stops.ts'
import { Outcome, type SystemUnit } from '../vcpu/system-unit.ts'
import type { SlowAccess } from './access.ts'
import type { AttentionWord } from './attention-word.ts'
import type { BetweenInstructions } from './between-instructions.ts'
import type { BulkStrings } from './bulk.ts'
import type { CodeCache } from './code-cache.ts'
import type { CodeEntry } from './code-entry.ts'
import type { CodeFinder } from './code-finder.ts'
import type { InstructionFetch } from './instruction-fetch.ts'
import { Why } from './record.ts'
import type { RetiredCount } from './retired-count.ts'
import type { TierTimes } from './tier-times.ts'

const SOFTWARE_INTERRUPTS: ReadonlySet<number> = new Set([
  SystemOp.INT,
  SystemOp.INT1,
  SystemOp.INT3,
  SystemOp.INTO,
])
/** The clock is looked at once in so many port accesses: a power of 2. */
const PORT_STRIDE = 8

/** The parts of a processor that generated code calls. */
export interface CallParts {
  state: CpuState
  system: SystemUnit
  portIo: PortIo
  stops: Stops
  attention: AttentionWord
  between: BetweenInstructions
  retired: RetiredCount
  code: CodeCache
  finder: CodeFinder
  entry: CodeEntry
  fetch: InstructionFetch
  slow: SlowAccess
  bulk: BulkStrings
  times: TierTimes | null
  /** Bytes that a change of paging leaves in the processor, 0 for none. */
  prefetchBytes: number
  /** True when the time of a run is over, whatever is left of its budget. */
  isDue: () => boolean
}

/** What generated code imports (see Import in handler-locals.ts). A fault that ends a call waits for `takeFault`. */
export class RuntimeCalls {
  #fault: CpuFault | null = null
  #portAccesses = 0

  constructor(private readonly parts: CallParts) {}

  /** The fault that the last call ended in, told once. */
  takeFault(): CpuFault | null {
    const fault = this.#fault
    this.#fault = null
    return fault
  }

  access(
    offset: number,
    segment: number,
    kind: number,
    record: number,
    budget: number,
    start: number,
  ): number {
    const { state, slow } = this.parts
    state.setWord(State.RECORD, record)
    state.setWord(State.BUDGET, budget)
    state.setWord(State.RUN_START, start)
    try {
      return slow.access(offset, segment, kind)
    } catch (fault) {
      this.#fault = asFault(fault)
      return 0
    }
  }

  writeBack(): number {
    const { slow, attention, retired } = this.parts
    slow.writeBack()
    return attention.has(Attention.STOP) ? retired.drain() : 0
  }

  bulk(op: number, kind: number, segment: number): number {
    return this.parts.between.stepping ? 0 : this.parts.bulk.run(op, kind, segment)
  }

  find(eip: number): number {
    return this.parts.entry.quietly(eip >>> 0)
  }

  readPort(port: number, size: AccessSize): number {
    const { portIo } = this.parts
    portIo.eip = null
    const value = portIo.read(port, size)
    this.#notePort()
    return value
  }

  writePort(port: number, value: number, size: AccessSize): number {
    const { portIo } = this.parts
    portIo.eip = null
    portIo.write(port, value, size)
    this.#notePort()
    return 0
  }

  clock(): number {
    this.parts.times?.clock()
    return 0
  }

  timeStamp(): number {
    this.parts.system.readTimeStamp()
    return 0
  }

  system(op: number, a: number, b: number): number {
    const { state, finder, fetch, portIo } = this.parts
    if (op === SystemOp.ENTER_CODE) {
      finder.noteModeChange()
      finder.settleMode()
      finder.noteCodeKey()
      return this.#whyLeave()
    }
    const { records } = this.parts.code
    const record = state.word(State.RECORD)
    const eip = records.eipOf(record, state.word(State.EIP_BASE))
    const key = state.word(State.JUMP_KEY)
    state.eip = (eip + records.lengthOf(record)) >>> 0
    portIo.eip = eip
    let outcome: Outcome
    try {
      if (op === SystemOp.MOV_TO_CR) this.#fetchAhead(a, b)
      outcome = this.parts.system.execute(op, a, b)
      if (op <= SystemOp.OUTS && op >= SystemOp.IN) this.#notePort()
    } catch (fault) {
      this.#fault = asFault(fault)
      if (op === SystemOp.MOV_TO_CR) fetch.queue.clear()
      if (!(fault instanceof NewTaskFault)) state.eip = eip
      return Why.SYSTEM
    }
    return this.#goOn(op, outcome, eip, key)
  }

  /** @param eip and key: EIP and JUMP_KEY as they were before the operation */
  #goOn(op: number, outcome: Outcome, eip: number, key: number): number {
    const { state, finder, attention, between, stops } = this.parts
    switch (outcome) {
      case Outcome.HALT:
        between.halted = true
        return Why.SYSTEM
      case Outcome.AGAIN:
        state.eip = eip
        return Why.SYSTEM
      case Outcome.SHADOW:
        // MOV SS and POP SS hold traps back too, STI only interrupts.
        between.holdsTrap = op !== SystemOp.STI
        finder.settleMode()
        if (
          !attention.has(Attention.INTERRUPT | Attention.NMI) &&
          !(state.systemFlags & TF) &&
          state.word(State.JUMP_KEY) === key
        )
          break
        state.setWord(State.SHADOW, 1)
        return Why.SYSTEM
      case Outcome.LEAVE:
        // INT clears TF before a trap could be taken.
        if (SOFTWARE_INTERRUPTS.has(op)) between.holdsTrap = true
        return this.#whyLeave()
      case Outcome.NEXT:
    }
    finder.settleMode()
    if (attention.has(Attention.STOP) || stops.isHit) return Why.SYSTEM
    return state.word(State.JUMP_KEY) === key ? Why.NEXT : this.#whyLeave()
  }

  /** State.EIP is right: generated code may look there for itself unless something comes first. */
  #whyLeave(): number {
    if (!this.parts.between.goesOn) return Why.SYSTEM
    this.parts.finder.settleMode()
    return Why.ENTER
  }

  /** Before a move to a control register: what follows is in the processor already when that switches paging. */
  #fetchAhead(register: number, value: number): void {
    const { prefetchBytes, state, fetch } = this.parts
    if (prefetchBytes > 0 && register === 0 && (state.cr0 ^ value) & CR0.PG)
      fetch.ahead(state.eip, prefetchBytes)
  }

  /** Programs that poll a device retire few instructions in much time: timers must not wait for the budget. */
  #notePort(): void {
    const { attention, isDue } = this.parts
    if ((++this.#portAccesses & (PORT_STRIDE - 1)) === 0 && isDue()) attention.set(Attention.STOP, true)
  }
}

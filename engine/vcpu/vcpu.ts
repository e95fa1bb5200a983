import type { DebuggableCpu } from './debuggable.ts'

/** Why a virtual processor came back from `run`. */
export type VcpuExit =
  /** The budget is used up, or somebody asked to stop. */
  | 'stop'
  /** HLT with nothing to do. */
  | 'halt'
  /** Triple fault. */
  | 'shutdown'
  /** A breakpoint of the debugger. */
  | 'breakpoint'

/** What the processor asks of the interrupt controllers. */
export interface InterruptSource {
  /** INTA: the vector of the most urgent interrupt, which is now in service. */
  acknowledge(): number
}

/** What a processor counts, by name. */
export interface VcpuCounters {
  /** Exits from guest code by reason. */
  exits: Record<string, number>
  /** Interrupts and exceptions delivered, by vector. */
  interrupts: Record<string, number>
  /** What only this kind of processor has. */
  cpu: Record<string, number>
}

/** What the software processor and /dev/kvm have in common. */
export interface Vcpu {
  /**
   * Runs until about `budget` instructions have retired, or something comes up. A processor that cannot count
   * them runs until the time of its run is over.
   */
  run(budget: number): VcpuExit
  /** Level of the INTR pin. */
  setInterruptRequest(high: boolean): void
  /** An edge of the NMI pin. */
  raiseNmi(): void
  /** An edge of the SMI pin; nothing to a processor that has no system management mode. */
  raiseSmi(): void
  /** Makes a running `run` return soon. Same thread only. */
  requestStop(): void
  /** RESET pin: registers as after power-on. */
  reset(): void
  /** Instructions retired since creation, exact at any exit; 0 where they cannot be counted. */
  readonly retired: number
  /** The same, exact during port and memory-mapped access too; null where they cannot be counted. */
  readonly retiredNow: number | null
  /** A general register (see isa/state.ts), unsigned. Between two runs, and during port access. */
  register(index: number): number
  setRegister(index: number, value: number): void
  /** Memory was replaced behind the processor's back: nothing it knows of it holds. */
  memoryReplaced(): void
  /** Forgets translations of addresses, as a TLB may do at any time; a processor that is the host's own need not. */
  forgetTranslations(): void
  /** Architectural state between two runs, in the one format that all processors share. */
  save(): unknown
  /** Throws `state-invalid`. */
  restore(state: unknown): void
  counters(): VcpuCounters
  /** For a debugger, between two runs; null where there is no way in. */
  readonly debug: DebuggableCpu | null
  /** Gives back what it has of the host. */
  close(): void
}

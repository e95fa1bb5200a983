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

/** What the software processor and /dev/kvm have in common. */
export interface Vcpu {
  /** Runs until about `budget` instructions have retired, or something comes up. */
  run(budget: number): VcpuExit
  /** Level of the INTR pin. */
  setInterruptRequest(high: boolean): void
  /** An edge of the NMI pin. */
  raiseNmi(): void
  /** Makes a running `run` return soon. Same thread only. */
  requestStop(): void
  /** RESET pin: registers as after power-on. */
  reset(): void
  /** Instructions retired since creation, exact at any exit and during port and memory-mapped access. */
  readonly retired: number
}

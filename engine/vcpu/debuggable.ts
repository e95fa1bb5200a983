import type { ControlRegisters } from './control.ts'
import type { CpuState } from './cpu-state.ts'
import type { Mmu } from './mmu.ts'
import type { Segmentation } from './segmentation.ts'
import type { Stops } from './stops.ts'

/** What a debugger gets at, of a processor that stands between two runs. */
export interface DebuggableCpu {
  readonly state: CpuState
  readonly mmu: Mmu
  readonly segmentation: Segmentation
  readonly control: ControlRegisters
  readonly stops: Stops
  readonly halted: boolean
  /** The FPU's words were changed: what is derived from them is made anew. */
  updateFpuTrap(): void
  /** The same for the debug registers. */
  updateBreakpoints(): void
}

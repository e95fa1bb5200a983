import { UNIT_BIT } from '../isa/description.ts'
import { State } from '../isa/state.ts'
import { CR0, CR4, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector, invalidOpcode } from './fault.ts'

/** Error summary bit of the x87 status word. */
const FPU_ERROR = 0x80

/** What keeps instructions of the x87, MMX and SSE from running (SDM vol. 3, 2.5: EM, MP, TS; 8.7: errors). */
export class FpuTrap {
  /** @param ferr drives FERR#: an unmasked x87 error while CR0.NE is clear */
  constructor(
    private readonly state: CpuState,
    private readonly ferr: (high: boolean) => void,
  ) {}

  /** Keeps FPU_TRAP in step with CR0, CR4 and pending x87 errors. */
  update(): void {
    const { state } = this
    const { cr0, cr4 } = state
    const unavailable = (cr0 & (CR0.EM | CR0.TS)) !== 0
    let trap = 0
    if (state.word(State.FPU_STATUS) & FPU_ERROR) trap |= UNIT_BIT.x87 | UNIT_BIT.mmx | UNIT_BIT.wait
    if (unavailable) trap |= UNIT_BIT.x87 | UNIT_BIT.mmx | UNIT_BIT['x87-control'] | UNIT_BIT.sse
    if ((cr0 & (CR0.MP | CR0.TS)) === (CR0.MP | CR0.TS)) trap |= UNIT_BIT.wait
    if (!(cr4 & CR4.OSFXSR)) trap |= UNIT_BIT.sse
    state.setWord(State.FPU_TRAP, trap)
  }

  /** An instruction of a unit (a bit of UNIT_BIT) that must not simply run: throws, or lets it go on. */
  meet(unit: number): void {
    const { state } = this
    const { cr0, cr4 } = state
    if (unit === UNIT_BIT.sse && (cr0 & CR0.EM || !(cr4 & CR4.OSFXSR))) throw invalidOpcode()
    if (unit === UNIT_BIT.mmx && cr0 & CR0.EM) throw invalidOpcode()
    const deviceMissing =
      unit === UNIT_BIT.wait
        ? (cr0 & (CR0.MP | CR0.TS)) === (CR0.MP | CR0.TS)
        : (cr0 & (CR0.EM | CR0.TS)) !== 0
    if (deviceMissing) throw new CpuFault(Vector.NM)
    const waits = unit === UNIT_BIT.x87 || unit === UNIT_BIT.mmx || unit === UNIT_BIT.wait
    if (waits && state.word(State.FPU_STATUS) & FPU_ERROR) {
      if (cr0 & CR0.NE) throw new CpuFault(Vector.MF)
      this.ferr(true)
    } else this.update()
  }
}

import { CS } from '../isa/state.ts'
import type { CpuState } from './cpu-state.ts'
import { CpuFault, generalProtection } from './fault.ts'
import type { Descriptor, Segmentation } from './segmentation.ts'

/** The current privilege level and what hangs on it. */
export class Privilege {
  constructor(
    private readonly state: CpuState,
    private readonly segmentation: Segmentation,
  ) {}

  set(cpl: number): void {
    this.state.cpl = cpl
    this.segmentation.onChange()
  }

  /** Loads CS and with it the privilege level; the selector's RPL becomes the level. */
  enterCode(selector: number, descriptor: Descriptor, cpl: number): void {
    if (cpl !== this.state.cpl) this.set(cpl)
    this.segmentation.setCache(
      CS,
      (selector & 0xfffc) | cpl,
      descriptor.base,
      descriptor.limit,
      descriptor.access,
    )
  }
}

/** The descriptor that a control transfer goes to; faults carry the EXT bit of the event. */
export function codeTarget(segmentation: Segmentation, selector: number, external = 0): Descriptor {
  if ((selector & 0xfffc) === 0) throw generalProtection(external)
  try {
    return segmentation.fetch(selector)
  } catch (fault) {
    if (fault instanceof CpuFault && external && fault.errorCode !== null && fault.vector === 13)
      throw generalProtection(fault.errorCode | external)
    throw fault
  }
}

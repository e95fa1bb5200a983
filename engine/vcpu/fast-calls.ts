import { IF, VM } from '../isa/flags.ts'
import { CS, ECX, EDX, ESP, SS, State } from '../isa/state.ts'
import { CR0, type CpuState } from './cpu-state.ts'
import { generalProtection } from './fault.ts'
import type { Privilege } from './privilege.ts'
import type { Segmentation } from './segmentation.ts'

interface Parts {
  state: CpuState
  segmentation: Segmentation
  privilege: Privilege
}

/** SYSENTER (SDM vol. 2). */
export function enterSystem({ state, privilege, segmentation }: Parts): void {
  const selector = state.word(State.SYSENTER_CS) & 0xfffc
  if (!(state.cr0 & CR0.PE) || selector === 0) throw generalProtection()
  state.systemFlags &= ~(VM | IF | 0x10000)
  privilege.set(0)
  segmentation.setCache(CS, selector, 0, 0xffffffff, 0xc09b)
  segmentation.setCache(SS, selector + 8, 0, 0xffffffff, 0xc093)
  state.setGpr(ESP, state.word(State.SYSENTER_ESP))
  state.eip = state.word(State.SYSENTER_EIP)
}

/** SYSEXIT (SDM vol. 2). */
export function exitSystem({ state, privilege, segmentation }: Parts): void {
  const selector = state.word(State.SYSENTER_CS) & 0xfffc
  if (!(state.cr0 & CR0.PE) || selector === 0 || state.cpl !== 0) throw generalProtection()
  privilege.set(3)
  segmentation.setCache(CS, (selector + 16) | 3, 0, 0xffffffff, 0xc0fb)
  segmentation.setCache(SS, (selector + 24) | 3, 0, 0xffffffff, 0xc0f3)
  state.setGpr(ESP, state.gpr(ECX))
  state.eip = state.gpr(EDX)
}

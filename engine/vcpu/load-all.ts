import { CS, DS, EDI, ES, LDTR, SS, State, TR } from '../isa/state.ts'
import type { ControlRegisters } from './control.ts'
import type { CpuState } from './cpu-state.ts'
import type { Mmu } from './mmu.ts'
import type { Privilege } from './privilege.ts'
import { dplOf, type Segmentation } from './segmentation.ts'

interface Parts {
  state: CpuState
  mmu: Mmu
  segmentation: Segmentation
  privilege: Privilege
  control: ControlRegisters
}

/** Where LOADALL of the 286 finds its fields (Intel, undocumented; physical address 800h). */
const LOADALL = {
  STATUS_WORD: 0x806,
  TASK: 0x816,
  FLAGS: 0x818,
  IP: 0x81a,
  LDT: 0x81c,
  REGISTERS: 0x826,
} as const
const LOADALL_SELECTORS = [
  [DS, 0x81e],
  [SS, 0x820],
  [CS, 0x822],
  [ES, 0x824],
] as const
const LOADALL_CACHES = [
  [ES, 0x836],
  [CS, 0x83c],
  [SS, 0x842],
  [DS, 0x848],
  [LDTR, 0x854],
  [TR, 0x860],
] as const

/** LOADALL of the 286: all registers and descriptor caches from physical 800h, unchecked. */
export function loadAll286({ state, mmu, segmentation, privilege, control }: Parts): void {
  const word = (at: number): number => mmu.readPhysical(at, 2)
  const base = (at: number): number => word(at) | (mmu.readPhysical(at + 2, 1) << 16)
  const selectors = new Map<number, number>(LOADALL_SELECTORS.map(([index, at]) => [index, word(at)]))
  selectors.set(LDTR, word(LOADALL.LDT)).set(TR, word(LOADALL.TASK))
  // Like LMSW it cannot leave protected mode.
  control.loadStatusWord(word(LOADALL.STATUS_WORD))
  state.eflags = (state.eflags & ~0xffff) | word(LOADALL.FLAGS) | 2
  for (let i = 0; i < 8; i++) state.setGpr16(EDI - i, word(LOADALL.REGISTERS + 2 * i))
  for (const [index, at] of LOADALL_CACHES)
    segmentation.setCache(index, selectors.get(index)!, base(at), word(at + 4), mmu.readPhysical(at + 3, 1))
  for (const [register, at] of [
    [State.GDTR, 0x84e],
    [State.IDTR, 0x85a],
  ] as const) {
    state.setWord(register, base(at))
    state.setWord(register + 4, word(at + 4))
  }
  state.eip = word(LOADALL.IP)
  privilege.set(state.protectedMode ? dplOf(state.access(SS)) : 0)
}

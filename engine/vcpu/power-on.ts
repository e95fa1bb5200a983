import { CS, DS, EDX, ES, FS, GS, LDTR, SS, State, TR } from '../isa/state.ts'
import { CR0, type CpuState } from './cpu-state.ts'
import type { CpuModel } from './model.ts'
import { fillCache } from './segmentation.ts'

/** Registers as after RESET (SDM vol. 3, 9.1.1). Model-specific registers are apart: see Msrs. */
export function setPowerOnState(state: CpuState, model: CpuModel): void {
  state.words.fill(0, State.GPR >> 2, State.END >> 2)
  state.eflags = 2
  state.setWord(State.CR0, CR0.ET | (model.features.has('486') ? CR0.CD | CR0.NW : 0))
  state.setGpr(EDX, model.signature)
  state.setWord(State.FPU_CONTROL, 0x40)
  state.setWord(State.FPU_TAG, 0x5555)
  state.setWord(State.MXCSR, 0x1f80)
  state.setWord(State.DEBUG + 24, 0xffff0ff0)
  state.setWord(State.DEBUG + 28, 0x400)
  state.setWord(State.GDTR + 4, 0xffff)
  state.setWord(State.IDTR + 4, 0xffff)
  const real = { selector: 0, base: 0, limit: 0xffff }
  for (const index of [ES, SS, DS, FS, GS]) fillCache(state, index, { ...real, access: 0x93 })
  fillCache(state, CS, { selector: 0xf000, base: 0xffff0000 | 0, limit: 0xffff, access: 0x93 })
  fillCache(state, LDTR, { ...real, access: 0x82 })
  fillCache(state, TR, { ...real, access: 0x8b })
  state.eip = 0xfff0
  if (!state.is8086) return
  fillCache(state, CS, { selector: 0xffff, base: 0xffff0, limit: 0xffff, access: 0x93 })
  state.eip = 0
}

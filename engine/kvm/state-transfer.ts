import { CS, SS, State, TR, gprAt } from '../isa/state.ts'
import { VM } from '../isa/flags.ts'
import { Access, CR0, CR4, type CpuState } from '../vcpu/cpu-state.ts'
import { fillCache } from '../vcpu/segmentation.ts'
import { DEBUGREGS, REGS, SEGMENT, SREGS, XSAVE } from './abi.ts'
import type { VirtualCpu } from './virtual-cpu.ts'

const LOW_32 = 0xffffffffn
/** Type of an accessed, readable code segment, which is what hardware has in CS also in real mode. */
const CODE_TYPE = 0xb
/** What the software processor has there. */
const REAL_CODE_ACCESS = 0x93
const EFER_NXE = 0x800
const EFER_LONG_MODE = 0x500

/** State that only KVM's special registers have. */
export interface SpecialRegisters {
  efer: number
  apicBase: number
}

/** Gives the processor's state to KVM. */
export function giveState(cpu: VirtualCpu, state: CpuState, special: SpecialRegisters): void {
  giveSpecial(cpu, state, special)
  giveRegisters(cpu, state)
  giveFpu(cpu, state)
  giveDebug(cpu, state)
}

/** Takes it back. `cpl`, segment caches and flags get the form in which the software processor keeps them. */
export function takeState(cpu: VirtualCpu, state: CpuState): SpecialRegisters {
  const special = takeSpecial(cpu, state)
  takeRegisters(cpu, state)
  // The privilege level is that of the stack segment, which says nothing in real and virtual-8086 mode.
  const level = !state.protectedMode ? 0 : state.eflags & VM ? 3 : (state.access(SS) >> Access.DPL_SHIFT) & 3
  state.setWord(State.CPL, level)
  takeFpu(cpu, state)
  takeDebug(cpu, state)
  return special
}

function giveRegisters(cpu: VirtualCpu, state: CpuState): void {
  cpu.fresh(REGS.BYTES)
  REGS.GPR.forEach((word, index) => (cpu.structureWords[word] = BigInt(state.gpr(index) >>> 0)))
  cpu.structureWords[REGS.RIP] = BigInt(state.eip)
  cpu.structureWords[REGS.RFLAGS] = BigInt(state.eflags >>> 0)
  cpu.set('SET_REGS')
}

function takeRegisters(cpu: VirtualCpu, state: CpuState): void {
  cpu.get('GET_REGS')
  const word = (index: number): number => Number(cpu.structureWords[index]! & LOW_32) | 0
  REGS.GPR.forEach((from, index) => state.setWord(gprAt(index, 4), word(from)))
  state.eip = word(REGS.RIP)
  state.eflags = word(REGS.RFLAGS)
}

function giveSpecial(cpu: VirtualCpu, state: CpuState, { efer, apicBase }: SpecialRegisters): void {
  // From what is there, for the few fields that this state does not have.
  const view = cpu.get('GET_SREGS')
  SREGS.SEGMENTS.forEach((at, index) => giveSegment(view, at, state, index))
  const table = (at: number, from: number): void => {
    view.setBigUint64(at, BigInt(state.word(from) >>> 0), true)
    view.setUint16(at + 8, state.word(from + 4), true)
  }
  table(SREGS.GDT, State.GDTR)
  table(SREGS.IDT, State.IDTR)
  const wide = (at: number, value: number): void => view.setBigUint64(at, BigInt(value >>> 0), true)
  wide(SREGS.CR0, state.cr0)
  wide(SREGS.CR2, state.word(State.CR2))
  wide(SREGS.CR3, state.word(State.CR3))
  wide(SREGS.CR4, state.cr4)
  wide(SREGS.EFER, efer & EFER_NXE)
  wide(SREGS.APIC_BASE, apicBase)
  // No interrupt is under way: see KvmVcpu.save.
  for (let at = SREGS.BYTES - 32; at < SREGS.BYTES; at += 8) view.setBigUint64(at, 0n, true)
  cpu.set('SET_SREGS')
}

function takeSpecial(cpu: VirtualCpu, state: CpuState): SpecialRegisters {
  const view = cpu.get('GET_SREGS')
  const word = (at: number): number => view.getInt32(at, true)
  state.setWord(State.CR0, word(SREGS.CR0))
  state.setWord(State.CR2, word(SREGS.CR2))
  state.setWord(State.CR3, word(SREGS.CR3))
  state.setWord(State.CR4, word(SREGS.CR4))
  SREGS.SEGMENTS.forEach((at, index) => takeSegment(view, at, state, index))
  for (const [from, to] of [
    [SREGS.GDT, State.GDTR],
    [SREGS.IDT, State.IDTR],
  ] as const) {
    state.setWord(to, word(from))
    state.setWord(to + 4, view.getUint16(from + 8, true))
  }
  return { efer: word(SREGS.EFER), apicBase: word(SREGS.APIC_BASE) >>> 0 }
}

/** True when the guest has left what the saved state can express. */
export const isLongMode = ({ efer }: SpecialRegisters): boolean => (efer & EFER_LONG_MODE) !== 0

function giveSegment(view: DataView, at: number, state: CpuState, index: number): void {
  const access = state.access(index)
  const limit = state.limit(index)
  const type = access & 0xf
  const byte = (field: number, value: number): void => view.setUint8(at + field, value)
  view.setBigUint64(at + SEGMENT.BASE, BigInt(state.base(index) >>> 0), true)
  view.setUint32(at + SEGMENT.LIMIT, limit, true)
  view.setUint16(at + SEGMENT.SELECTOR, state.selector(index), true)
  byte(SEGMENT.TYPE, hardwareType(state, index, type))
  byte(SEGMENT.PRESENT, access & Access.PRESENT ? 1 : 0)
  byte(SEGMENT.DPL, (access >> Access.DPL_SHIFT) & 3)
  byte(SEGMENT.DB, access & Access.BIG ? 1 : 0)
  byte(SEGMENT.S, access & Access.SEGMENT ? 1 : 0)
  byte(SEGMENT.L, 0)
  // Hardware refuses a granularity that the limit contradicts, as after a return from "unreal" mode.
  byte(SEGMENT.G, limit > 0xfffff || ((limit & 0xfff) === 0xfff && access & Access.GRANULAR) ? 1 : 0)
  byte(SEGMENT.AVL, access & AVAILABLE ? 1 : 0)
  byte(SEGMENT.UNUSABLE, access & Access.PRESENT ? 0 : 1)
}

const AVAILABLE = 0x1000

function hardwareType(state: CpuState, index: number, type: number): number {
  if (index === CS && state.paragraphs && !state.virtual8086) return CODE_TYPE
  // A task register is busy by definition, be it that of a 286 or of a 386.
  return index === TR ? type | 2 : type
}

function takeSegment(view: DataView, at: number, state: CpuState, index: number): void {
  const byte = (field: number): number => view.getUint8(at + field)
  const base = Number(view.getBigUint64(at + SEGMENT.BASE, true) & LOW_32) | 0
  const limit = view.getUint32(at + SEGMENT.LIMIT, true)
  const selector = view.getUint16(at + SEGMENT.SELECTOR, true)
  if (byte(SEGMENT.UNUSABLE) || !byte(SEGMENT.PRESENT)) {
    fillCache(state, index, { selector, base, limit: 0, access: 0 })
    return
  }
  let access =
    byte(SEGMENT.TYPE) |
    (byte(SEGMENT.S) ? Access.SEGMENT : 0) |
    (byte(SEGMENT.DPL) << Access.DPL_SHIFT) |
    (byte(SEGMENT.PRESENT) ? Access.PRESENT : 0) |
    (byte(SEGMENT.AVL) ? AVAILABLE : 0) |
    (byte(SEGMENT.DB) ? Access.BIG : 0) |
    (byte(SEGMENT.G) ? Access.GRANULAR : 0)
  if (index === CS && !(state.cr0 & CR0.PE)) access = (access & ~0xff) | REAL_CODE_ACCESS
  fillCache(state, index, { selector, base, limit, access })
}

function giveFpu(cpu: VirtualCpu, state: CpuState): void {
  const view = cpu.fresh(XSAVE.BYTES)
  const { view: from } = state
  const status = state.word(State.FPU_STATUS)
  const tags = state.word(State.FPU_TAG)
  let used = 0
  for (let register = 0; register < 8; register++) {
    if (((tags >> (2 * register)) & 3) !== 3) used |= 1 << register
    const at = XSAVE.ST + 16 * ((register - (status >> 11)) & 7)
    view.setBigUint64(at, from.getBigUint64(State.FPU + 16 * register, true), true)
    view.setUint16(at + 8, from.getUint16(State.FPU + 16 * register + 8, true), true)
  }
  view.setUint16(XSAVE.CONTROL, state.word(State.FPU_CONTROL), true)
  view.setUint16(XSAVE.STATUS, status, true)
  view.setUint8(XSAVE.TAGS, used)
  view.setUint16(XSAVE.OPCODE, state.word(State.FPU_OPCODE) & 0x7ff, true)
  for (const [at, offset, selector] of POINTERS) {
    view.setUint32(at, state.word(offset), true)
    view.setUint16(at + 4, state.word(selector), true)
  }
  for (let at = 0; at < 128; at += 8)
    view.setBigUint64(XSAVE.XMM + at, from.getBigUint64(State.XMM + at, true), true)
  view.setUint32(XSAVE.MXCSR, state.word(State.MXCSR), true)
  view.setUint32(XSAVE.XSTATE_BV, XSAVE.X87_AND_SSE, true)
  cpu.set('SET_XSAVE')
}

/** Last instruction and last operand: in the image, and their two words in the state. */
const POINTERS = [
  [XSAVE.IP, State.FPU_IP, State.FPU_CS],
  [XSAVE.DP, State.FPU_DP, State.FPU_DS],
] as const

function takeFpu(cpu: VirtualCpu, state: CpuState): void {
  const view = cpu.get('GET_XSAVE')
  const { view: to } = state
  const status = view.getUint16(XSAVE.STATUS, true)
  const used = view.getUint8(XSAVE.TAGS)
  let tags = 0
  for (let register = 0; register < 8; register++) {
    if (!(used & (1 << register))) tags |= 3 << (2 * register)
    const at = XSAVE.ST + 16 * ((register - (status >> 11)) & 7)
    to.setBigUint64(State.FPU + 16 * register, view.getBigUint64(at, true), true)
    to.setUint16(State.FPU + 16 * register + 8, view.getUint16(at + 8, true), true)
  }
  state.setWord(State.FPU_CONTROL, view.getUint16(XSAVE.CONTROL, true))
  state.setWord(State.FPU_STATUS, status)
  state.setWord(State.FPU_TAG, tags)
  state.setWord(State.FPU_OPCODE, view.getUint16(XSAVE.OPCODE, true))
  for (const [at, offset, selector] of POINTERS) {
    state.setWord(offset, view.getInt32(at, true))
    state.setWord(selector, view.getUint16(at + 4, true))
  }
  for (let at = 0; at < 128; at += 8)
    to.setBigUint64(State.XMM + at, view.getBigUint64(XSAVE.XMM + at, true), true)
  state.setWord(State.MXCSR, view.getInt32(XSAVE.MXCSR, true))
}

function giveDebug(cpu: VirtualCpu, state: CpuState): void {
  cpu.fresh(DEBUGREGS.BYTES)
  const give = (at: number, index: number): void => {
    cpu.structureWords[at >> 3] = BigInt(state.word(State.DEBUG + 4 * index) >>> 0)
  }
  for (let index = 0; index < 4; index++) give(DEBUGREGS.DR0 + 8 * index, index)
  give(DEBUGREGS.DR6, 6)
  give(DEBUGREGS.DR7, 7)
  cpu.set('SET_DEBUGREGS')
}

function takeDebug(cpu: VirtualCpu, state: CpuState): void {
  const view = cpu.get('GET_DEBUGREGS')
  for (let index = 0; index < 4; index++)
    state.setWord(State.DEBUG + 4 * index, view.getInt32(DEBUGREGS.DR0 + 8 * index, true))
  state.setWord(State.DEBUG + 24, view.getInt32(DEBUGREGS.DR6, true))
  state.setWord(State.DEBUG + 28, view.getInt32(DEBUGREGS.DR7, true))
}

/** The four page-directory pointers of PAE paging, read from where CR3 says: low words, then high; zeros without it. */
export function pageDirectoryPointers(state: CpuState, read: (address: number) => number): number[] {
  const isPae = state.cr0 & CR0.PG && state.cr4 & CR4.PAE
  const base = (state.word(State.CR3) & ~31) >>> 0
  return [0, 8, 16, 24, 4, 12, 20, 28].map((at) => (isPae ? read(base + at) | 0 : 0))
}

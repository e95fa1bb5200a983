import type { AccessSize } from '../bus/bus-device.ts'
import { IF, IOPL, OF, VIF, VIP, VM, ZF } from '../isa/flags.ts'
import {
  CS,
  DS,
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  ES,
  ESP,
  LDTR,
  SEGMENT_BYTES,
  SS,
  State,
  TR,
  gprAt,
} from '../isa/state.ts'
import { SystemOp } from '../isa/system-op.ts'
import type { ControlRegisters } from './control.ts'
import { Access, CR0, CR4, type CpuState } from './cpu-state.ts'
import type { Exceptions } from './exceptions.ts'
import { CpuFault, Vector, generalProtection, invalidOpcode } from './fault.ts'
import type { FarTransfer } from './far-transfer.ts'
import type { Mmu } from './mmu.ts'
import { type CpuModel, cpuid } from './model.ts'
import type { Msrs } from './msr.ts'
import type { PortIo } from './port-io.ts'
import type { Privilege } from './privilege.ts'
import {
  type Descriptor,
  type Segmentation,
  dplOf,
  isCode,
  isConforming,
  isPresent,
  isSegment,
  typeOf,
} from './segmentation.ts'
import { StackFrame } from './stack.ts'

/** The parts of a processor that its system instructions work on. */
export interface SystemParts {
  state: CpuState
  mmu: Mmu
  segmentation: Segmentation
  privilege: Privilege
  exceptions: Exceptions
  transfers: FarTransfer
  control: ControlRegisters
  msrs: Msrs
  portIo: PortIo
  model: CpuModel
  /** Highest CPUID leaf shown. */
  leafLimit: number
  apicPresent(): boolean
  /** Decides what a waiting FPU, MMX or SSE instruction meets: throws, or lets it go on. */
  fpuTrap(unit: number): void
}

/** What comes after a system instruction. */
export const Outcome = {
  /** The next instruction, in the same mode. */
  NEXT: 0,
  /** State.EIP; code, mode or interrupts may have changed. */
  LEAVE: 1,
  /** The same instruction again: a repetition that is not finished. */
  AGAIN: 2,
  /** State.EIP, with interrupts blocked for one more instruction. */
  SHADOW: 3,
  /** Waits for an interrupt. */
  HALT: 4,
} as const
export type Outcome = (typeof Outcome)[keyof typeof Outcome]

/**
 * Carries out the operations that instructions hand over (see SystemOp). Called with State.EIP at the next
 * instruction; throws CpuFault with the state as it was before the instruction.
 */
export class SystemUnit {
  constructor(private readonly parts: SystemParts) {}

  execute(op: number, a: number, b: number): Outcome {
    const { state, transfers, exceptions, control, portIo } = this.parts
    switch (op) {
      case SystemOp.IN:
        portIo.in(a, b as AccessSize)
        return Outcome.NEXT
      case SystemOp.OUT:
        portIo.out(a, b as AccessSize)
        return Outcome.NEXT
      case SystemOp.INS:
        return portIo.string(true, a, b) ? Outcome.AGAIN : Outcome.NEXT
      case SystemOp.OUTS:
        return portIo.string(false, a, b) ? Outcome.AGAIN : Outcome.NEXT
      case SystemOp.CLI:
        return this.#clearInterrupts()
      case SystemOp.STI:
        return this.#setInterrupts()
      case SystemOp.PUSHF:
        transfers.pushFlags(b2(a))
        return Outcome.NEXT
      case SystemOp.POPF:
        transfers.popFlags(b2(a))
        return Outcome.LEAVE
      case SystemOp.LOAD_SEGMENT:
        return this.#loadSegment(Math.floor((a - State.SEGMENTS) / SEGMENT_BYTES), b & 0xffff)
      case SystemOp.POP_SEGMENT:
        return this.#popSegment(a, b2(b))
      case SystemOp.LOAD_FAR_POINTER:
        return this.#loadFarPointer(a, b)
      case SystemOp.JMP_FAR:
        transfers.jump(b & 0xffff, a, b & 0x10000 ? 4 : 2)
        return Outcome.LEAVE
      case SystemOp.CALL_FAR:
        transfers.call(b & 0xffff, a, b & 0x10000 ? 4 : 2)
        return Outcome.LEAVE
      case SystemOp.RET_FAR:
        transfers.ret(a, b2(b))
        return Outcome.LEAVE
      case SystemOp.IRET:
        transfers.iret(b2(a))
        return Outcome.LEAVE
      case SystemOp.INT:
        exceptions.software(a)
        return Outcome.LEAVE
      case SystemOp.INT1:
        exceptions.deliver(Vector.DB, 'external')
        return Outcome.LEAVE
      case SystemOp.INT3:
        exceptions.deliver(Vector.BP, 'software')
        return Outcome.LEAVE
      case SystemOp.INTO:
        if (!(state.eflags & OF)) return Outcome.NEXT
        exceptions.deliver(Vector.OF, 'software')
        return Outcome.LEAVE
      case SystemOp.HLT:
        this.#privileged()
        return Outcome.HALT
      case SystemOp.PUSHA:
        this.#pushAll(b2(a))
        return Outcome.NEXT
      case SystemOp.POPA:
        this.#popAll(b2(a))
        return Outcome.NEXT
      case SystemOp.ENTER:
        this.#enter(a & 0xffff, (a >>> 16) & 31, b2(b))
        return Outcome.NEXT
      case SystemOp.BOUND:
        this.#bound(a, b)
        return Outcome.NEXT
      case SystemOp.MOV_FROM_CR:
        state.setWord(b, control.read(a))
        return Outcome.NEXT
      case SystemOp.MOV_TO_CR:
        control.write(a, b)
        return Outcome.LEAVE
      case SystemOp.MOV_FROM_DR:
        state.setWord(b, control.readDebug(a))
        return Outcome.NEXT
      case SystemOp.MOV_TO_DR:
        control.writeDebug(a, b)
        return Outcome.LEAVE
      case SystemOp.MOV_FROM_TR:
        state.setWord(b, control.readTest(a))
        return Outcome.NEXT
      case SystemOp.MOV_TO_TR:
        control.writeTest(a, b)
        return Outcome.NEXT
      case SystemOp.LMSW:
        control.loadStatusWord(a)
        return Outcome.LEAVE
      case SystemOp.CLTS:
        control.clearTaskSwitched()
        return Outcome.LEAVE
      case SystemOp.LGDT:
        this.#loadTable(State.GDTR, a, b)
        return Outcome.NEXT
      case SystemOp.LIDT:
        this.#loadTable(State.IDTR, a, b)
        return Outcome.NEXT
      case SystemOp.SGDT:
        this.#storeTable(State.GDTR, a, b)
        return Outcome.NEXT
      case SystemOp.SIDT:
        this.#storeTable(State.IDTR, a, b)
        return Outcome.NEXT
      case SystemOp.LLDT:
        this.#loadLdt(a & 0xffff)
        return Outcome.NEXT
      case SystemOp.LTR:
        this.#loadTask(a & 0xffff)
        return Outcome.NEXT
      case SystemOp.LAR:
      case SystemOp.LSL:
        this.#rights(op, a & 0xffff, b)
        return Outcome.NEXT
      case SystemOp.VERR:
      case SystemOp.VERW:
        this.#verify(a & 0xffff, op === SystemOp.VERW)
        return Outcome.NEXT
      case SystemOp.INVLPG: {
        const segment = (b - State.SEGMENTS) / SEGMENT_BYTES
        control.invalidate((state.base(segment) + a) >>> 0)
        return Outcome.LEAVE
      }
      case SystemOp.CACHE:
        this.#privileged()
        return Outcome.NEXT
      case SystemOp.CPUID:
        this.#cpuid()
        return Outcome.NEXT
      case SystemOp.RDTSC:
        if (this.parts.state.cpl !== 0 && this.parts.state.cr4 & CR4.TSD) throw generalProtection()
        this.readTimeStamp()
        return Outcome.NEXT
      case SystemOp.RDMSR: {
        this.#privileged()
        const { low, high } = this.parts.msrs.read(state.gpr(ECX))
        state.setGpr(EAX, low)
        state.setGpr(EDX, high)
        return Outcome.NEXT
      }
      case SystemOp.WRMSR:
        this.#privileged()
        this.parts.msrs.write(state.gpr(ECX), { low: state.gpr(EAX) >>> 0, high: state.gpr(EDX) >>> 0 })
        return Outcome.LEAVE
      case SystemOp.RDPMC:
        if (state.cpl !== 0 && !(state.cr4 & CR4.PCE)) throw generalProtection()
        if (state.gpr(ECX) >>> 0 > 1) throw generalProtection()
        state.setGpr(EAX, 0)
        state.setGpr(EDX, 0)
        return Outcome.NEXT
      case SystemOp.SYSENTER:
        this.#sysenter()
        return Outcome.LEAVE
      case SystemOp.SYSEXIT:
        this.#sysexit()
        return Outcome.LEAVE
      case SystemOp.RAISE:
        throw new CpuFault(a)
      case SystemOp.FPU_TRAP:
        this.parts.fpuTrap(a)
        return Outcome.NEXT
      case SystemOp.LOADALL286:
        this.#loadAll()
        return Outcome.LEAVE
      case SystemOp.RSM:
      default:
        throw invalidOpcode()
    }
  }

  /** LOADALL of the 286: all registers and descriptor caches from physical 800h, unchecked. */
  #loadAll(): void {
    this.#privileged()
    const { state, mmu, segmentation, privilege, control } = this.parts
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

  #privileged(): void {
    if (this.parts.state.cpl !== 0) throw generalProtection()
  }

  // Interrupt flag.

  #clearInterrupts(): Outcome {
    const { state } = this.parts
    const flags = state.systemFlags
    if (!state.protectedMode || state.cpl <= (flags & IOPL) >> 12) state.systemFlags = flags & ~IF
    else if (this.#virtualInterrupts(flags)) state.systemFlags = flags & ~VIF
    else throw generalProtection()
    return Outcome.NEXT
  }

  #setInterrupts(): Outcome {
    const { state } = this.parts
    const flags = state.systemFlags
    if (!state.protectedMode || state.cpl <= (flags & IOPL) >> 12) {
      if (flags & IF) return Outcome.NEXT
      state.systemFlags = flags | IF
      return Outcome.SHADOW
    }
    if (!this.#virtualInterrupts(flags) || flags & VIP) throw generalProtection()
    state.systemFlags = flags | VIF
    return Outcome.NEXT
  }

  #virtualInterrupts(flags: number): boolean {
    const { state } = this.parts
    if (state.cpl !== 3) return false
    return (state.cr4 & (flags & VM ? CR4.VME : CR4.PVI)) !== 0
  }

  // Segments.

  #loadSegment(index: number, selector: number): Outcome {
    const { segmentation } = this.parts
    segmentation.load(index, selector)
    return index === SS ? Outcome.SHADOW : Outcome.NEXT
  }

  #popSegment(index: number, size: 2 | 4): Outcome {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    // Only the selector is read, though the pointer moves by the operand size.
    const selector = frame.peek(0, 2)
    frame.release(size)
    const outcome = this.#loadSegment(index, selector)
    // SS is the new one by now, but its width decides how much of the pointer is kept.
    frame.commit(state)
    return outcome
  }

  #loadFarPointer(register: number, segment: number): Outcome {
    const { state } = this.parts
    const offset = state.word(State.FPU_SCRATCH)
    const outcome = this.#loadSegment(segment & 7, (segment >>> 8) & 0xffff)
    state.setRegister(register & 0xffff, register >>> 16, offset)
    return outcome === Outcome.SHADOW ? Outcome.LEAVE : outcome
  }

  #linear(address: number, segmentAndSize: number, size: number, write: boolean): number {
    const segment = Math.floor(((segmentAndSize & ~0x1f) - State.SEGMENTS) / SEGMENT_BYTES)
    return this.parts.segmentation.check(segment, address, size, write)
  }

  #loadTable(register: number, address: number, segmentAndSize: number): void {
    const { state, mmu } = this.parts
    this.#privileged()
    const linear = this.#linear(address, segmentAndSize, 6, false)
    const limit = mmu.read(linear, 2)
    const base = mmu.read(linear + 2, 4)
    state.setWord(register, (segmentAndSize & 0x1f) === 2 ? base & 0xffffff : base)
    state.setWord(register + 4, limit)
  }

  /** Always six bytes: Win32s relies on it with a 16-bit operand size. */
  #storeTable(register: number, address: number, segmentAndSize: number): void {
    const { state, mmu } = this.parts
    const user = state.cpl === 3
    const linear = this.#linear(address, segmentAndSize, 6, true)
    mmu.probeWrite(linear, 6, user)
    mmu.write(linear, state.word(register + 4) & 0xffff, 2, user)
    mmu.write(linear + 2, state.word(register), 4, user)
  }

  #protectedOnly(): void {
    if (this.parts.state.paragraphs) throw invalidOpcode()
  }

  #loadLdt(selector: number): void {
    const { segmentation } = this.parts
    this.#protectedOnly()
    this.#privileged()
    if ((selector & 0xfffc) === 0) return segmentation.setNull(LDTR, selector)
    const descriptor = this.#systemDescriptor(selector, [2])
    segmentation.use(LDTR, selector, descriptor)
  }

  #loadTask(selector: number): void {
    const { segmentation, mmu } = this.parts
    this.#protectedOnly()
    this.#privileged()
    if ((selector & 0xfffc) === 0) throw generalProtection()
    const descriptor = this.#systemDescriptor(selector, [1, 9])
    mmu.write(descriptor.at + 5, ((descriptor.high >>> 8) & 0xff) | 2, 1)
    descriptor.access |= 2
    segmentation.use(TR, selector, descriptor)
    // OS/2 changes page tables while real-mode code runs, and relies on this to be told of it.
    mmu.flush(false)
  }

  #systemDescriptor(selector: number, types: number[]): Descriptor {
    const error = selector & 0xfffc
    if (selector & 4) throw generalProtection(error)
    const descriptor = this.parts.segmentation.fetch(selector)
    const { access } = descriptor
    if (isSegment(access) || !types.includes(typeOf(access))) throw generalProtection(error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
    return descriptor
  }

  /** LAR and LSL: ZF says whether the descriptor is visible; if not, the destination stays. */
  #rights(op: number, selector: number, destination: number): void {
    const { state } = this.parts
    this.#protectedOnly()
    const descriptor = this.#visible(selector)
    const types = op === SystemOp.LAR ? [1, 2, 3, 4, 5, 9, 11, 12] : [1, 2, 3, 9, 11]
    const usable = descriptor && (isSegment(descriptor.access) || types.includes(typeOf(descriptor.access)))
    if (usable) {
      const value = op === SystemOp.LAR ? descriptor.high & 0x00ffff00 : descriptor.limit
      state.setRegister(
        destination & 0xffff,
        destination >>> 16,
        destination >>> 16 === 2 ? value & 0xffff : value | 0,
      )
    }
    this.#setZero(Boolean(usable))
  }

  #verify(selector: number, write: boolean): void {
    this.#protectedOnly()
    const descriptor = this.#visible(selector)
    const access = descriptor?.access ?? 0
    const usable =
      isSegment(access) &&
      (write
        ? !isCode(access) && (access & Access.WRITABLE) !== 0
        : !isCode(access) || (access & Access.WRITABLE) !== 0)
    this.#setZero(usable)
  }

  #visible(selector: number): Descriptor | null {
    if ((selector & 0xfffc) === 0) return null
    const descriptor = this.parts.segmentation.read(selector)
    if (!descriptor) return null
    const { access } = descriptor
    if (isCode(access) && isConforming(access)) return descriptor
    return dplOf(access) >= Math.max(this.parts.state.cpl, selector & 3) ? descriptor : null
  }

  #setZero(set: boolean): void {
    const { state } = this.parts
    state.eflags = set ? state.eflags | ZF : state.eflags & ~ZF
  }

  // Stack frames.

  #pushAll(size: 2 | 4): void {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    // What a fault in the middle leaves lies below the stack pointer, as on silicon.
    for (let i = 0; i < 8; i++) frame.push(state.gpr(i), size)
    frame.commit(state)
  }

  #popAll(size: 2 | 4): void {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    // A fault in the middle leaves the registers before it loaded, as on silicon: the pointer has not moved.
    for (let register = 7; register >= 0; register--) {
      const value = frame.pop(size)
      if (register !== ESP)
        state.setRegister(gprAt(register, size), size, size === 2 ? value & 0xffff : value | 0)
    }
    frame.commit(state)
  }

  /** SDM vol. 2, ENTER. */
  #enter(bytes: number, nesting: number, size: 2 | 4): void {
    const { state, mmu } = this.parts
    const frame = StackFrame.current(state, mmu)
    const wide = frame.wide
    // What a fault in the middle leaves lies below the stack pointer, as on silicon.
    frame.push(state.gpr(EBP), size)
    const framePointer = frame.pointer
    if (nesting > 0) {
      let display = state.gpr(EBP)
      for (let i = 1; i < nesting; i++) {
        display -= size
        const linear = this.parts.segmentation.check(SS, wide ? display >>> 0 : display & 0xffff, size, false)
        frame.push(mmu.read(linear, size, state.cpl === 3), size)
      }
      frame.push(framePointer, size)
    }
    frame.release(-bytes)
    // The new top must be writable, or the instruction faults as a whole.
    const top = wide ? frame.pointer : frame.pointer & 0xffff
    const linear = this.parts.segmentation.check(SS, top, 1, true)
    mmu.checkAligned(linear, size)
    mmu.probeWrite(linear, 1, state.cpl === 3)
    if (size === 2) state.setGpr16(EBP, framePointer)
    else state.setGpr(EBP, framePointer)
    frame.commit(state)
  }

  #bound(address: number, segmentAndSize: number): void {
    const { state, mmu } = this.parts
    const size = (segmentAndSize & 0x1f) as 2 | 4
    const user = state.cpl === 3
    const signed = (value: number): number => (size === 2 ? (value << 16) >> 16 : value | 0)
    const bound = (at: number): number =>
      signed(mmu.read(this.#linear(at, segmentAndSize, size, false), size, user))
    const index = signed(state.word(State.FPU_SCRATCH))
    const lower = bound(address)
    const upper = bound((address + size) >>> 0)
    if (index < lower || index > upper) throw new CpuFault(Vector.BR)
  }

  // Identification and time.

  #cpuid(): void {
    const { state, model, leafLimit } = this.parts
    const [eax, ebx, ecx, edx] = cpuid(model, state.gpr(EAX), leafLimit, this.parts.apicPresent())
    state.setGpr(EAX, eax)
    state.setGpr(EBX, ebx)
    state.setGpr(ECX, ecx)
    state.setGpr(EDX, edx)
  }

  /** RDTSC where it is known to be allowed. */
  readTimeStamp(): void {
    const { state, msrs } = this.parts
    const { low, high } = msrs.read(0x10)
    state.setGpr(EAX, low)
    state.setGpr(EDX, high)
  }

  // Fast system calls (SDM vol. 2, SYSENTER and SYSEXIT).

  #sysenter(): void {
    const { state, privilege, segmentation } = this.parts
    const selector = state.word(State.SYSENTER_CS) & 0xfffc
    if (!(state.cr0 & CR0.PE) || selector === 0) throw generalProtection()
    state.systemFlags &= ~(VM | IF | 0x10000)
    privilege.set(0)
    segmentation.setCache(CS, selector, 0, 0xffffffff, 0xc09b)
    segmentation.setCache(SS, selector + 8, 0, 0xffffffff, 0xc093)
    state.setGpr(ESP, state.word(State.SYSENTER_ESP))
    state.eip = state.word(State.SYSENTER_EIP)
  }

  #sysexit(): void {
    const { state, privilege, segmentation } = this.parts
    const selector = state.word(State.SYSENTER_CS) & 0xfffc
    if (!(state.cr0 & CR0.PE) || selector === 0 || state.cpl !== 0) throw generalProtection()
    privilege.set(3)
    segmentation.setCache(CS, (selector + 16) | 3, 0, 0xffffffff, 0xc0fb)
    segmentation.setCache(SS, (selector + 24) | 3, 0, 0xffffffff, 0xc0f3)
    state.setGpr(ESP, state.gpr(ECX))
    state.eip = state.gpr(EDX)
  }
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

const b2 = (size: number): 2 | 4 => (size === 2 ? 2 : 4)

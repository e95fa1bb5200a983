import type { AccessSize } from '../bus/bus-device.ts'
import { IF, IOPL, OF, VIF, VIP, VM } from '../isa/flags.ts'
import { CS, EAX, EBX, ECX, EDX, SEGMENT_BYTES, SS, State } from '../isa/state.ts'
import { SystemOp } from '../isa/system-op.ts'
import type { ControlRegisters } from './control.ts'
import { CR4, type CpuState } from './cpu-state.ts'
import type { Exceptions } from './exceptions.ts'
import type { FarTransfer } from './far-transfer.ts'
import { enterSystem, exitSystem } from './fast-calls.ts'
import { CpuFault, Vector, generalProtection, invalidOpcode } from './fault.ts'
import { FrameInstructions } from './frame-instructions.ts'
import { loadAll286 } from './load-all.ts'
import type { Mmu } from './mmu.ts'
import { type CpuModel, cpuid } from './model.ts'
import type { Msrs } from './msr.ts'
import type { PortIo } from './port-io.ts'
import type { Privilege } from './privilege.ts'
import type { Segmentation } from './segmentation.ts'
import { StackFrame } from './stack.ts'
import type { SystemManagement } from './system-management.ts'
import { operandAddress, TableInstructions } from './table-instructions.ts'

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
  management: SystemManagement
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
  readonly #tables: TableInstructions
  readonly #frames: FrameInstructions

  constructor(private readonly parts: SystemParts) {
    this.#tables = new TableInstructions(parts)
    this.#frames = new FrameInstructions(parts)
  }

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
        this.#frames.pushAll(b2(a))
        return Outcome.NEXT
      case SystemOp.POPA:
        this.#frames.popAll(b2(a))
        return Outcome.NEXT
      case SystemOp.ENTER:
        this.#frames.enter(a & 0xffff, (a >>> 16) & 31, b2(b))
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
        this.#tables.loadTable(State.GDTR, a, b)
        return Outcome.NEXT
      case SystemOp.LIDT:
        this.#tables.loadTable(State.IDTR, a, b)
        return Outcome.NEXT
      case SystemOp.SGDT:
        this.#tables.storeTable(State.GDTR, a, b)
        return Outcome.NEXT
      case SystemOp.SIDT:
        this.#tables.storeTable(State.IDTR, a, b)
        return Outcome.NEXT
      case SystemOp.LLDT:
        this.#tables.loadLdt(a & 0xffff)
        return Outcome.NEXT
      case SystemOp.LTR:
        this.#tables.loadTask(a & 0xffff)
        return Outcome.NEXT
      case SystemOp.LAR:
      case SystemOp.LSL:
        this.#tables.rights(op === SystemOp.LAR, a & 0xffff, b)
        return Outcome.NEXT
      case SystemOp.VERR:
      case SystemOp.VERW:
        this.#tables.verify(a & 0xffff, op === SystemOp.VERW)
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
        enterSystem(this.parts)
        return Outcome.LEAVE
      case SystemOp.SYSEXIT:
        exitSystem(this.parts)
        return Outcome.LEAVE
      case SystemOp.RAISE:
        throw new CpuFault(a)
      case SystemOp.FPU_TRAP:
        this.parts.fpuTrap(a)
        return Outcome.NEXT
      case SystemOp.LOADALL286:
        this.#privileged()
        loadAll286(this.parts)
        return Outcome.LEAVE
      case SystemOp.RSM:
        return this.parts.management.resume() ? Outcome.HALT : Outcome.LEAVE
      default:
        throw invalidOpcode()
    }
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
    return index === SS ? Outcome.SHADOW : index === CS ? Outcome.LEAVE : Outcome.NEXT
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

  // Identification, time and bounds.

  #bound(address: number, segmentAndSize: number): void {
    const { state, mmu, segmentation } = this.parts
    const size = (segmentAndSize & 0x1f) as 2 | 4
    const user = state.cpl === 3
    const signed = (value: number): number => (size === 2 ? (value << 16) >> 16 : value | 0)
    const bound = (at: number): number =>
      signed(mmu.read(operandAddress(segmentation, at, segmentAndSize, size, false), size, user))
    const index = signed(state.word(State.FPU_SCRATCH))
    const lower = bound(address)
    const upper = bound((address + size) >>> 0)
    if (index < lower || index > upper) throw new CpuFault(Vector.BR)
  }

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
}

const b2 = (size: number): 2 | 4 => (size === 2 ? 2 : 4)

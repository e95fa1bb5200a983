import { ZF } from '../isa/flags.ts'
import { LDTR, SEGMENT_BYTES, State, TR } from '../isa/state.ts'
import { Access, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector, generalProtection, invalidOpcode } from './fault.ts'
import type { Mmu } from './mmu.ts'
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

/**
 * Checks an operand in memory that was handed over as its offset, with State's address of its segment and its size in
 * one word, and gives its linear address.
 */
export function operandAddress(
  segmentation: Segmentation,
  address: number,
  segmentAndSize: number,
  size: number,
  write: boolean,
): number {
  const segment = Math.floor(((segmentAndSize & ~0x1f) - State.SEGMENTS) / SEGMENT_BYTES)
  return segmentation.check(segment, address, size, write)
}

/** The instructions that load and store descriptor tables, and that look into them (SDM vol. 2). */
export class TableInstructions {
  constructor(private readonly parts: { state: CpuState; mmu: Mmu; segmentation: Segmentation }) {}

  /** LGDT and LIDT: State's address of the register. */
  loadTable(register: number, address: number, segmentAndSize: number): void {
    const { state, mmu } = this.parts
    this.#privileged()
    const linear = operandAddress(this.parts.segmentation, address, segmentAndSize, 6, false)
    const limit = mmu.read(linear, 2)
    const base = mmu.read(linear + 2, 4)
    state.setWord(register, (segmentAndSize & 0x1f) === 2 ? base & 0xffffff : base)
    state.setWord(register + 4, limit)
  }

  /** SGDT and SIDT. Always six bytes: Win32s relies on it with a 16-bit operand size. */
  storeTable(register: number, address: number, segmentAndSize: number): void {
    const { state, mmu } = this.parts
    const user = state.cpl === 3
    const linear = operandAddress(this.parts.segmentation, address, segmentAndSize, 6, true)
    mmu.probeWrite(linear, 6, user)
    mmu.write(linear, state.word(register + 4) & 0xffff, 2, user)
    mmu.write(linear + 2, state.word(register), 4, user)
  }

  #protectedOnly(): void {
    if (this.parts.state.paragraphs) throw invalidOpcode()
  }

  /** LLDT. */
  loadLdt(selector: number): void {
    const { segmentation } = this.parts
    this.#protectedOnly()
    this.#privileged()
    if ((selector & 0xfffc) === 0) return segmentation.setNull(LDTR, selector)
    const descriptor = this.#systemDescriptor(selector, [2])
    segmentation.use(LDTR, selector, descriptor)
  }

  /** LTR. */
  loadTask(selector: number): void {
    const { segmentation, mmu } = this.parts
    this.#protectedOnly()
    this.#privileged()
    if ((selector & 0xfffc) === 0) throw generalProtection()
    const descriptor = this.#systemDescriptor(selector, [1, 9])
    mmu.write(descriptor.at + 5, ((descriptor.high >>> 8) & 0xff) | 2, 1)
    descriptor.access |= 2
    segmentation.use(TR, selector, descriptor)
    // OS/2 changes page tables while real-mode code runs, and relies on this to be told of it.
    mmu.flush('local')
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
  rights(isLar: boolean, selector: number, destination: number): void {
    const { state } = this.parts
    this.#protectedOnly()
    const descriptor = this.#visible(selector)
    const types = isLar ? [1, 2, 3, 4, 5, 9, 11, 12] : [1, 2, 3, 9, 11]
    const usable = descriptor && (isSegment(descriptor.access) || types.includes(typeOf(descriptor.access)))
    if (usable) {
      const value = isLar ? descriptor.high & 0x00ffff00 : descriptor.limit
      state.setRegister(
        destination & 0xffff,
        destination >>> 16,
        destination >>> 16 === 2 ? value & 0xffff : value | 0,
      )
    }
    this.#setZero(Boolean(usable))
  }

  /** VERR and VERW. */
  verify(selector: number, write: boolean): void {
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

  #privileged(): void {
    if (this.parts.state.cpl !== 0) throw generalProtection()
  }
}

import { CS, DS, ES, FS, GS, LDTR, SS, Segment, State, segmentAt } from '../isa/state.ts'
import { Access, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector, generalProtection } from './fault.ts'
import type { Mmu } from './mmu.ts'

/** A segment descriptor as read from a table (SDM vol. 3, 3.4.5). */
export interface Descriptor {
  /** Linear address of the entry, for setting its accessed or busy bit. */
  at: number
  low: number
  high: number
  base: number
  /** In bytes, granularity applied. */
  limit: number
  /** As in a segment cache: access byte | flags << 8. */
  access: number
}

export const dplOf = (access: number): number => (access >> Access.DPL_SHIFT) & 3
export const typeOf = (access: number): number => access & 0x0f
export const isSegment = (access: number): boolean => (access & Access.SEGMENT) !== 0
export const isPresent = (access: number): boolean => (access & Access.PRESENT) !== 0
export const isCode = (access: number): boolean => isSegment(access) && (access & Access.CODE) !== 0
export const isConforming = (access: number): boolean => (access & Access.EXPAND_DOWN) !== 0
const isWritableData = (access: number): boolean =>
  (access & (Access.SEGMENT | Access.CODE | Access.WRITABLE)) === (Access.SEGMENT | Access.WRITABLE)
const isReadable = (access: number): boolean => !(access & Access.CODE) || (access & Access.WRITABLE) !== 0

const ALL_FLAT = (1 << ES) | (1 << CS) | (1 << SS) | (1 << DS)
/** What segments read as in real mode: present, writable, accessed data. */
const REAL_ACCESS = 0x93
/** In virtual-8086 mode the same at privilege level 3. */
const V86_ACCESS = 0xf3

/** Writes a segment cache with what is derived from it. */
export function fillCache(
  { words }: CpuState,
  index: number,
  { selector, base, limit, access }: Pick<Descriptor, 'base' | 'limit' | 'access'> & { selector: number },
): void {
  const at = segmentAt(index) >> 2
  words[at + (Segment.BASE >> 2)] = base
  words[at + (Segment.LIMIT >> 2)] = limit
  words[at + (Segment.ACCESS >> 2)] = access
  words[at + (Segment.SELECTOR >> 2)] = selector
  // Below these counts any access of up to 16 bytes is inside; the rest is checked exactly.
  const plain =
    access !== 0 &&
    isSegment(access) &&
    limit >>> 0 >= 15 &&
    (access & (Access.CODE | Access.EXPAND_DOWN)) !== Access.EXPAND_DOWN
  const count = plain ? (limit >>> 0) - 14 : 0
  words[at + (Segment.READ_COUNT >> 2)] = plain && isReadable(access) ? count : 0
  words[at + (Segment.WRITE_COUNT >> 2)] = plain && isWritableData(access) ? count : 0
}

/** Segment registers, descriptor tables and the checks on accesses through them (SDM vol. 3, chapters 3 and 5). */
export class Segmentation {
  /** Called when CS, SS, DS or ES have changed in a way that decoded code depends on. */
  onChange: () => void = () => {}
  /** One bit for each of ES, CS, SS and DS that is flat. */
  #flatSegments = 0

  /** @param has32Bits false for a 286, whose descriptors are six bytes and whose software keeps data of its own in the rest */
  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly has32Bits = true,
  ) {}

  /** Fills a segment cache. `access` 0 makes it null: every use faults. */
  setCache(index: number, selector: number, base: number, limit: number, access: number): void {
    fillCache(this.state, index, { selector, base, limit, access })
    if (index > DS) return
    this.#noteFlat(index)
    this.onChange()
  }

  /** Real and virtual-8086 mode: the base is the selector times 16; limit and rights stay in real mode. */
  loadParagraph(index: number, selector: number): void {
    const { state } = this
    if (state.virtual8086) return this.setCache(index, selector, selector << 4, 0xffff, V86_ACCESS)
    // Unreal mode: a limit left from protected mode persists; CS gets data rights back once it is loaded.
    const old = state.access(index)
    const access = index === CS ? REAL_ACCESS : old === 0 ? REAL_ACCESS : old
    const limit = old === 0 || index === CS ? 0xffff : state.limit(index)
    this.setCache(index, selector, selector << 4, limit, access)
  }

  setNull(index: number, selector: number): void {
    this.setCache(index, selector, this.state.base(index), 0, 0)
  }

  /** Linear address of an access, checked exactly against rights and limit. Throws #GP(0) or #SS(0). */
  check(index: number, offset: number, size: number, write: boolean): number {
    const { state } = this
    const access = state.access(index)
    offset >>>= 0
    const last = offset + size - 1
    let allowed = access !== 0 && (write ? isWritableData(access) : isReadable(access))
    const limit = state.limit(index)
    if (allowed) {
      if ((access & (Access.CODE | Access.EXPAND_DOWN)) === Access.EXPAND_DOWN)
        allowed = offset > limit && last <= (access & Access.BIG ? 0xffffffff : 0xffff)
      else allowed = last <= limit
    }
    if (!allowed) throw index === SS ? new CpuFault(Vector.SS, 0) : generalProtection()
    return (state.base(index) + offset) >>> 0
  }

  /** Bytes from an offset that passed `check` to the end of its segment. */
  room(index: number, offset: number): number {
    const access = this.state.access(index)
    const expandsDown = (access & (Access.CODE | Access.EXPAND_DOWN)) === Access.EXPAND_DOWN
    const last = !expandsDown ? this.state.limit(index) : access & Access.BIG ? 0xffffffff : 0xffff
    return last - (offset >>> 0) + 1
  }

  /** Reads a descriptor; null when the selector lies outside of its table (or names the LDT while there is none). */
  read(selector: number): Descriptor | null {
    const { state, mmu } = this
    let base = state.word(State.GDTR)
    let limit = state.word(State.GDTR + 4)
    if (selector & 4) {
      if (state.access(LDTR) === 0) return null
      base = state.base(LDTR)
      limit = state.limit(LDTR)
    }
    const offset = selector & 0xfff8
    if (offset + 7 > limit) return null
    const at = (base + offset) >>> 0
    const low = mmu.read(at, 4) | 0
    const high = mmu.read(at + 4, 4) | 0
    return describe(at, low, this.has32Bits ? high : as286(high))
  }

  /** The descriptor, or #GP(selector) when there is none. */
  fetch(selector: number, vector: number = Vector.GP): Descriptor {
    const descriptor = this.read(selector)
    if (!descriptor) throw new CpuFault(vector, selector & 0xfffc)
    return descriptor
  }

  /** Sets the accessed bit of a code or data descriptor in memory. */
  markAccessed(descriptor: Descriptor): void {
    if (descriptor.access & Access.ACCESSED) return
    descriptor.access |= Access.ACCESSED
    descriptor.high |= 0x100
    this.mmu.write(descriptor.at + 5, (descriptor.high >>> 8) & 0xff, 1)
  }

  /** MOV to a segment register, and its kin. CS is loaded by control transfers only, and by the 8086's POP CS. */
  load(index: number, selector: number): void {
    const { state } = this
    if (state.paragraphs) return this.loadParagraph(index, selector)
    if (index === SS) return this.#loadStack(selector)
    if ((selector & 0xfffc) === 0) return this.setNull(index, selector)
    const descriptor = this.fetch(selector)
    const { access } = descriptor
    const error = selector & 0xfffc
    // Type before presence: Windows 95 Setup recovers from #GP only.
    if (!isSegment(access) || !isReadable(access)) throw generalProtection(error)
    if ((!isCode(access) || !isConforming(access)) && Math.max(state.cpl, selector & 3) > dplOf(access))
      throw generalProtection(error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
    this.markAccessed(descriptor)
    this.use(index, selector, descriptor)
  }

  #loadStack(selector: number): void {
    const { cpl } = this.state
    if ((selector & 0xfffc) === 0) throw generalProtection()
    this.use(SS, selector, this.stackDescriptor(selector, cpl, Vector.GP))
  }

  /** Checks a stack segment for a privilege level. Faults with `vector` (#GP or #TS) or #SS. */
  stackDescriptor(selector: number, cpl: number, vector: number): Descriptor {
    const error = selector & 0xfffc
    if (error === 0) throw new CpuFault(vector, 0)
    const descriptor = this.fetch(selector, vector)
    const { access } = descriptor
    if ((selector & 3) !== cpl || !isWritableData(access) || dplOf(access) !== cpl)
      throw new CpuFault(vector, error)
    if (!isPresent(access)) throw new CpuFault(Vector.SS, error)
    this.markAccessed(descriptor)
    return descriptor
  }

  use(index: number, selector: number, descriptor: Descriptor): void {
    this.setCache(index, selector, descriptor.base, descriptor.limit, descriptor.access)
  }

  /** After a return to an outer level: data segments that it may not use become null (SDM vol. 2, RET). */
  nullInaccessible(cpl: number): void {
    const { state } = this
    for (const index of [ES, DS, FS, GS]) {
      const access = state.access(index)
      if (access === 0) continue
      if ((!isCode(access) || !isConforming(access)) && dplOf(access) < cpl) this.setNull(index, 0)
    }
  }

  /** All of ES, CS, SS, DS as decoded code may assume them in flat mode. */
  get flat(): boolean {
    return this.#flatSegments === ALL_FLAT && this.state.stack32
  }

  /** After State was replaced as a whole. */
  refresh(): void {
    for (const index of [ES, CS, SS, DS]) this.#noteFlat(index)
    this.onChange()
  }

  /** A flat segment reaches all 4 GiB from 0; those for data are writable too. */
  #noteFlat(index: number): void {
    const { state } = this
    const access = state.access(index)
    const flat =
      state.base(index) === 0 &&
      state.limit(index) === 0xffffffff &&
      (index === CS ? access !== 0 : isWritableData(access) && !(access & Access.EXPAND_DOWN))
    if (flat) this.#flatSegments |= 1 << index
    else this.#flatSegments &= ~(1 << index)
  }
}

/** The second word of a descriptor to a 286: nothing in its upper half, and none of the 386's tasks and gates. */
function as286(high: number): number {
  const access = (high >>> 8) & 0xff
  return isSegment(access) || typeOf(access) < 8 ? high & 0xffff : high & 0xf0ff
}

export function describe(at: number, low: number, high: number): Descriptor {
  const raw = (low & 0xffff) | (high & 0xf0000)
  const access = ((high >>> 8) & 0xff) | ((high >>> 8) & 0xf000)
  return {
    at,
    low,
    high,
    base: ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0,
    limit: (access & Access.GRANULAR ? (raw << 12) | 0xfff : raw) >>> 0,
    access,
  }
}

import type { MemoryMap, MemoryObserver } from '../bus/memory-map.ts'
import type { AccessSize } from '../bus/bus-device.ts'
import {
  MAX_FILLED,
  MAX_GLOBALS,
  State,
  TLB,
  TLB_BYTES,
  TLB_CHECKED_SHIFT,
  TLB_FILLED,
  TLB_GLOBALS,
  Tlb,
  Walk,
} from '../isa/state.ts'
import { CR0, CR4, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector } from './fault.ts'
import { PageEntry, PageError } from './page-entry.ts'

export type Use = 'read' | 'write' | 'fetch'

/**
 * Which translations are forgotten: those of pages that are not global, as a load of CR3 does; those of global pages too,
 * though page tables are read as before, as a change of CR4.PGE does; or all, since they are read in another way.
 */
export type Flush = 'local' | 'global' | 'all'

/** A page as the page tables give it. */
interface Page {
  /** Physical page number; above 2^20 nothing answers. */
  page: number
  writable: boolean
  user: boolean
  global: boolean
  /** 2 or 4 MiB. */
  large: boolean
}

/** Where page tables are read from. */
export interface TableReader {
  /** The page-directory pointers of PAE, as `Mmu` holds them. */
  readonly pdpt: readonly number[]
  readPhysical(physical: number, size: AccessSize): number
}

/** Which pages hold decoded code, and what to do when one is written. */
export interface CodeWatch {
  /** True when the linear-memory page holds decoded code. */
  holdsCode(hostPage: number): boolean
}

/** Who wants to know of accesses to some linear pages. */
export interface DataWatch {
  /** True while any page is watched. */
  readonly isActive: boolean
  watches(page: number): boolean
  touched(linear: number, size: number, write: boolean): void
}

/**
 * Paging and the TLB that generated code reads (SDM vol. 3, chapter 4). One entry per linear page holds the
 * permissions found so far; what an entry does not allow is walked again.
 */
export class Mmu implements MemoryObserver, TableReader {
  readonly #tlb: Int32Array
  readonly #filled: Int32Array
  readonly #globals: Int32Array
  /** Of Walk. */
  readonly #words: Int32Array
  #pdpt = [0, 0, 0, 0]
  #pdptHigh = [0, 0, 0, 0]
  /** Executable permission of PAE entries, which the TLB's bits do not have: NX is asked on fetches only. */
  noExecuteEnabled = false
  /** Called when translations may have changed: what was derived from them is dropped. */
  onFlush: (flush: Flush) => void = () => {}
  /** Called when the translation of the page of a linear address may have changed. */
  onInvalidate: (linear: number) => void = () => {}
  /** Data breakpoints: pages that they watch stay out of the TLB. */
  watch: DataWatch | null = null
  flushes = 0

  constructor(
    private readonly state: CpuState,
    private readonly memory: MemoryMap,
    private readonly code: CodeWatch,
  ) {
    const { buffer } = memory.memory.wasm
    this.#tlb = new Int32Array(buffer, TLB, TLB_BYTES / 4)
    this.#filled = new Int32Array(buffer, TLB_FILLED, MAX_FILLED)
    this.#globals = new Int32Array(buffer, TLB_GLOBALS, MAX_GLOBALS)
    this.#words = new Int32Array(buffer, 0, Walk.ERROR_CODE / 4 + 1)
  }

  /** Accesses that the TLB did not answer. */
  get misses(): number {
    return this.#words[Walk.MISSES / 4]! >>> 0
  }

  /** The address lines that the processor has and the A20 gate lets through, as a signed mask. */
  get addressMask(): number {
    return this.memory.a20Mask & (this.state.is8086 ? 0xfffff : -1)
  }

  // TLB.

  /** Forgets translations. */
  flush(flush: Flush): void {
    this.flushes++
    const globals = flush !== 'local'
    const words = this.#words
    const filled = words[Walk.FILLED_COUNT / 4]!
    const globalCount = words[Walk.GLOBALS_COUNT / 4]!
    if (filled === MAX_FILLED || (globals && globalCount === MAX_GLOBALS)) {
      this.#tlb.fill(0)
      words[Walk.GLOBALS_COUNT / 4] = 0
    } else {
      for (let i = 0; i < filled; i++) this.#tlb[this.#filled[i]!] = 0
      if (globals) {
        for (let i = 0; i < globalCount; i++) this.#tlb[this.#globals[i]!] = 0
        words[Walk.GLOBALS_COUNT / 4] = 0
      }
    }
    words[Walk.FILLED_COUNT / 4] = 0
    if (globals) {
      const isBlocked = this.addressMask !== -1 || this.watch?.isActive === true
      words[Walk.BLOCKED / 4] = Number(isBlocked)
    }
    this.onFlush(flush)
  }

  /** Takes the page fault that a walk of generated code has ended in; CR2 is set. */
  takeWalkFault(): CpuFault {
    this.#words[Walk.FAULTED / 4] = 0
    return new CpuFault(Vector.PF, this.#words[Walk.ERROR_CODE / 4])
  }

  invalidatePage(linear: number): void {
    this.#tlb[linear >>> 12] = 0
    this.onInvalidate(linear)
  }

  /** Code was decoded from this linear-memory page: writes to it must be noticed from now on. */
  protectPage(hostPage: number): void {
    this.#forbid(Tlb.WRITE_SUPERVISOR | Tlb.WRITE_USER, hostPage, hostPage)
  }

  /** Somebody wants to know of the next write to each of these physical pages. */
  noteWrites(firstPage: number, pageCount: number): void {
    const writes = Tlb.WRITE_SUPERVISOR | Tlb.WRITE_USER
    let [first, last] = [Infinity, -1]
    for (let page = firstPage; page < firstPage + pageCount; page++) {
      const offset = this.memory.readOffset(page)
      if (offset < 0) continue
      first = Math.min(first, offset / 4096)
      last = Math.max(last, offset / 4096)
    }
    this.#forbid(writes | (writes << TLB_CHECKED_SHIFT), first, last)
  }

  /** Takes permissions from all that leads to linear-memory pages from `first` to `last`. */
  #forbid(permissions: number, first: number, last: number): void {
    const clear = (page: number): void => {
      const entry = this.#tlb[page]!
      const hostPage = (entry + (page << 12)) >>> 12
      if (entry !== 0 && hostPage >= first && hostPage <= last) this.#tlb[page] = entry & ~permissions
    }
    const filled = this.#words[Walk.FILLED_COUNT / 4]!
    const globalCount = this.#words[Walk.GLOBALS_COUNT / 4]!
    if (filled === MAX_FILLED || globalCount === MAX_GLOBALS)
      for (let page = 0; page < this.#tlb.length; page++) clear(page)
    for (let i = 0; i < filled; i++) clear(this.#filled[i]!)
    for (let i = 0; i < globalCount; i++) clear(this.#globals[i]!)
  }

  remapped(): void {
    this.flush('all')
  }

  written(): void {}

  /**
   * Linear-memory address for an access within one page, or -1 when a device answers or writes are being
   * noted; `physical` is then what `lastPhysical` says. Throws the page fault.
   */
  hostAddress(linear: number, use: 'read' | 'write', user: boolean): number {
    linear >>>= 0
    const page = linear >>> 12
    const bit =
      use === 'write'
        ? user
          ? Tlb.WRITE_USER
          : Tlb.WRITE_SUPERVISOR
        : user
          ? Tlb.READ_USER
          : Tlb.READ_SUPERVISOR
    const entry = this.#tlb[page]!
    const host = (linear + (entry & ~0xfff)) >>> 0
    if (entry & bit) return host
    // Once the page has lost its code, writes are direct again.
    if (use === 'write' && entry & (bit << TLB_CHECKED_SHIFT) && this.code.holdsCode(host >>> 12)) return host
    return this.#fill(linear, use, user, bit)
  }

  /** Physical address of the last access that `hostAddress` answered with -1, or of `translate`. */
  lastPhysical = 0
  /** What kind of page `translate` found last. */
  lastGlobal = false
  lastLarge = false
  /** Physical addresses of the words of page tables that led there, on a fetch. */
  readonly lastEntries: number[] = []

  #fill(linear: number, use: 'read' | 'write', user: boolean, bit: number): number {
    this.#words[Walk.MISSES / 4]!++
    const walk = this.#walk(linear, use, user)
    const physicalPage = walk.page & (this.addressMask >>> 12)
    this.lastPhysical = physicalPage * 4096 + (linear & 0xfff)
    const write = use === 'write'
    if (write && this.memory.needsNote(physicalPage)) this.memory.noteWrite(physicalPage)
    const host = write ? this.memory.writeOffset(physicalPage) : this.memory.readOffset(physicalPage)
    if (host < 0) return -1
    const hostPage = host / 4096
    // A page that holds code is written the slow way, which checks what the write hits.
    const page = linear >>> 12
    if (!this.watch?.watches(page)) {
      let grant = write && this.code.holdsCode(hostPage) ? bit << TLB_CHECKED_SHIFT : bit
      // What may be written may be read, one bit below, where both reach the same memory.
      if (write && this.memory.readOffset(physicalPage) === host) grant |= bit >> 1
      const delta = (host - page * 4096) | 0
      const old = this.#tlb[page]!
      if (old === 0) this.#remember(page, walk.global)
      this.#tlb[page] = (old !== 0 && (old & ~0xfff) === delta ? old : delta) | grant
    }
    return host + (linear & 0xfff)
  }

  #remember(page: number, global: boolean): void {
    const words = this.#words
    const count = (global ? Walk.GLOBALS_COUNT : Walk.FILLED_COUNT) / 4
    const list = global ? this.#globals : this.#filled
    if (words[count]! < list.length) list[words[count]!++] = page
  }

  /** Reads physical memory, past segments and pages. */
  readPhysical(physical: number, size: AccessSize): number {
    return this.memory.read((physical & this.addressMask) >>> 0, size)
  }

  /** Physical address of a linear one for this use, checked for the privilege. Throws the page fault. */
  translate(linear: number, use: Use, user: boolean): number {
    this.lastEntries.length = 0
    const { page, global, large } = this.#walk(linear >>> 0, use, user)
    this.lastGlobal = global
    this.lastLarge = large
    return (page & (this.addressMask >>> 12)) * 4096 + (linear & 0xfff)
  }

  // Page walk.

  #walk(linear: number, use: Use, user: boolean): Page {
    const { state } = this
    if (!(state.cr0 & CR0.PG))
      return { page: linear >>> 12, writable: true, user: true, global: false, large: false }
    return state.cr4 & CR4.PAE ? this.#walkPae(linear, use, user) : this.#walk32(linear, use, user)
  }

  #walk32(linear: number, use: Use, user: boolean): Page {
    const { state } = this
    const directoryAt = ((state.word(State.CR3) & ~0xfff) | ((linear >>> 20) & 0xffc)) >>> 0
    if (use === 'fetch') this.lastEntries.push(directoryAt)
    const directory = this.#readEntry(directoryAt)
    if (!(directory & PageEntry.PRESENT)) this.#fault(linear, use, user, 0)
    if (directory & PageEntry.LARGE && state.cr4 & CR4.PSE) {
      // PSE-36 would take bits 13-20; bits 21 must be zero.
      if (directory & 0x200000) this.#fault(linear, use, user, PageError.PRESENT | PageError.RESERVED)
      this.#check(linear, use, user, directory, false)
      this.#mark(directoryAt, directory, use === 'write')
      const page =
        ((directory >>> 12) & 0xffc00) | ((linear >>> 12) & 0x3ff) | (((directory >>> 13) & 0xff) << 20)
      return {
        page,
        writable: (directory & PageEntry.WRITABLE) !== 0,
        user: (directory & PageEntry.USER) !== 0,
        global: this.#isGlobal(directory),
        large: true,
      }
    }
    const tableAt = ((directory & ~0xfff) | ((linear >>> 10) & 0xffc)) >>> 0
    if (use === 'fetch') this.lastEntries.push(tableAt)
    const entry = this.#readEntry(tableAt)
    if (!(entry & PageEntry.PRESENT)) this.#fault(linear, use, user, 0)
    const both = directory & entry
    this.#check(linear, use, user, both, false)
    if (!(directory & PageEntry.ACCESSED)) this.#writeEntry(directoryAt, directory | PageEntry.ACCESSED)
    this.#mark(tableAt, entry, use === 'write')
    return {
      page: entry >>> 12,
      writable: (both & PageEntry.WRITABLE) !== 0,
      user: (both & PageEntry.USER) !== 0,
      global: this.#isGlobal(entry),
      large: false,
    }
  }

  #walkPae(linear: number, use: Use, user: boolean): Page {
    const index = linear >>> 30
    const pointer = this.#pdpt[index]!
    if (!(pointer & PageEntry.PRESENT)) this.#fault(linear, use, user, 0)
    const directoryAt = ((pointer & ~0xfff) | ((linear >>> 18) & 0xff8)) >>> 0
    if (use === 'fetch') this.lastEntries.push(directoryAt, directoryAt + 4)
    const directory = this.#readEntry(directoryAt)
    const directoryHigh = this.#readEntry(directoryAt + 4)
    if (!(directory & PageEntry.PRESENT)) this.#fault(linear, use, user, 0)
    let noExecute = directoryHigh < 0
    this.#checkReserved(linear, use, user, directoryHigh)
    if (directory & PageEntry.LARGE) {
      if (directory & 0x1fe000) this.#fault(linear, use, user, PageError.PRESENT | PageError.RESERVED)
      this.#check(linear, use, user, directory, noExecute)
      this.#mark(directoryAt, directory, use === 'write')
      const page = ((directory >>> 12) & 0xffe00) | ((linear >>> 12) & 0x1ff) | ((directoryHigh & 0xf) << 20)
      return {
        page,
        writable: (directory & PageEntry.WRITABLE) !== 0,
        user: (directory & PageEntry.USER) !== 0,
        global: this.#isGlobal(directory),
        large: true,
      }
    }
    const tableAt = ((directory & ~0xfff) | ((linear >>> 9) & 0xff8)) >>> 0
    if (use === 'fetch') this.lastEntries.push(tableAt, tableAt + 4)
    const entry = this.#readEntry(tableAt)
    const entryHigh = this.#readEntry(tableAt + 4)
    if (!(entry & PageEntry.PRESENT)) this.#fault(linear, use, user, 0)
    this.#checkReserved(linear, use, user, entryHigh)
    noExecute ||= entryHigh < 0
    const both = directory & entry
    this.#check(linear, use, user, both, noExecute)
    if (!(directory & PageEntry.ACCESSED)) this.#writeEntry(directoryAt, directory | PageEntry.ACCESSED)
    this.#mark(tableAt, entry, use === 'write')
    const page = (entry >>> 12) | ((entryHigh & 0xf) << 20)
    return {
      page,
      writable: (both & PageEntry.WRITABLE) !== 0,
      user: (both & PageEntry.USER) !== 0,
      global: this.#isGlobal(entry),
      large: false,
    }
  }

  /** Loads the four page-directory-pointer entries; false when a reserved bit is set, which is #GP. */
  loadPdpt(cr3: number): boolean {
    const base = (cr3 & ~0x1f) >>> 0
    const low = [0, 1, 2, 3].map((i) => this.#readEntry(base + 8 * i))
    const high = [0, 1, 2, 3].map((i) => this.#readEntry(base + 8 * i + 4))
    if (low.some((entry, i) => entry & PageEntry.PRESENT && (entry & 0x1e6 || high[i]! & ~0xf))) return false
    this.#pdpt = low
    this.#pdptHigh = high
    return true
  }

  /** For saving: the pointers are processor state, not memory. */
  get pdpt(): number[] {
    return [...this.#pdpt, ...this.#pdptHigh]
  }

  set pdpt(entries: number[]) {
    this.#pdpt = entries.slice(0, 4)
    this.#pdptHigh = entries.slice(4, 8)
  }

  #isGlobal(entry: number): boolean {
    return (entry & PageEntry.GLOBAL) !== 0 && (this.state.cr4 & CR4.PGE) !== 0
  }

  #check(linear: number, use: Use, user: boolean, entry: number, noExecute: boolean): void {
    const denied =
      (user && !(entry & PageEntry.USER)) ||
      (use === 'write' && !(entry & PageEntry.WRITABLE) && (user || (this.state.cr0 & CR0.WP) !== 0)) ||
      (use === 'fetch' && noExecute && this.noExecuteEnabled)
    if (denied) this.#fault(linear, use, user, PageError.PRESENT)
  }

  #checkReserved(linear: number, use: Use, user: boolean, high: number): void {
    // 36 physical address bits; bit 63 is reserved unless NX is enabled.
    const reserved = this.noExecuteEnabled ? 0x7ffffff0 : -16
    if (high & reserved) this.#fault(linear, use, user, PageError.PRESENT | PageError.RESERVED)
  }

  #mark(at: number, entry: number, write: boolean): void {
    const wanted = entry | PageEntry.ACCESSED | (write ? PageEntry.DIRTY : 0)
    if (wanted !== entry) this.#writeEntry(at, wanted)
  }

  #readEntry(physical: number): number {
    return this.memory.read((physical & this.addressMask) >>> 0, 4) | 0
  }

  #writeEntry(physical: number, value: number): void {
    this.memory.write((physical & this.addressMask) >>> 0, value >>> 0, 4)
  }

  #fault(linear: number, use: Use, user: boolean, code: number): never {
    this.state.setWord(State.CR2, linear | 0)
    const fetch =
      use === 'fetch' && this.noExecuteEnabled && (this.state.cr4 & CR4.PAE) !== 0 ? PageError.FETCH : 0
    throw new CpuFault(
      Vector.PF,
      code | (use === 'write' ? PageError.WRITE : 0) | (user ? PageError.USER : 0) | fetch,
    )
  }

  // Accesses by the processor itself (descriptor tables, task segments, stacks of gates).

  /** Reads 1, 2 or 4 bytes at a linear address; may throw a page fault. */
  read(linear: number, size: AccessSize, user = false): number {
    linear >>>= 0
    if (user) this.checkAligned(linear, size)
    this.watch?.touched(linear, size, false)
    if ((linear & 0xfff) + size > 0x1000) return this.#readSplit(linear, size, user)
    const host = this.hostAddress(linear, 'read', user)
    if (host < 0) return this.memory.read(this.lastPhysical, size)
    const { view } = this.memory.memory
    return size === 1
      ? view.getUint8(host)
      : size === 2
        ? view.getUint16(host, true)
        : view.getUint32(host, true)
  }

  write(linear: number, value: number, size: AccessSize, user = false): void {
    linear >>>= 0
    if (user) this.checkAligned(linear, size)
    this.watch?.touched(linear, size, true)
    if ((linear & 0xfff) + size > 0x1000) return this.#writeSplit(linear, value, size, user)
    const host = this.hostAddress(linear, 'write', user)
    // Through the map, so that a write to code is noticed.
    if (host < 0 || this.code.holdsCode(Math.floor(host / 4096))) {
      const physical = host < 0 ? this.lastPhysical : this.translate(linear, 'write', user)
      return this.memory.write(physical, value >>> 0, size)
    }
    const { view } = this.memory.memory
    if (size === 1) view.setUint8(host, value)
    else if (size === 2) view.setUint16(host, value, true)
    else view.setUint32(host, value, true)
  }

  /**
   * The bytes from a linear address on, up to `length` or the end of the page, where they are memory and nothing
   * wants to know of single accesses; else null. Throws the page fault.
   */
  block(linear: number, length: number, use: 'read' | 'write', user: boolean): Uint8Array | null {
    linear >>>= 0
    if (this.watch?.watches(linear >>> 12)) return null
    const host = this.hostAddress(linear, use, user)
    if (host < 0 || (use === 'write' && this.code.holdsCode(Math.floor(host / 4096)))) return null
    return this.memory.memory.bytes.subarray(host, host + Math.min(length, 0x1000 - (linear & 0xfff)))
  }

  /** #AC(0) for a user's operand that is not aligned, if that is checked. Before its page faults, as on silicon. */
  checkAligned(linear: number, size: number): void {
    if (linear & (size - 1) && this.state.checksAlignment) throw new CpuFault(Vector.AC, 0)
  }

  /** Makes sure that a write of `size` bytes will not fault; a fault on the second page names its first byte. */
  probeWrite(linear: number, size: number, user = false): void {
    linear >>>= 0
    this.hostAddress(linear, 'write', user)
    const last = (linear + size - 1) >>> 0
    if (last >>> 12 !== linear >>> 12) this.hostAddress((last & ~0xfff) >>> 0, 'write', user)
  }

  #readSplit(linear: number, size: AccessSize, user: boolean): number {
    let value = 0
    for (let i = 0; i < size; i++) value += this.read((linear + i) >>> 0, 1, user) * 2 ** (8 * i)
    return value
  }

  #writeSplit(linear: number, value: number, size: AccessSize, user: boolean): void {
    this.probeWrite(linear, size, user)
    for (let i = 0; i < size; i++) this.write((linear + i) >>> 0, (value >>> (8 * i)) & 0xff, 1, user)
  }
}

import type { MemoryMap } from '../bus/memory-map.ts'
import {
  CODE_KEYS,
  CS,
  FLAT_SUPERVISOR,
  JUMP_CACHE,
  JUMP_CACHE_BYTES,
  JUMP_ENTRY_BYTES,
  JumpEntry,
  KEY_GENERATION,
  State,
} from '../isa/state.ts'
import { CR4, type CpuState } from '../vcpu/cpu-state.ts'
import { CpuFault, generalProtection } from '../vcpu/fault.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import type { Segmentation } from '../vcpu/segmentation.ts'
import { AddressSpaces } from './address-spaces.ts'
import type { CodeCache } from './code-cache.ts'
import type { CodeVariant } from './code-variant.ts'
import { codeKeyAddress, jumpCacheIndex } from './jump-cache.ts'

const ENTRY_WORDS = JUMP_ENTRY_BYTES / 4
/** Both ways of a set of the jump cache. */
const SET_WORDS = 2 * ENTRY_WORDS
/** Words of an entry, by index; its EIP is the first. */
const KEY = JumpEntry.KEY / 4
const RECORD = JumpEntry.RECORD / 4
const EIP_BASE = JumpEntry.EIP_BASE / 4
const SLOT = JumpEntry.SLOT / 4
const GENERATIONS = 1 << 15
const FIRST_CODE_ID = FLAT_SUPERVISOR + 1
/** Two are made at a time at most. */
const MAX_CODE_IDS = 0xfffe
/** Bits of a mode. */
const CODE_32 = 1
const STACK_32 = 2
const FLAT = 4
const USER = 8
/** The mode of 32-bit systems; their code reaches 4 GiB from 0. */
const FLAT_32 = CODE_32 | STACK_32 | FLAT
const FLAT_LIMIT = 0xffffffff
const MAX_LOCAL_ENTRIES = 8192
const MAX_FETCHED_PAGES = 8192
/** Looking at more pages costs more than finding code again. */
const MAX_LOOKED_AT = 2048
/** Tag of a jump-cache entry that is not in use; never a JUMP_KEY. */
const NO_KEY = -1

/** Where an EIP leads: a page of linear memory and the variant to decode it as. */
export interface CodePlace {
  /** Linear-memory page, or -1 where no direct memory is. */
  hostPage: number
  offset: number
  variant: CodeVariant
  linear: number
}

/**
 * Finds the decoded instruction for an EIP, by the jump cache that generated code uses too. JUMP_KEY stands
 * for all that an entry depends on besides its EIP: code segment, mode, privilege, and the translations of
 * code pages, which a new generation of keys makes invalid all at once.
 */
export class CodeFinder {
  readonly #jumpCache: Int32Array
  /** Linear memory up to the end of CODE_KEYS. */
  readonly #codeKeys: Int32Array
  readonly #variant: CodeVariant = {
    code32: false,
    stack32: false,
    flat: false,
    limitedFrom: 8,
    low: 0,
    high: 4096,
  }
  #generation = 1
  /** Below level 3: small numbers for (code segment, mode), by base and mode, then by limit. */
  readonly #codeIds = new Map<number, Map<number, number>>()
  /** Programs are kept apart by the address space that they run in. */
  readonly #spaces: AddressSpaces
  #nextCodeId = FIRST_CODE_ID
  /** The code segment and number used last in each of the sixteen modes: system calls alternate between two. */
  readonly #recent = Array.from({ length: 16 }, () => ({ base: 0, limit: -1, id: 0 }))
  #mode = { base: -1, limit: -1, flags: -1 }
  #fetchPage = -1
  #fetchHost = -1
  #fetchUser = false
  #fetchGlobal = false
  /** Pages that code was fetched from since the last generation: linear page numbers, large ones as ~(linear >>> 22). */
  readonly #fetchedPages = new Set<number>()
  /** The global ones of them below level 3, by linear page number, with the linear-memory page that each led to. */
  readonly #globalPages = new Map<number, number>()
  /** Sets of the jump cache with targets below level 3 in pages that are not global. */
  readonly #localSets = new Int32Array(MAX_LOCAL_ENTRIES)
  #localCount = 0

  constructor(
    private readonly state: CpuState,
    private readonly memory: MemoryMap,
    private readonly mmu: Mmu,
    private readonly segmentation: Segmentation,
    private readonly code: CodeCache,
  ) {
    this.#jumpCache = new Int32Array(memory.memory.wasm.buffer, JUMP_CACHE, JUMP_CACHE_BYTES / 4)
    this.#codeKeys = new Int32Array(
      memory.memory.wasm.buffer,
      0,
      (CODE_KEYS.ENTRIES + CODE_KEYS.COUNT * CODE_KEYS.BYTES) / 4,
    )
    // Zeros would be an entry for base 0.
    this.#forgetCodeKeys()
    this.#spaces = new AddressSpaces(mmu)
    // Zeros would be an entry for EIP 0 while an instruction is run by itself, which no key stands for.
    this.#jumpCache.fill(NO_KEY)
  }

  /** How code is decoded in the current mode; its offsets are those of the page found last. */
  get variant(): CodeVariant {
    return this.#variant
  }

  /** Whether the page found last is a global one. */
  get lastGlobal(): boolean {
    return this.#fetchGlobal
  }

  /** The record for an EIP; 0 when the instruction must be stepped. Throws fetch faults. */
  find(eip: number): number {
    this.settleMode()
    const entry = this.#entryOf(eip)
    if (entry < 0) return this.#findNew(eip)
    this.state.setWord(State.EIP_BASE, this.#jumpCache[entry + EIP_BASE]!)
    return this.#jumpCache[entry + RECORD]!
  }

  /** Index of the first word of an EIP's entry under the current key; -1 where there is none. */
  #entryOf(eip: number): number {
    const cache = this.#jumpCache
    const key = this.state.word(State.JUMP_KEY)
    const set = jumpCacheIndex(eip, key)
    for (let entry = set; entry < set + SET_WORDS; entry += ENTRY_WORDS)
      if (cache[entry] === (eip | 0) && cache[entry + KEY] === key) return entry
    return -1
  }

  /** Makes room for an entry: what its set held last becomes the earlier one, unless it holds no more. */
  #newEntry(eip: number): number {
    const cache = this.#jumpCache
    const key = this.state.word(State.JUMP_KEY)
    const set = jumpCacheIndex(eip, key)
    const isStale = ((cache[set + KEY]! ^ key) & KEY_GENERATION) !== 0
    if (!isStale) cache.copyWithin(set + ENTRY_WORDS, set, set + ENTRY_WORDS)
    return set
  }

  #findNew(eip: number): number {
    const { code, state } = this
    const place = this.place(eip)
    if (place.hostPage < 0) return 0
    if (code.records.nearlyFull) code.flush()
    const record = code.entryAt(place.hostPage, place.offset, place.variant)
    const eipBase = (eip - place.offset) | 0
    state.setWord(State.EIP_BASE, eipBase)
    const cache = this.#jumpCache
    const entry = this.#newEntry(eip)
    cache[entry] = eip
    cache[entry + KEY] = state.word(State.JUMP_KEY)
    cache[entry + RECORD] = record
    cache[entry + EIP_BASE] = eipBase
    cache[entry + SLOT] = 0
    if (!this.#fetchGlobal && state.cpl !== 3 && this.#localCount < MAX_LOCAL_ENTRIES)
      this.#localSets[this.#localCount++] = entry
    return record
  }

  place(eip: number): CodePlace {
    this.settleMode()
    const { state } = this
    const limit = state.limit(CS)
    if (state.is8086) eip &= 0xffff
    if (eip > limit) throw generalProtection()
    const linear = (state.base(CS) + eip) >>> 0
    const offset = linear & 0xfff
    const start = eip - offset
    const variant = this.#variant
    variant.low = start < 0 ? -start : 0
    variant.high = Math.min(4096, limit + 1 - start)
    const page = linear >>> 12
    const user = state.cpl === 3
    if (page !== this.#fetchPage || user !== this.#fetchUser) {
      this.#fetchHost = this.fetchFrom(linear)
      this.#fetchPage = page
      this.#fetchUser = user
      this.#fetchGlobal = this.mmu.lastGlobal
    }
    return { hostPage: this.#fetchHost, offset, variant, linear }
  }

  /** The same where a jump has led there under the current key: without faults, and without a trace of them. */
  reached(eip: number): CodePlace | null {
    this.settleMode()
    return this.#entryOf(eip) < 0 ? null : this.look(eip)
  }

  /** The same without faults, and without a trace of them. */
  look(eip: number): CodePlace | null {
    return this.#withoutFaults(() => this.place(eip))
  }

  /** What is found, null where the way to it faults; CR2 stays as it is. */
  #withoutFaults<T>(find: () => T): T | null {
    const cr2 = this.state.word(State.CR2)
    try {
      return find()
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
      this.state.setWord(State.CR2, cr2)
      return null
    }
  }

  /** Linear-memory page that code at a linear address is read from, -1 where no memory is. */
  fetchFrom(linear: number): number {
    const { mmu } = this
    const physical = mmu.translate(linear, 'fetch', this.state.cpl === 3)
    const pages = this.#fetchedPages
    if (pages.size >= MAX_FETCHED_PAGES) this.forgetAll()
    pages.add(linear >>> 12)
    if (mmu.lastLarge) pages.add(~(linear >>> 22))
    if (this.state.cpl === 3) for (const entry of mmu.lastEntries) this.#spaces.note(entry)
    const hostPage = this.#hostPageOf(physical)
    if (mmu.lastGlobal && this.state.cpl !== 3) this.#globalPages.set(linear >>> 12, hostPage)
    return hostPage
  }

  #hostPageOf(physical: number): number {
    const host = this.memory.codeOffset(Math.floor(physical / 4096))
    return host < 0 ? -1 : host / 4096
  }

  // Forgetting.

  /** Places of regions in the table may be used again. */
  forgetSlots(): void {
    const cache = this.#jumpCache
    for (let entry = 0; entry < cache.length; entry += ENTRY_WORDS) cache[entry + SLOT] = 0
  }

  /** The code at an EIP may have changed. */
  forget(eip: number): void {
    const entry = this.#entryOf(eip)
    if (entry >= 0) this.#jumpCache[entry + KEY] = NO_KEY
  }

  /** Another address space: what lies in global pages stays, which is the kernel of most systems. */
  forgetLocal(): void {
    const isGlobalLocal = this.#globalPages.size > 0 && !(this.state.cr4 & CR4.PGE)
    if (isGlobalLocal || this.#localCount === MAX_LOCAL_ENTRIES) return this.forgetAll()
    this.#forgetLocal()
  }

  /**
   * Global pages are read from the page tables anew. Systems do this hundreds of times when they start, and what code was found by
   * leads where it did before: then only what is not global is found anew.
   */
  forgetMoved(): void {
    if (this.#localCount === MAX_LOCAL_ENTRIES || !this.#leadsWhereItDid()) return this.forgetAll()
    this.#forgetLocal()
  }

  #leadsWhereItDid(): boolean {
    if (this.#globalPages.size > MAX_LOOKED_AT) return false
    const isGlobalUsed = (this.state.cr4 & CR4.PGE) !== 0
    const isSame = this.#withoutFaults(() =>
      [...this.#globalPages].every(([page, hostPage]) => {
        const physical = this.mmu.translate(page * 4096, 'fetch', false)
        return this.#hostPageOf(physical) === hostPage && (this.mmu.lastGlobal || !isGlobalUsed)
      }),
    )
    return isSame === true
  }

  #forgetLocal(): void {
    this.#fetchPage = -1
    const cache = this.#jumpCache
    for (let i = 0; i < this.#localCount; i++) {
      const set = this.#localSets[i]!
      cache[set + KEY] = NO_KEY
      cache[set + ENTRY_WORDS + KEY] = NO_KEY
    }
    this.#localCount = 0
    this.#forgetCodeKeys()
    this.code.forgetLocal()
    this.#spaces.enter(this.state.word(State.CR3))
    for (let flags = USER; flags < 2 * USER; flags++) this.#recent[flags]!.limit = -1
    this.settleMode()
    this.#setJumpKey()
  }

  /** Most pages that are invalidated one by one hold no code. */
  forgetPage(linear: number): void {
    const pages = this.#fetchedPages
    if (pages.has(linear >>> 12) || pages.has(~(linear >>> 22))) this.forgetAll()
  }

  forgetAll(): void {
    this.#fetchPage = -1
    this.#fetchedPages.clear()
    this.#globalPages.clear()
    this.#localCount = 0
    this.#forgetCodeKeys()
    this.#generation++
    if (this.#generation >= GENERATIONS) this.#forgetKeys()
    this.settleMode()
    this.#setJumpKey()
  }

  /** Keys are about to be used again: nothing may remember an old one. */
  #forgetKeys(): void {
    this.#generation = 1
    this.#fetchPage = -1
    this.#forgetCodeKeys()
    this.#codeIds.clear()
    this.#spaces.forget()
    for (const recent of this.#recent) recent.limit = -1
    this.#nextCodeId = FIRST_CODE_ID
    this.#jumpCache.fill(NO_KEY)
    this.code.forgetKeys()
  }

  // Modes.

  /** Segments or privilege have changed: JUMP_KEY and the variant follow before the next look-up. */
  noteModeChange(): void {
    this.state.setWord(State.MODE_STALE, 1)
  }

  /** Brings JUMP_KEY and the variant up to date, whoever has changed the mode since. */
  settleMode(): void {
    const { state } = this
    if (state.word(State.MODE_STALE) === 0) return
    state.setWord(State.MODE_STALE, 0)
    const variant = this.#variant
    variant.code32 = state.code32
    variant.stack32 = state.stack32
    variant.flat = this.segmentation.flat
    const limit = state.limit(CS)
    variant.limitedFrom = limit < 0xffff ? 2 : limit < 0xffffffff ? 4 : 8
    const flags =
      (variant.code32 ? CODE_32 : 0) |
      (variant.stack32 ? STACK_32 : 0) |
      (variant.flat ? FLAT : 0) |
      (state.cpl === 3 ? USER : 0)
    const base = state.base(CS)
    const mode = this.#mode
    if (limit !== mode.limit || flags !== mode.flags) this.#forgetCodeKeys()
    mode.base = base
    mode.limit = limit
    mode.flags = flags
    this.#setJumpKey()
  }

  /** Generated code that goes to the code segment of the moment again may take JUMP_KEY from CODE_KEYS. */
  noteCodeKey(): void {
    const { state } = this
    const base = state.base(CS)
    this.#codeKeys.set(
      [base, this.#codeKeys[CODE_KEYS.STAMP / 4]!, state.word(State.JUMP_KEY)],
      codeKeyAddress(base) / 4,
    )
  }

  #forgetCodeKeys(): void {
    this.#codeKeys[CODE_KEYS.STAMP / 4]!++
  }

  /** After State was replaced as a whole. */
  forgetMode(): void {
    this.#mode.flags = -1
    this.#spaces.forget()
    this.noteModeChange()
  }

  #setJumpKey(): void {
    const { base, limit, flags } = this.#mode
    if (flags < 0) return
    if (this.#nextCodeId >= MAX_CODE_IDS) this.#forgetKeys()
    const generation = this.#generation << 16
    this.state.setWord(State.FLAT_USER_KEY, generation | this.#codeId(0, FLAT_LIMIT, FLAT_32 | USER))
    const recent = this.#recent[flags]!
    if (recent.base !== base || recent.limit !== limit) {
      recent.id = this.#codeId(base, limit, flags)
      recent.base = base
      recent.limit = limit
    }
    this.state.setWord(State.JUMP_KEY, generation | recent.id)
  }

  #codeId(base: number, limit: number, flags: number): number {
    if (flags === FLAT_32) return FLAT_SUPERVISOR
    const ids = flags & USER ? this.#spaces.current.codeIds : this.#codeIds
    const major = (base >>> 0) * 16 + flags
    let byLimit = ids.get(major)
    if (!byLimit) ids.set(major, (byLimit = new Map()))
    let id = byLimit.get(limit)
    if (id === undefined) byLimit.set(limit, (id = this.#nextCodeId++))
    return id
  }
}

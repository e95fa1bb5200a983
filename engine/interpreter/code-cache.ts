import type { MemoryMap } from '../bus/memory-map.ts'
import { CODE_MAP, CODE_MAP_SHIFT, CPU_BYTES } from '../memory/layout.ts'
import type { CodeMode, Decoder, Instruction } from '../isa/decoder.ts'
import type { OpcodeTable } from '../isa/encoding.ts'
import { RECORDS, REGION_ENTERED, REGION_RETIRED } from '../isa/state.ts'
import { encodeRecord, writeSpecial } from './encode-record.ts'
import { formKey, formOf } from './form.ts'
import { Handler, LINK_STUB, RECORD_BYTES, Record } from './record.ts'
import { Templates } from './templates.ts'

/** Two records for running one instruction by itself. */
export const SCRATCH = RECORDS + RECORD_BYTES
const FIRST = RECORDS + 4 * RECORD_BYTES
const END = CPU_BYTES
/** Longest straight run decoded at once. */
const MAX_RUN = 128
const GRANULE_SHIFT = CODE_MAP_SHIFT
/** A fused pair reaches two instructions of 15 bytes far. */
const MAX_EXTENT = 30
/** Part of the entries of a hot place. */
const OFTEN = 1 / 64

/** Key of a crossing that must be looked at again; never a JUMP_KEY. */
const NO_KEY = -1

/** What the records of a page depend on besides its bytes. */
export interface CodeVariant extends CodeMode {
  flat: boolean
  /** Offsets of the page that lie within the code segment: [low, high). */
  low: number
  high: number
}

interface Variant {
  mode: CodeVariant
  page: CodePage
  /** Record by page offset, 0 for none. */
  index: Int32Array
  /** Heads by the page offset that they stand before. */
  heads: Map<number, number>
}

/** What was translated from code, and must not outlive it. */
export interface TranslatedCode {
  /** How often a head is entered before it is hot. */
  readonly entriesUntilHot: number
  /** Bytes [start, end) of a linear-memory page have changed. */
  written(hostPage: number, start: number, end: number): void
  /** Nothing that was decoded is valid any more, heads included. */
  flushed(): void
  /** Another address space: where pages that are not global lie must be looked at again. */
  forgetLocal(): void
  /** Keys are used again: where any page lies must be looked at again. */
  forgetKeys(): void
}

interface CodePage {
  hostPage: number
  variants: Map<number, Variant>
  /** One bit per 64 bytes that some record covers: the page's part of the code map. */
  granules: Uint32Array
  /** Bytes at the start of this page that belong to instructions of the page before, by CROSS record. */
  tails: Map<number, number>
}

export interface CodeCacheStats {
  decoded: number
  invalidated: number
  flushes: number
}

/** Says which instructions only the runtime may do, by their offset in a page. */
export interface CodeGaps {
  needsGap(offset: number): boolean
}

/** False when certainly no instruction lies in these bytes of the page. */
function covered(page: CodePage, start: number, end: number): boolean {
  for (let g = start >> GRANULE_SHIFT; g <= (end - 1) >> GRANULE_SHIFT; g++)
    if (page.granules[g >> 5]! & (1 << (g & 31))) return true
  return false
}

/**
 * Decoded instructions, by page of linear memory, so that code is decoded once wherever it is mapped.
 * Writes to decoded bytes make the records stale in place; execution that reaches one decodes again.
 */
export class CodeCache {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  #pages = new Map<number, CodePage>()
  readonly #holdsCode: Uint8Array
  readonly #templates: Templates
  /** Handlers of fused pairs by those of their halves. */
  readonly #fused: ReadonlyMap<number, ReadonlyMap<number, number>>
  /** The variant that was asked for last: most look-ups stay in their page. */
  #lastVariant: Variant | null = null
  #lastKey = 0
  /** The page that the second part of a crossing instruction was decoded from, by CROSS record. */
  readonly #crossings = new Map<number, number>()
  /** CROSS records that hold a key which is good in one address space only. */
  readonly #localCrossings = new Set<number>()
  #next = FIRST
  readonly stats: CodeCacheStats = { decoded: 0, invalidated: 0, flushes: 0 }
  /** Called when a page gets its first code, so that writes to it are watched. */
  onCodePage: (hostPage: number) => void = () => {}
  /** Called when everything was dropped. */
  onFlush: () => void = () => {}
  translated: TranslatedCode | null = null

  constructor(
    memory: MemoryMap,
    table: OpcodeTable,
    private readonly decoder: Decoder,
    private readonly handlers: ReadonlyMap<string, number>,
    private readonly gaps: CodeGaps,
  ) {
    this.#templates = new Templates(memory.memory, table, decoder, handlers)
    this.#fused = fusedByHalves(handlers)
    this.#view = memory.memory.view
    this.#bytes = memory.memory.bytes
    this.#holdsCode = new Uint8Array(memory.memory.bytes.length / 4096)
    writeSpecial(this.#view, LINK_STUB, Handler.LINK, 0)
    writeSpecial(this.#view, SCRATCH + RECORD_BYTES, Handler.ESCAPE, 0)
  }

  /**
   * True while writes to a page must be noticed. A page whose last instruction has been overwritten is forgotten
   * here, which is at the write after that: code that is patched and run again is not lost and found each time.
   */
  holdsCode(hostPage: number): boolean {
    if (this.#holdsCode[hostPage] === 0) return false
    const page = this.#pages.get(hostPage)!
    if ((page.granules[0]! | page.granules[1]!) !== 0) return true
    this.#forget(page)
    return false
  }

  /** The record of the instruction at an offset of a linear-memory page, decoded now if need be. */
  recordAt(hostPage: number, offset: number, mode: CodeVariant): number {
    const variant = this.#variant(hostPage, mode)
    return variant.index[offset]! || this.#decodeRun(variant, offset)
  }

  /** Points the branch at `from` to its target, in the same page or through the jump cache. Returns the new record. */
  link(from: number, hostPage: number, mode: CodeVariant): number {
    const target = this.#view.getInt32(from + Record.IMMEDIATE, true)
    const mask = this.#view.getInt32(from + Record.DISPLACEMENT, true)
    let record: number
    const back = target <= this.#view.getUint16(from + Record.PAGE_OFFSET, true)
    if (target >= mode.low && target < mode.high)
      record = back ? this.entryAt(hostPage, target, mode) : this.recordAt(hostPage, target, mode)
    else {
      record = this.#allocate()
      writeSpecial(this.#view, record, Handler.GOTO, 0)
      this.#view.setInt32(record + Record.IMMEDIATE, target, true)
      this.#view.setInt32(record + Record.DISPLACEMENT, mask, true)
    }
    this.#view.setInt32(from + Record.LINK, record, true)
    return record
  }

  /** What a jump to a place goes to. */
  entryAt(hostPage: number, offset: number, mode: CodeVariant): number {
    return this.translated ? this.headAt(hostPage, offset, mode) : this.recordAt(hostPage, offset, mode)
  }

  // Heads: places that may be worth translating.

  /** The head of a place: what stands before its record and counts how often it is entered. */
  headAt(hostPage: number, offset: number, mode: CodeVariant): number {
    const variant = this.#variant(hostPage, mode)
    const record = variant.index[offset]! || this.#decodeRun(variant, offset)
    let head = variant.heads.get(offset)
    if (head === undefined) {
      variant.heads.set(offset, (head = this.#allocate()))
      writeSpecial(this.#view, head, Handler.HEAD, offset)
      this.#view.setInt32(head + Record.IMMEDIATE, this.translated?.entriesUntilHot ?? 0, true)
    }
    this.#view.setInt32(head + Record.LINK, record, true)
    return head
  }

  /** Lets straight code come by a head, where it would go on in the interpreter for good. */
  plantHead(hostPage: number, offset: number, mode: CodeVariant): void {
    if (offset >= mode.high) return
    const variant = this.#variant(hostPage, mode)
    const record = variant.index[offset]!
    const instruction = this.decodeAt(hostPage, offset, mode)
    if (record === 0 || instruction === null || variant.heads.has(offset) || this.nearlyFull) return
    const copy = this.#allocate()
    this.#encode(copy, instruction, mode.flat, offset)
    const behind = this.#allocate()
    writeSpecial(this.#view, behind, Handler.CONTINUE, offset + instruction.length)
    this.#view.setInt32(behind + Record.LINK, record + RECORD_BYTES, true)
    variant.index[offset] = copy
    this.#goOnAt(record, this.headAt(hostPage, offset, mode))
  }

  /** Counts a head's entries, from `entries` down. */
  setHead(head: number, entries: number): void {
    this.#view.setUint16(head + Record.HANDLER, Handler.HEAD, true)
    this.#view.setInt32(head + Record.IMMEDIATE, entries, true)
  }

  /**
   * Calls the function at a place of the table from now on. No guard holds yet. After `untilGrown` exits that the
   * region counts it makes its head one that is hot.
   */
  setRegion(head: number, slot: number, untilGrown: number): void {
    this.dropGuard(head)
    const retired = this.#view.getBigUint64(REGION_RETIRED, true)
    this.#view.setUint32(REGION_ENTERED + 4 * slot, Number((retired >> 16n) & 0xffffffffn), true)
    this.#view.setInt32(head + Record.IMMEDIATE, slot, true)
    this.#view.setInt32(head + Record.UNTIL_GROWN, untilGrown, true)
    this.#view.setUint16(head + Record.HANDLER, Handler.REGION, true)
  }

  /** The instruction at an offset of a page, or null where none lies in the page that may be translated. */
  decodeAt(hostPage: number, offset: number, mode: CodeVariant): Instruction | null {
    if (offset < mode.low || offset >= mode.high || this.gaps.needsGap(offset)) return null
    const host = hostPage * 4096
    const result = this.decoder.decode(this.#bytes, host + offset, host + mode.high, mode)
    return typeof result === 'string' ? null : result
  }

  /** The instruction at an offset that ends in the page `second`, where it has been run lately; else null. */
  crossingAt(
    hostPage: number,
    offset: number,
    mode: CodeVariant,
  ): { instruction: Instruction; second: number } | null {
    const record = this.#variant(hostPage, mode).index[offset]!
    const second = record !== 0 && this.isCrossing(record) ? this.#crossings.get(record) : undefined
    if (second === undefined) return null
    const length = this.lengthOf(record + RECORD_BYTES)
    const bytes = new Uint8Array(length)
    const inFirst = 4096 - offset
    bytes.set(this.#bytes.subarray(hostPage * 4096 + offset, hostPage * 4096 + 4096))
    bytes.set(this.#bytes.subarray(second * 4096, second * 4096 + length - inFirst), inFirst)
    const instruction = this.decoder.decode(bytes, 0, length, mode)
    return typeof instruction === 'string' ? null : { instruction, second }
  }

  /** When the region at a place of the table was entered last: larger is later. */
  lastEntered(slot: number): number {
    return this.#view.getUint32(REGION_ENTERED + 4 * slot, true)
  }

  /** The pages of a head's region are where they should be while EIP_BASE and JUMP_KEY are these. */
  setGuard(head: number, eipBase: number, key: number): void {
    this.#view.setInt32(head + Record.GUARD_BASE, eipBase, true)
    this.#view.setInt32(head + Record.GUARD_KEY, key, true)
  }

  /** They must be looked for before the region is entered again. */
  dropGuard(head: number): void {
    this.#view.setInt32(head + Record.GUARD_KEY, NO_KEY, true)
  }

  /** Offsets of a page that jumps have gone to lately, the most frequent first: not those that are rare beside it. */
  enteredOften(hostPage: number, mode: CodeVariant): number[] {
    const most = this.translated?.entriesUntilHot ?? 0
    const entered = (head: number): number =>
      this.#view.getUint16(head + Record.HANDLER, true) === Handler.REGION
        ? most
        : most - this.#view.getInt32(head + Record.IMMEDIATE, true)
    return [...this.#variant(hostPage, mode).heads]
      .map(([offset, head]) => ({ offset, count: entered(head) }))
      .filter(({ count }) => count >= most * OFTEN)
      .sort((a, b) => b.count - a.count)
      .map(({ offset }) => offset)
  }

  /** True once the branch has led somewhere. */
  wasTaken(branch: number): boolean {
    return this.#view.getInt32(branch + Record.LINK, true) !== LINK_STUB
  }

  /** How often regions have been left by the branch. */
  exitsBy(branch: number): number {
    return this.#view.getUint32(branch + Record.EXITS, true)
  }

  /** Where most exits of regions by a computed jump have led, and by how many these are more than the rest. */
  usualTarget(jump: number): { eip: number; lead: number } {
    return {
      eip: this.#view.getUint32(jump + Record.USUAL_TARGET, true),
      lead: this.#view.getUint16(jump + Record.USUAL_LEAD, true),
    }
  }

  #goOnAt(record: number, next: number): void {
    this.#view.setUint16(record + Record.HANDLER, Handler.CONTINUE, true)
    this.#view.setInt32(record + Record.LINK, next, true)
  }

  /** Sends a stale record on to what took its place. */
  replace(stale: number, record: number): void {
    if (this.#view.getUint16(stale + Record.HANDLER, true) !== Handler.STALE) return
    this.#goOnAt(stale, record)
  }

  isCrossing(record: number): boolean {
    return this.#view.getUint16(record + Record.HANDLER, true) === Handler.CROSS
  }

  /**
   * The record of an instruction that begins at a CROSS record's place and ends in `second`, the linear-memory
   * page that the next linear page shows while JUMP_KEY stays as it is, or, for a local one, until `forgetLocal`.
   * `decode` is asked when it is not known yet.
   */
  cross(
    crossing: number,
    place: { second: number; key: number; local: boolean; flat: boolean },
    decode: () => Instruction,
  ): number {
    const { second, key, local, flat } = place
    const view = this.#view
    const record = crossing + RECORD_BYTES
    if (this.#crossings.get(crossing) !== second) {
      const instruction = decode()
      const offset = view.getUint16(crossing + Record.PAGE_OFFSET, true)
      this.#encode(record, instruction, flat, offset)
      this.#writeGoto(record + RECORD_BYTES, offset + instruction.length)
      const page = this.#page(second)
      const tail = offset + instruction.length - 4096
      page.tails.set(crossing, tail)
      this.#cover(page, 0, tail)
      this.#crossings.set(crossing, second)
      this.stats.decoded++
    }
    view.setInt32(crossing + Record.IMMEDIATE, key, true)
    if (local) this.#localCrossings.add(crossing)
    return record
  }

  /** Every crossing must be looked at again. */
  forgetKeys(): void {
    for (const crossing of this.#crossings.keys())
      if (this.isCrossing(crossing)) this.#view.setInt32(crossing + Record.IMMEDIATE, NO_KEY, true)
    this.#localCrossings.clear()
    this.translated?.forgetKeys()
  }

  /** Another address space: crossings between pages that are not global must be looked at again. */
  forgetLocal(): void {
    for (const crossing of this.#localCrossings)
      if (this.isCrossing(crossing)) this.#view.setInt32(crossing + Record.IMMEDIATE, NO_KEY, true)
    this.#localCrossings.clear()
    this.translated?.forgetLocal()
  }

  /** Encodes one instruction to be run by itself; what follows it escapes to the runtime. */
  encodeScratch(instruction: Instruction, offset: number, flat: boolean): number {
    this.#encode(SCRATCH, instruction, flat, offset)
    this.#view.setUint16(SCRATCH + RECORD_BYTES + Record.PAGE_OFFSET, offset + instruction.length, true)
    return SCRATCH
  }

  /** EIP that a record stands for. */
  eipOf(record: number, eipBase: number): number {
    const view = this.#view
    if (view.getUint16(record + Record.HANDLER, true) === Handler.GOTO)
      return (
        ((eipBase + view.getInt32(record + Record.IMMEDIATE, true)) &
          view.getInt32(record + Record.DISPLACEMENT, true)) >>>
        0
      )
    return (eipBase + view.getUint16(record + Record.PAGE_OFFSET, true)) >>> 0
  }

  branchTarget(from: number, eipBase: number): number {
    const view = this.#view
    return (
      ((eipBase + view.getInt32(from + Record.IMMEDIATE, true)) &
        view.getInt32(from + Record.DISPLACEMENT, true)) >>>
      0
    )
  }

  lengthOf(record: number): number {
    return this.#view.getUint8(record + Record.LENGTH)
  }

  // Writes to code.

  /** True when a write to these linear-memory bytes would hit decoded instructions. */
  hitsCode(host: number, size: number): boolean {
    const page = this.#pages.get(Math.floor(host / 4096))
    if (!page) return false
    const start = host & 0xfff
    const end = Math.min(4096, start + size)
    return covered(page, start, end) && this.#hits(page, start, end)
  }

  /** True when an instruction lies in these bytes of the page. */
  #hits(page: CodePage, start: number, end: number): boolean {
    for (const tail of page.tails.values()) if (tail > start) return true
    for (const { index } of page.variants.values())
      for (let offset = Math.max(0, start - MAX_EXTENT); offset < end; offset++) {
        const record = index[offset]!
        if (record !== 0 && (offset >= start || offset + this.#extent(record) > start)) return true
      }
    return false
  }

  /** Bytes of linear memory have changed. */
  written(host: number, length: number): void {
    const last = Math.floor((host + length - 1) / 4096)
    for (let hostPage = Math.floor(host / 4096); hostPage <= last; hostPage++) {
      const page = this.#pages.get(hostPage)
      if (!page) continue
      const start = Math.max(0, host - hostPage * 4096)
      const end = Math.min(4096, host + length - hostPage * 4096)
      this.translated?.written(hostPage, start, end)
      if (end - start === 4096) this.#dropPage(page)
      else this.#dropRange(page, start, end)
    }
  }

  #dropRange(page: CodePage, start: number, end: number): void {
    if (!covered(page, start, end)) return
    this.#dropTails(page, start)
    for (const { index } of page.variants.values())
      for (let offset = Math.max(0, start - MAX_EXTENT); offset < end; offset++) {
        const record = index[offset]!
        if (record !== 0 && (offset >= start || offset + this.#extent(record) > start))
          this.#makeStale(index, offset, record)
      }
    for (let g = start >> GRANULE_SHIFT; g <= (end - 1) >> GRANULE_SHIFT; g++)
      if (!this.#hits(page, g << GRANULE_SHIFT, (g + 1) << GRANULE_SHIFT))
        page.granules[g >> 5]! &= ~(1 << (g & 31))
  }

  /** Instructions of the page before that reach beyond `start` are decoded again when they are met. */
  #dropTails(page: CodePage, start: number): void {
    for (const [crossing, tail] of page.tails) {
      if (tail <= start) continue
      this.#view.setInt32(crossing + Record.IMMEDIATE, NO_KEY, true)
      this.#crossings.delete(crossing)
      page.tails.delete(crossing)
    }
  }

  #dropPage(page: CodePage): void {
    this.#dropTails(page, 0)
    for (const { index } of page.variants.values())
      for (let offset = 0; offset < 4096; offset++) {
        const record = index[offset]!
        if (record !== 0) this.#makeStale(index, offset, record)
      }
    page.granules.fill(0)
    this.#forget(page)
  }

  #forget({ hostPage }: CodePage): void {
    this.#pages.delete(hostPage)
    this.#lastVariant = null
    this.#holdsCode[hostPage] = 0
  }

  #makeStale(index: Int32Array, offset: number, record: number): void {
    index[offset] = 0
    this.#view.setUint16(record + Record.HANDLER, Handler.STALE, true)
    this.stats.invalidated++
  }

  /** Bytes that a record's handler speaks for: its own instruction and the next, should they be fused. */
  #extent(record: number): number {
    return this.lengthOf(record) + this.lengthOf(record + RECORD_BYTES)
  }

  /** Drops all that was decoded. */
  flush(): void {
    this.stats.flushes++
    for (const { granules } of this.#pages.values()) granules.fill(0)
    this.#pages.clear()
    this.#lastVariant = null
    this.#crossings.clear()
    this.#localCrossings.clear()
    this.#holdsCode.fill(0)
    this.#next = FIRST
    this.translated?.flushed()
    this.onFlush()
  }

  // Decoding.

  #page(hostPage: number): CodePage {
    let page = this.#pages.get(hostPage)
    if (!page) {
      page = { hostPage, variants: new Map(), granules: this.#granules(hostPage), tails: new Map() }
      this.#pages.set(hostPage, page)
      this.#holdsCode[hostPage] = 1
    }
    return page
  }

  #granules(hostPage: number): Uint32Array {
    return new Uint32Array(this.#view.buffer, CODE_MAP + hostPage * 8, 2)
  }

  #variant(hostPage: number, mode: CodeVariant): Variant {
    const key =
      (mode.code32 ? 1 : 0) |
      (mode.stack32 ? 2 : 0) |
      (mode.flat ? 4 : 0) |
      ((mode.limitedFrom >> 2) << 3) |
      (mode.low << 5) |
      (mode.high << 18)
    const last = this.#lastVariant
    if (last?.page.hostPage === hostPage && this.#lastKey === key) return last
    const page = this.#page(hostPage)
    let variant = page.variants.get(key)
    if (!variant) {
      variant = { mode: { ...mode }, page, index: new Int32Array(4096), heads: new Map() }
      page.variants.set(key, variant)
    }
    this.#lastVariant = variant
    this.#lastKey = key
    return variant
  }

  #allocate(): number {
    const at = this.#next
    this.#next += RECORD_BYTES
    return at
  }

  /** True when there is room for another run; else the caller flushes everything first. */
  get nearlyFull(): boolean {
    return this.#next + (MAX_RUN + 16) * RECORD_BYTES > END
  }

  #decodeRun(variant: Variant, start: number): number {
    const { mode, page, index } = variant
    const host = page.hostPage * 4096
    const templates = this.#templates
    const first = this.#next
    let offset = start
    let fusible: ReadonlyMap<number, number> | undefined
    for (let count = 0; count < MAX_RUN && offset < mode.high; count++) {
      if ((index[offset] !== 0 && offset !== start) || this.gaps.needsGap(offset)) break
      const record = this.#next
      if (!templates.encode(this.#bytes, host + offset, host + mode.high, mode, record, offset)) break
      this.#next += RECORD_BYTES
      this.stats.decoded++
      index[offset] = record
      this.#cover(page, offset, templates.length)
      const fused = fusible?.get(templates.handler)
      if (fused !== undefined) this.#view.setUint16(record - RECORD_BYTES + Record.HANDLER, fused, true)
      fusible = this.#fused.get(templates.handler)
      offset += templates.length
      if (templates.leaves) break
    }
    this.#writeEnd(variant, offset, offset > start && index[offset & 0xfff] !== 0 && offset < mode.high)
    return first
  }

  /** What follows a run: records that exist, another run, or an instruction that only the runtime can do. */
  #writeEnd(variant: Variant, offset: number, known: boolean): void {
    const record = this.#allocate()
    const { mode } = variant
    if (known) {
      writeSpecial(this.#view, record, Handler.CONTINUE, offset)
      this.#view.setInt32(record + Record.LINK, variant.index[offset]!, true)
    } else if (offset >= 4096) {
      this.#writeGoto(record, offset)
    } else if (this.gaps.needsGap(offset)) {
      writeSpecial(this.#view, record, Handler.ESCAPE, offset)
      variant.index[offset] = record
      this.#cover(variant.page, offset, 1)
    } else {
      const host = variant.page.hostPage * 4096
      const result =
        offset < mode.high
          ? this.decoder.decode(this.#bytes, host + offset, host + mode.high, mode)
          : 'undefined'
      if (result === 'truncated' && mode.high === 4096) this.#writeCrossing(variant, record, offset)
      // Not decoded further now: a long run goes on when it gets here, the rest escapes again.
      else
        writeSpecial(this.#view, record, typeof result === 'string' ? Handler.ESCAPE : Handler.STALE, offset)
    }
  }

  #writeGoto(record: number, offset: number): void {
    writeSpecial(this.#view, record, Handler.GOTO, 0)
    this.#view.setInt32(record + Record.IMMEDIATE, offset, true)
    this.#view.setInt32(record + Record.DISPLACEMENT, -1, true)
  }

  /** Leaves room for the instruction and the way on, which `cross` fills in. */
  #writeCrossing({ page, index }: Variant, record: number, offset: number): void {
    writeSpecial(this.#view, record, Handler.CROSS, offset)
    this.#view.setUint8(record + Record.LENGTH, 4096 - offset)
    this.#view.setInt32(record + Record.IMMEDIATE, NO_KEY, true)
    for (let i = 0; i < 2; i++) writeSpecial(this.#view, this.#allocate(), Handler.ESCAPE, offset)
    index[offset] = record
    this.#cover(page, offset, 4096 - offset)
  }

  #cover(page: CodePage, offset: number, length: number): void {
    if ((page.granules[0]! | page.granules[1]!) === 0) this.onCodePage(page.hostPage)
    for (let g = offset >> GRANULE_SHIFT; g <= (offset + length - 1) >> GRANULE_SHIFT; g++)
      page.granules[g >> 5]! |= 1 << (g & 31)
  }

  #encode(at: number, instruction: Instruction, flat: boolean, offset: number): void {
    const key = formKey(formOf(instruction, flat))
    const handler = this.handlers.get(key)
    if (handler === undefined) throw new Error(`no handler for ${key}`)
    encodeRecord(this.#view, at, instruction, { handler, offset })
  }
}

/** Takes the keys of fused pairs, "first|second", apart. */
function fusedByHalves(handlers: ReadonlyMap<string, number>): Map<number, Map<number, number>> {
  const all = new Map<number, Map<number, number>>()
  for (const [key, fused] of handlers) {
    const [first, second] = key.split('|')
    if (second === undefined) continue
    const half = handlers.get(first!)!
    let seconds = all.get(half)
    if (!seconds) all.set(half, (seconds = new Map()))
    seconds.set(handlers.get(second)!, fused)
  }
  return all
}

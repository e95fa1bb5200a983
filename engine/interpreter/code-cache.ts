import type { MemoryMap } from '../bus/memory-map.ts'
import type { Decoder, Instruction } from '../isa/decoder.ts'
import type { OpcodeTable } from '../isa/encoding.ts'
import { BranchProfile } from './branch-profile.ts'
import { CodePages, type PageVariant } from './code-pages.ts'
import type { CodeVariant, TranslatedCode } from './code-variant.ts'
import { Crossings } from './crossings.ts'
import { encodeRecord, writeSpecial } from './encode-record.ts'
import { formKey, formOf } from './form.ts'
import { Heads } from './heads.ts'
import { Handler, RECORD_BYTES, Record } from './record.ts'
import { MAX_RUN, RecordStore, SCRATCH } from './record-store.ts'
import { Templates } from './templates.ts'

export interface CodeCacheStats {
  decoded: number
  invalidated: number
  flushes: number
}

/** Says which instructions only the runtime may do, by their offset in a page. */
export interface CodeGaps {
  needsGap(offset: number): boolean
}

/**
 * Decoded instructions, by page of linear memory, so that code is decoded once wherever it is mapped.
 * Writes to decoded bytes make the records stale in place; execution that reaches one decodes again.
 */
export class CodeCache {
  readonly records: RecordStore
  readonly heads: Heads
  readonly crossings: Crossings
  readonly branches: BranchProfile
  readonly #pages: CodePages
  readonly #bytes: Uint8Array
  readonly #templates: Templates
  /** Handlers of fused pairs by those of their halves. */
  readonly #fused: ReadonlyMap<number, ReadonlyMap<number, number>>
  #decoded = 0
  #flushes = 0
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
    const { view, bytes } = memory.memory
    this.#bytes = bytes
    this.#templates = new Templates(memory.memory, table, decoder, handlers)
    this.#fused = fusedByHalves(handlers)
    this.records = new RecordStore(view)
    this.heads = new Heads(this.records)
    this.branches = new BranchProfile(view)
    this.#pages = new CodePages(this.records, bytes.length)
    this.crossings = new Crossings(this.records, this.#pages, (at, instruction, flat, offset) =>
      this.#encode(at, instruction, flat, offset),
    )
  }

  /** Called when a page gets its first code, so that writes to it are watched. */
  set onCodePage(called: (hostPage: number) => void) {
    this.#pages.onCodePage = called
  }

  get stats(): CodeCacheStats {
    return {
      decoded: this.#decoded + this.crossings.decoded,
      invalidated: this.#pages.invalidated,
      flushes: this.#flushes,
    }
  }

  // Records of places.

  /** The record of the instruction at an offset of a linear-memory page, decoded now if need be. */
  recordAt(hostPage: number, offset: number, mode: CodeVariant): number {
    return this.#recordIn(this.#pages.variant(hostPage, mode), offset)
  }

  #recordIn(variant: PageVariant, offset: number): number {
    return variant.index.get(offset) || this.#decodeRun(variant, offset)
  }

  /** Points the branch at `from` to its target, in the same page or through the jump cache. Returns the new record. */
  link(from: number, hostPage: number, mode: CodeVariant): number {
    const { view } = this.records
    const target = view.getInt32(from + Record.IMMEDIATE, true)
    const back = target <= view.getUint16(from + Record.PAGE_OFFSET, true)
    let record: number
    if (target >= mode.low && target < mode.high)
      record = back ? this.entryAt(hostPage, target, mode) : this.recordAt(hostPage, target, mode)
    else {
      record = this.records.allocate()
      this.records.writeGoto(record, target, view.getInt32(from + Record.DISPLACEMENT, true))
    }
    view.setInt32(from + Record.LINK, record, true)
    return record
  }

  /** What a jump to a place goes to. */
  entryAt(hostPage: number, offset: number, mode: CodeVariant): number {
    return this.translated ? this.headAt(hostPage, offset, mode) : this.recordAt(hostPage, offset, mode)
  }

  /** The head of a place: what stands before its record and counts how often it is entered. */
  headAt(hostPage: number, offset: number, mode: CodeVariant): number {
    const variant = this.#pages.variant(hostPage, mode)
    const record = this.#recordIn(variant, offset)
    let head = variant.heads.get(offset)
    if (head === undefined) {
      head = this.heads.create(offset, this.translated?.entriesUntilHot ?? 0)
      variant.heads.set(offset, head)
    }
    this.heads.setRecord(head, record)
    return head
  }

  /** Lets straight code come by a head, where it would go on in the interpreter for good. */
  plantHead(hostPage: number, offset: number, mode: CodeVariant): void {
    if (offset >= mode.high) return
    const { records } = this
    const variant = this.#pages.variant(hostPage, mode)
    const record = variant.index.get(offset)
    const instruction = this.decodeAt(hostPage, offset, mode)
    if (record === 0 || instruction === null || variant.heads.has(offset) || records.nearlyFull) return
    const copy = records.allocate()
    this.#encode(copy, instruction, mode.flat, offset)
    this.#writeContinue(records.allocate(), offset + instruction.length, record + RECORD_BYTES)
    variant.index.set(offset, copy)
    records.continueAt(record, this.headAt(hostPage, offset, mode))
  }

  /** Offsets of a page that jumps have gone to lately, the most frequent first: not those that are rare beside it. */
  enteredOften(hostPage: number, mode: CodeVariant): number[] {
    const { heads } = this.#pages.variant(hostPage, mode)
    return this.heads.often(heads, this.translated?.entriesUntilHot ?? 0)
  }

  /** Encodes one instruction to be run by itself; what follows it escapes to the runtime. */
  encodeScratch(instruction: Instruction, offset: number, flat: boolean): number {
    this.#encode(SCRATCH, instruction, flat, offset)
    const behind = SCRATCH + RECORD_BYTES
    this.records.view.setUint16(behind + Record.PAGE_OFFSET, offset + instruction.length, true)
    return SCRATCH
  }

  // Instructions of places.

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
    const record = this.#pages.variant(hostPage, mode).index.get(offset)
    const second = this.crossings.secondOf(record)
    if (second === undefined) return null
    const length = this.records.lengthOf(record + RECORD_BYTES)
    const bytes = new Uint8Array(length)
    const inFirst = 4096 - offset
    bytes.set(this.#bytes.subarray(hostPage * 4096 + offset, hostPage * 4096 + 4096))
    bytes.set(this.#bytes.subarray(second * 4096, second * 4096 + length - inFirst), inFirst)
    const instruction = this.decoder.decode(bytes, 0, length, mode)
    return typeof instruction === 'string' ? null : { instruction, second }
  }

  // Writes to code, and other reasons to forget.

  /** True while writes to a page must be noticed. */
  holdsCode(hostPage: number): boolean {
    return this.#pages.holdsCode(hostPage)
  }

  /** True when a write to these linear-memory bytes would hit decoded instructions. */
  hitsCode(host: number, size: number): boolean {
    const page = this.#pages.get(Math.floor(host / 4096))
    if (!page) return false
    const start = host & 0xfff
    return this.#pages.hits(page, start, Math.min(4096, start + size))
  }

  /** Bytes of linear memory have changed. */
  written(host: number, length: number): void {
    const last = Math.floor((host + length - 1) / 4096)
    for (let hostPage = Math.floor(host / 4096); hostPage <= last; hostPage++) {
      const page = this.#pages.get(hostPage)
      if (!page) continue
      const start = Math.max(0, host - hostPage * 4096)
      const end = this.#pages.droppedUntil(page, start, Math.min(4096, host + length - hostPage * 4096))
      this.translated?.written(hostPage, start, end)
      this.crossings.dropTails(page, start)
      this.#pages.drop(page, start, end)
    }
  }

  /** Keys are used again: every crossing and guard must be looked at again. */
  forgetKeys(): void {
    this.crossings.forgetKeys()
    this.translated?.forgetKeys()
  }

  /** Another address space: those between pages that are not global must be looked at again. */
  forgetLocal(): void {
    this.crossings.forgetLocal()
    this.translated?.forgetLocal()
  }

  /** Drops all that was decoded. */
  flush(): void {
    this.#flushes++
    this.#pages.clear()
    this.crossings.clear()
    this.records.clear()
    this.translated?.flushed()
    this.onFlush()
  }

  // Decoding.

  #decodeRun(variant: PageVariant, start: number): number {
    const { mode, page, index } = variant
    const { records } = this
    const host = page.hostPage * 4096
    const templates = this.#templates
    const first = records.next
    let offset = start
    let fusible: ReadonlyMap<number, number> | undefined
    for (let count = 0; count < MAX_RUN && offset < mode.high; count++) {
      if ((index.get(offset) !== 0 && offset !== start) || this.gaps.needsGap(offset)) break
      const record = records.next
      if (!templates.encode(this.#bytes, host + offset, host + mode.high, mode, record, offset)) break
      records.allocate()
      this.#decoded++
      index.set(offset, record)
      this.#pages.cover(page, offset, templates.length)
      const fused = fusible?.get(templates.handler)
      if (fused !== undefined) records.view.setUint16(record - RECORD_BYTES + Record.HANDLER, fused, true)
      fusible = this.#fused.get(templates.handler)
      offset += templates.length
      if (templates.leaves) break
    }
    this.#writeEnd(variant, offset, offset > start && index.get(offset & 0xfff) !== 0 && offset < mode.high)
    return first
  }

  /** What follows a run: records that exist, another run, or an instruction that only the runtime can do. */
  #writeEnd(variant: PageVariant, offset: number, known: boolean): void {
    const { mode, page, index } = variant
    const { view } = this.records
    const record = this.records.allocate()
    if (known) this.#writeContinue(record, offset, index.get(offset))
    else if (offset >= 4096) this.records.writeGoto(record, offset)
    else if (this.gaps.needsGap(offset)) {
      writeSpecial(view, record, Handler.ESCAPE, offset)
      index.set(offset, record)
      this.#pages.cover(page, offset, 1)
    } else {
      const host = page.hostPage * 4096
      const result =
        offset < mode.high
          ? this.decoder.decode(this.#bytes, host + offset, host + mode.high, mode)
          : 'undefined'
      if (result === 'truncated' && mode.high === 4096) {
        this.crossings.write(record, offset)
        index.set(offset, record)
        this.#pages.cover(page, offset, 4096 - offset)
      }
      // Not decoded further now: a long run goes on when it gets here, the rest escapes again.
      else writeSpecial(view, record, typeof result === 'string' ? Handler.ESCAPE : Handler.STALE, offset)
    }
  }

  #writeContinue(record: number, offset: number, next: number): void {
    writeSpecial(this.records.view, record, Handler.CONTINUE, offset)
    this.records.continueAt(record, next)
  }

  #encode(at: number, instruction: Instruction, flat: boolean, offset: number): void {
    const key = formKey(formOf(instruction, flat))
    const handler = this.handlers.get(key)
    if (handler === undefined) throw new Error(`no handler for ${key}`)
    encodeRecord(this.records.view, at, instruction, { handler, offset })
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

import { CODE_MAP, CODE_MAP_SHIFT } from '../memory/layout.ts'
import type { CodeVariant } from './code-variant.ts'
import { RecordIndex } from './record-index.ts'
import type { RecordStore } from './record-store.ts'

const GRANULE_SHIFT = CODE_MAP_SHIFT
/** A fused pair reaches two instructions of 15 bytes far. */
const MAX_EXTENT = 30

/** Instructions overwritten one behind the other, after which the next ones are expected to be too. */
const REWRITTEN_IN_A_ROW = 3
/** The longest instruction. */
const MAX_LENGTH = 15

/** A page's code as it is decoded in one mode. */
export interface PageVariant {
  mode: CodeVariant
  page: CodePage
  index: RecordIndex
  /** Heads by the page offset that they stand before. */
  heads: Map<number, number>
}

export interface CodePage {
  hostPage: number
  variants: Map<number, PageVariant>
  /** One bit per 64 bytes that some record covers: the page's part of the code map. */
  granules: Uint32Array
  /** Bytes at the start of this page that belong to instructions of the page before, by CROSS record. */
  tails: Map<number, number>
}

/** False when certainly no instruction lies in these bytes of the page. */
function covered(page: CodePage, start: number, end: number): boolean {
  for (let g = start >> GRANULE_SHIFT; g <= (end - 1) >> GRANULE_SHIFT; g++)
    if (page.granules[g >> 5]! & (1 << (g & 31))) return true
  return false
}

/** True when some record covers a byte of the page. */
const holdsAny = ({ granules }: CodePage): boolean => (granules[0]! | granules[1]!) !== 0

/** Which bytes of linear memory the records stand for, by page; what is written to them makes the records stale. */
export class CodePages {
  readonly #pages = new Map<number, CodePage>()
  readonly #holdsCode: Uint8Array
  /** The variant that was asked for last: most look-ups stay in their page. */
  #lastVariant: PageVariant | null = null
  #lastKey = 0
  /** Where code was overwritten last, and how many instructions one behind the other until then. */
  #rewrittenAt = 0
  #rewritten = 0
  /** Records made stale, for statistics. */
  invalidated = 0
  /** Called when a page gets its first code, so that writes to it are watched. */
  onCodePage: (hostPage: number) => void = () => {}

  /** @param memoryBytes length of linear memory */
  constructor(
    private readonly records: RecordStore,
    memoryBytes: number,
  ) {
    this.#holdsCode = new Uint8Array(memoryBytes / 4096)
  }

  /**
   * True while writes to a page must be noticed. A page whose last instruction has been overwritten is forgotten
   * here, which is at the write after that: code that is patched and run again is not lost and found each time.
   */
  holdsCode(hostPage: number): boolean {
    if (this.#holdsCode[hostPage] === 0) return false
    const page = this.#pages.get(hostPage)!
    if (holdsAny(page)) return true
    this.#forget(page)
    return false
  }

  /** The page, if any code of it is decoded. */
  get(hostPage: number): CodePage | undefined {
    return this.#pages.get(hostPage)
  }

  page(hostPage: number): CodePage {
    let page = this.#pages.get(hostPage)
    if (!page) {
      const granules = new Uint32Array(this.records.view.buffer, CODE_MAP + hostPage * 8, 2)
      page = { hostPage, variants: new Map(), granules, tails: new Map() }
      this.#pages.set(hostPage, page)
      this.#holdsCode[hostPage] = 1
    }
    return page
  }

  variant(hostPage: number, mode: CodeVariant): PageVariant {
    const key =
      (mode.code32 ? 1 : 0) |
      (mode.stack32 ? 2 : 0) |
      (mode.flat ? 4 : 0) |
      ((mode.limitedFrom >> 2) << 3) |
      (mode.low << 5) |
      (mode.high << 18)
    const last = this.#lastVariant
    if (last?.page.hostPage === hostPage && this.#lastKey === key) return last
    const page = this.page(hostPage)
    let variant = page.variants.get(key)
    if (!variant) {
      variant = { mode: { ...mode }, page, index: new RecordIndex(), heads: new Map() }
      page.variants.set(key, variant)
    }
    this.#lastVariant = variant
    this.#lastKey = key
    return variant
  }

  /** An instruction lies in these bytes of the page from now on. */
  cover(page: CodePage, offset: number, length: number): void {
    if (!holdsAny(page)) this.onCodePage(page.hostPage)
    for (let g = offset >> GRANULE_SHIFT; g <= (offset + length - 1) >> GRANULE_SHIFT; g++)
      page.granules[g >> 5]! |= 1 << (g & 31)
  }

  /** True when an instruction lies in bytes [start, end) of the page. */
  hits(page: CodePage, start: number, end: number): boolean {
    if (!covered(page, start, end)) return false
    for (const tail of page.tails.values()) if (tail > start) return true
    for (const { index } of page.variants.values())
      for (let offset = Math.max(0, start - MAX_EXTENT); offset < end; offset++)
        if (this.#reaches(index.get(offset), offset, start)) return true
    return false
  }

  /**
   * How far to drop code that is overwritten at [start, end): who writes one instruction after the other writes the next ones
   * as well, and each that is there still costs a write many times what it costs where there is none.
   */
  droppedUntil(page: CodePage, start: number, end: number): number {
    const host = page.hostPage * 4096 + start
    const ahead = host - this.#rewrittenAt
    this.#rewritten = ahead > 0 && ahead <= MAX_LENGTH ? this.#rewritten + 1 : 0
    this.#rewrittenAt = host
    if (this.#rewritten < REWRITTEN_IN_A_ROW) return end
    return Math.max(end, ((start >> GRANULE_SHIFT) + 1) << GRANULE_SHIFT)
  }

  /** Bytes [start, end) of the page have changed, whose tails have been dropped. */
  drop(page: CodePage, start: number, end: number): void {
    if (end - start === 4096) this.#dropPage(page)
    else if (covered(page, start, end)) this.#dropRange(page, start, end)
  }

  clear(): void {
    for (const { granules } of this.#pages.values()) granules.fill(0)
    this.#pages.clear()
    this.#lastVariant = null
    this.#holdsCode.fill(0)
  }

  /** True when there is a record at an offset, and what it stands for reaches `start` or begins behind it. */
  #reaches(record: number, offset: number, start: number): boolean {
    return record !== 0 && (offset >= start || offset + this.records.extentOf(record) > start)
  }

  #dropRange(page: CodePage, start: number, end: number): void {
    // What is dropped may begin before the range and end behind it: the granules there may be empty then too.
    let [first, last] = [start, end - 1]
    for (const { index } of page.variants.values())
      for (let offset = Math.max(0, start - MAX_EXTENT); offset < end; offset++) {
        const record = index.get(offset)
        if (!this.#reaches(record, offset, start)) continue
        first = Math.min(first, offset)
        last = Math.max(last, offset + this.records.extentOf(record) - 1)
        this.#makeStale(index, offset)
      }
    for (let g = first >> GRANULE_SHIFT; g <= Math.min(last, 4095) >> GRANULE_SHIFT; g++)
      if (!this.hits(page, g << GRANULE_SHIFT, (g + 1) << GRANULE_SHIFT))
        page.granules[g >> 5]! &= ~(1 << (g & 31))
  }

  #dropPage(page: CodePage): void {
    for (const { index } of page.variants.values())
      for (let offset = 0; offset < 4096; offset++)
        if (index.get(offset) !== 0) this.#makeStale(index, offset)
    page.granules.fill(0)
    this.#forget(page)
  }

  #makeStale(index: RecordIndex, offset: number): void {
    this.records.makeStale(index.get(offset))
    index.set(offset, 0)
    this.invalidated++
  }

  #forget({ hostPage }: CodePage): void {
    this.#pages.delete(hostPage)
    this.#lastVariant = null
    this.#holdsCode[hostPage] = 0
  }
}

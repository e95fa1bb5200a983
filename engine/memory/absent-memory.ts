import { PAGE_SIZE } from './layout.ts'
import { isZeroPage } from './zero-pages.ts'

/** Where memory comes from that is not there yet, in chunks of a multiple of the page size; the last may be shorter. */
export interface ChunkSource {
  readonly chunkBytes: number
  readonly chunkCount: number
  /** False for a chunk of zeros. */
  holds(chunk: number): boolean
  /** Its contents, valid until the next call. Throws `state-invalid`. */
  read(chunk: number): Uint8Array
  /** Nothing more is read. */
  close(): void
}

/**
 * Memory of zeros that is filled when it is first reached. What is here once stays, so that whoever has asked for a page
 * may keep its address.
 */
export class AbsentMemory {
  /** By chunk: 1 as long as it is not here. */
  readonly #isAbsent: Uint8Array
  #left: number
  #next = 0
  #failure: Error | null = null

  /**
   * @param memory zeros
   * @param arrived called for each chunk that is here from now on, with its pages
   * @param completed called when all are
   */
  constructor(
    private readonly memory: Uint8Array,
    private readonly source: ChunkSource,
    private readonly arrived: (firstPage: number, pageCount: number) => void,
    private readonly completed: () => void,
  ) {
    this.#isAbsent = Uint8Array.from({ length: source.chunkCount }, (_, chunk) => Number(source.holds(chunk)))
    this.#left = this.#isAbsent.reduce((sum, one) => sum + one, 0)
  }

  /** True for a page that has not been reached. */
  hasPage(page: number): boolean {
    return this.#isAbsent[Math.floor((page * PAGE_SIZE) / this.source.chunkBytes)] === 1
  }

  /** Sees to it that the byte at this offset, and its page, are here. Throws `state-invalid`, from then on each time. */
  reach(offset: number): void {
    const chunk = Math.floor(offset / this.source.chunkBytes)
    if (this.#isAbsent[chunk] === 1) this.#bring(chunk)
  }

  /** Brings in what comes next. @returns whether there is more. Throws as `reach` does */
  bringNext(): boolean {
    while (this.#left > 0 && this.#isAbsent[this.#next] !== 1) this.#next++
    if (this.#left > 0) this.#bring(this.#next)
    else this.#complete()
    return this.#left > 0
  }

  bringAll(): void {
    while (this.bringNext());
  }

  /** Throws what has gone wrong, if something has: whoever reached for it may have kept it to himself. */
  check(): void {
    if (this.#failure) throw this.#failure
  }

  /** What has not been reached is zeros from now on. */
  abandon(): void {
    for (const [chunk, isAbsent] of this.#isAbsent.entries()) if (isAbsent) this.#arrive(chunk)
    this.#complete()
  }

  /** Nothing is reached any more. */
  close(): void {
    this.source.close()
  }

  #bring(chunk: number): void {
    this.check()
    try {
      this.#fill(chunk)
    } catch (error) {
      this.#failure = error as Error
      throw error
    }
    this.#arrive(chunk)
    if (this.#left === 0) this.#complete()
  }

  /** Pages of zeros are left alone: writing to them would commit the host's memory. */
  #fill(chunk: number): void {
    const contents = this.source.read(chunk)
    const start = chunk * this.source.chunkBytes
    const pages = contents.length / PAGE_SIZE
    for (let page = 0; page < pages;) {
      if (isZeroPage(contents, page)) {
        page++
        continue
      }
      const first = page
      while (page < pages && !isZeroPage(contents, page)) page++
      this.memory.set(contents.subarray(first * PAGE_SIZE, page * PAGE_SIZE), start + first * PAGE_SIZE)
    }
  }

  #arrive(chunk: number): void {
    this.#isAbsent[chunk] = 0
    this.#left--
    const pages = this.source.chunkBytes / PAGE_SIZE
    this.arrived(chunk * pages, Math.min(pages, this.memory.length / PAGE_SIZE - chunk * pages))
  }

  #complete(): void {
    this.source.close()
    this.completed()
  }
}

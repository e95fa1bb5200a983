const CHUNK_SHIFT = 6
const CHUNK = 1 << CHUNK_SHIFT
const CHUNKS = 4096 / CHUNK
/** Chunks by which the room grows: most pages come to hold code in a third of theirs. */
const GROWTH = 8

/** The records of a page by the offset of their instruction. Of a page with little code it takes little room. */
export class RecordIndex {
  /** By 64 bytes of the page: one more than the place of their chunk in the room, 0 where there is no record. */
  readonly #places = new Uint8Array(CHUNKS)
  #room = new Int32Array(0)
  #used = 0

  /** Record at an offset, 0 for none. */
  get(offset: number): number {
    const place = this.#places[offset >> CHUNK_SHIFT]!
    return place === 0 ? 0 : this.#room[((place - 1) << CHUNK_SHIFT) | (offset & (CHUNK - 1))]!
  }

  set(offset: number, record: number): void {
    const place = (this.#places[offset >> CHUNK_SHIFT] ||= this.#take())
    this.#room[((place - 1) << CHUNK_SHIFT) | (offset & (CHUNK - 1))] = record
  }

  #take(): number {
    const chunks = this.#room.length / CHUNK
    if (this.#used === chunks) {
      const larger = new Int32Array((chunks + GROWTH) * CHUNK)
      larger.set(this.#room)
      this.#room = larger
    }
    return ++this.#used
  }
}

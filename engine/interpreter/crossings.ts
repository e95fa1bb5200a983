import type { Instruction } from '../isa/decoder.ts'
import type { CodePage, CodePages } from './code-pages.ts'
import { writeSpecial } from './encode-record.ts'
import { Handler, NO_KEY, RECORD_BYTES, Record } from './record.ts'
import type { RecordStore } from './record-store.ts'

/** Where an instruction that begins in one page ends. */
export interface CrossingPlace {
  /** The linear-memory page that the next linear page shows while JUMP_KEY is `key`. */
  second: number
  key: number
  /** It does so in this address space only: the crossing holds until `forgetLocal`. */
  local: boolean
  flat: boolean
}

/** Instructions that lie in two pages: a CROSS record, the instruction's, and the way on. */
export class Crossings {
  /** The page that the second part of a crossing instruction was decoded from, by CROSS record. */
  readonly #seconds = new Map<number, number>()
  /** CROSS records that hold a key which is good in one address space only. */
  readonly #local = new Set<number>()
  /** Instructions decoded, for statistics. */
  decoded = 0

  /** @param encode writes the record of an instruction at an offset of its page */
  constructor(
    private readonly records: RecordStore,
    private readonly pages: CodePages,
    private readonly encode: (at: number, instruction: Instruction, flat: boolean, offset: number) => void,
  ) {}

  /** Writes a CROSS record, and room for the instruction and the way on, which `enter` fills in. */
  write(record: number, offset: number): void {
    const { records } = this
    writeSpecial(records.view, record, Handler.CROSS, offset)
    records.view.setUint8(record + Record.LENGTH, 4096 - offset)
    this.#setKey(record, NO_KEY)
    for (let i = 0; i < 2; i++) writeSpecial(records.view, records.allocate(), Handler.ESCAPE, offset)
  }

  /**
   * The record of the instruction that begins at a CROSS record's place, which holds from now on.
   * @param decode is asked for it when it is not known yet
   */
  enter(crossing: number, place: CrossingPlace, decode: () => Instruction): number {
    const { records, pages } = this
    const { second, key, local, flat } = place
    const record = crossing + RECORD_BYTES
    if (this.#seconds.get(crossing) !== second) {
      const instruction = decode()
      const offset = records.view.getUint16(crossing + Record.PAGE_OFFSET, true)
      this.encode(record, instruction, flat, offset)
      records.writeGoto(record + RECORD_BYTES, offset + instruction.length)
      const page = pages.page(second)
      const tail = offset + instruction.length - 4096
      page.tails.set(crossing, tail)
      pages.cover(page, 0, tail)
      this.#seconds.set(crossing, second)
      this.decoded++
    }
    this.#setKey(crossing, key)
    if (local) this.#local.add(crossing)
    return record
  }

  /** The page that the instruction of a record ends in, where it is a crossing that has been run lately. */
  secondOf(record: number): number | undefined {
    return record !== 0 && this.records.isCrossing(record) ? this.#seconds.get(record) : undefined
  }

  /** Instructions of the page before that reach beyond `start` are decoded again when they are met. */
  dropTails(page: CodePage, start: number): void {
    for (const [crossing, tail] of page.tails) {
      if (tail <= start) continue
      this.#setKey(crossing, NO_KEY)
      this.#seconds.delete(crossing)
      page.tails.delete(crossing)
    }
  }

  /** Every crossing must be looked at again. */
  forgetKeys(): void {
    this.#drop(this.#seconds.keys())
  }

  /** Another address space: crossings between pages that are not global must be looked at again. */
  forgetLocal(): void {
    this.#drop(this.#local)
  }

  clear(): void {
    this.#seconds.clear()
    this.#local.clear()
  }

  #drop(crossings: Iterable<number>): void {
    for (const crossing of crossings) if (this.records.isCrossing(crossing)) this.#setKey(crossing, NO_KEY)
    this.#local.clear()
  }

  #setKey(crossing: number, key: number): void {
    this.records.view.setInt32(crossing + Record.IMMEDIATE, key, true)
  }
}

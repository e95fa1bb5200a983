import { REGION_ENTERED, REGION_RETIRED } from '../isa/state.ts'
import { writeSpecial } from './encode-record.ts'
import { Handler, NO_KEY, Record } from './record.ts'
import type { RecordStore } from './record-store.ts'

/** Part of the entries of a hot place. */
const OFTEN = 1 / 64

/** Heads: records before places that may be worth translating, which count their entries and then lead to regions. */
export class Heads {
  /** Monotonic time of the host when the processor began to run last; 0 where nobody tells it. */
  nowMs = 0

  constructor(private readonly records: RecordStore) {}

  get #view(): DataView {
    return this.records.view
  }

  /** A new head before an offset of its page, that counts from `entries` down. */
  create(offset: number, entries: number): number {
    const head = this.records.allocate()
    writeSpecial(this.#view, head, Handler.HEAD, offset)
    this.count(head, entries)
    return head
  }

  /** What the head stands before. */
  setRecord(head: number, record: number): void {
    this.#view.setInt32(head + Record.LINK, record, true)
  }

  /** Counts a head's entries, from `entries` down. */
  count(head: number, entries: number): void {
    this.#view.setUint16(head + Record.HANDLER, Handler.HEAD, true)
    this.#view.setInt32(head + Record.IMMEDIATE, entries, true)
    this.#view.setInt32(head + Record.COUNTED_SINCE, this.nowMs, true)
  }

  /** For how long a head has been counting. */
  countedMs(head: number): number {
    return (this.nowMs - this.#view.getInt32(head + Record.COUNTED_SINCE, true)) | 0
  }

  /**
   * Calls the function at a place of the table from now on. No guard holds yet. After `untilGrown` exits that the
   * region counts it makes its head one that is hot.
   */
  setRegion(head: number, slot: number, untilGrown: number): void {
    this.dropGuard(head)
    const view = this.#view
    const retired = view.getBigUint64(REGION_RETIRED, true)
    view.setUint32(REGION_ENTERED + 4 * slot, Number((retired >> 16n) & 0xffffffffn), true)
    view.setInt32(head + Record.IMMEDIATE, slot, true)
    view.setInt32(head + Record.UNTIL_GROWN, untilGrown, true)
    view.setUint16(head + Record.HANDLER, Handler.REGION, true)
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

  /**
   * The offsets whose heads have been entered often, the most frequent first: not those that are rare beside a hot one.
   * @param entriesUntilHot what a head begins to count from
   */
  often(heads: ReadonlyMap<number, number>, entriesUntilHot: number): number[] {
    const entered = (head: number): number =>
      this.records.handlerOf(head) === Handler.REGION
        ? entriesUntilHot
        : entriesUntilHot - this.#view.getInt32(head + Record.IMMEDIATE, true)
    return [...heads]
      .map(([offset, head]) => ({ offset, count: entered(head) }))
      .filter(({ count }) => count >= entriesUntilHot * OFTEN)
      .sort((a, b) => b.count - a.count)
      .map(({ offset }) => offset)
  }
}

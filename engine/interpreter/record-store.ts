import { RECORDS } from '../isa/state.ts'
import { CPU_BYTES } from '../memory/layout.ts'
import { writeSpecial } from './encode-record.ts'
import { Handler, LINK_STUB, RECORD_BYTES, Record } from './record.ts'

/** Two records for running one instruction by itself. */
export const SCRATCH = RECORDS + RECORD_BYTES
const FIRST = RECORDS + 4 * RECORD_BYTES
const END = CPU_BYTES
/** Longest straight run decoded at once. */
export const MAX_RUN = 128
/** Records that a run takes besides those of its instructions, at most. */
const RUN_EXTRA = 16

/** The part of linear memory that holds records: gives them out in order, and tells what is in one. */
export class RecordStore {
  #next = FIRST

  constructor(readonly view: DataView) {
    writeSpecial(view, LINK_STUB, Handler.LINK, 0)
    writeSpecial(view, SCRATCH + RECORD_BYTES, Handler.ESCAPE, 0)
  }

  /** Where the next record will lie. */
  get next(): number {
    return this.#next
  }

  allocate(): number {
    const at = this.#next
    this.#next += RECORD_BYTES
    return at
  }

  /** False when there is no room for another run: the caller flushes everything first. */
  get nearlyFull(): boolean {
    return this.#next + (MAX_RUN + RUN_EXTRA) * RECORD_BYTES > END
  }

  /** Gives all of them out again. */
  clear(): void {
    this.#next = FIRST
  }

  // What is in a record.

  handlerOf(record: number): number {
    return this.view.getUint16(record + Record.HANDLER, true)
  }

  /** EIP that a record stands for. */
  eipOf(record: number, eipBase: number): number {
    if (this.handlerOf(record) === Handler.GOTO) return this.branchTarget(record, eipBase)
    return (eipBase + this.view.getUint16(record + Record.PAGE_OFFSET, true)) >>> 0
  }

  /** EIP that a relative branch leads to. */
  branchTarget(branch: number, eipBase: number): number {
    const { view } = this
    const target = eipBase + view.getInt32(branch + Record.IMMEDIATE, true)
    return (target & view.getInt32(branch + Record.DISPLACEMENT, true)) >>> 0
  }

  /** Bytes of code of its instruction. */
  lengthOf(record: number): number {
    return this.view.getUint8(record + Record.LENGTH)
  }

  /** Bytes that a record's handler speaks for: its own instruction and the next, should they be fused. */
  extentOf(record: number): number {
    return this.lengthOf(record) + this.lengthOf(record + RECORD_BYTES)
  }

  isCrossing(record: number): boolean {
    return this.handlerOf(record) === Handler.CROSS
  }

  // Records that are no instructions.

  /** Makes a record go on at another one. */
  continueAt(record: number, next: number): void {
    this.view.setUint16(record + Record.HANDLER, Handler.CONTINUE, true)
    this.view.setInt32(record + Record.LINK, next, true)
  }

  /** It is no longer what the memory says. */
  makeStale(record: number): void {
    this.view.setUint16(record + Record.HANDLER, Handler.STALE, true)
  }

  /** Sends a stale record on to what took its place. */
  replaceStale(stale: number, record: number): void {
    if (this.handlerOf(stale) === Handler.STALE) this.continueAt(stale, record)
  }

  /** Writes the way to an offset from the start of the page, which may lie outside of it. */
  writeGoto(record: number, target: number, mask = -1): void {
    writeSpecial(this.view, record, Handler.GOTO, 0)
    this.view.setInt32(record + Record.IMMEDIATE, target, true)
    this.view.setInt32(record + Record.DISPLACEMENT, mask, true)
  }
}

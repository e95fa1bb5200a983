import { read, type Service, write } from '../../port/protocol.ts'
import { findMode, type ScanLines, type VideoMode } from './modes.ts'

const BDA = 0x40
const FIRST = 0x49
/** Whole dwords, which move faster than bytes. */
const LENGTH = 0x8d - FIRST

/** Bytes [from, to) of the data area that the display owns, and those of them that have changed. */
interface Part {
  readonly from: number
  readonly to: number
  changedFrom: number
  changedTo: number
}

const part = (from: number, to: number): Part => ({ from, to, changedFrom: to, changedTo: from })

/** The video part of the BIOS data area (40:49-40:66 and 40:84-40:8A), read once per call. */
export class VideoState {
  #bytes: Uint8Array
  #view: DataView
  /** What lies between belongs to others. */
  readonly #parts = [part(0x49, 0x67), part(0x84, 0x8b)]

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  static *load(): Service<VideoState> {
    return new VideoState(yield* read(BDA, FIRST, LENGTH))
  }

  /** Writes back what changed. */
  *store(): Service {
    for (const part of this.#parts) {
      const { changedFrom: from, changedTo: to } = part
      if (from >= to) continue
      Object.assign(part, { changedFrom: part.to, changedTo: part.from })
      yield* write(BDA, from, this.#bytes.subarray(from - FIRST, to - FIRST))
    }
  }

  /** The mode's number without the bits of the caller of AH=00h. */
  get mode(): number {
    return this.#get8(0x49) & 0x7f
  }
  set mode(value: number) {
    this.#set8(0x49, value)
  }
  get columns(): number {
    return this.#get16(0x4a) || 80
  }
  set columns(value: number) {
    this.#set16(0x4a, value)
  }
  get pageBytes(): number {
    return this.#get16(0x4c)
  }
  set pageBytes(value: number) {
    this.#set16(0x4c, value)
  }
  get pageStart(): number {
    return this.#get16(0x4e)
  }
  set pageStart(value: number) {
    this.#set16(0x4e, value)
  }
  cursor(page: number): { column: number; row: number } {
    const at = 0x50 + 2 * (page & 7)
    return { column: this.#get8(at), row: this.#get8(at + 1) }
  }
  setCursor(page: number, column: number, row: number): void {
    const at = 0x50 + 2 * (page & 7)
    this.#set8(at, column)
    this.#set8(at + 1, row)
  }
  /** Start line in the high byte, end line in the low one, as AH=01h takes them. */
  get cursorShape(): number {
    return this.#get16(0x60)
  }
  set cursorShape(value: number) {
    this.#set16(0x60, value)
  }
  get page(): number {
    return this.#get8(0x62) & 7
  }
  set page(value: number) {
    this.#set8(0x62, value)
  }
  /** 3D4h, or 3B4h in monochrome modes. */
  get crtcPort(): number {
    return this.#get16(0x63) === 0x3b4 ? 0x3b4 : 0x3d4
  }
  set crtcPort(value: number) {
    this.#set16(0x63, value)
  }
  get modeControl(): number {
    return this.#get8(0x65)
  }
  set modeControl(value: number) {
    this.#set8(0x65, value)
  }
  get cgaPalette(): number {
    return this.#get8(0x66)
  }
  set cgaPalette(value: number) {
    this.#set8(0x66, value)
  }
  get rows(): number {
    return this.#get8(0x84) + 1
  }
  set rows(value: number) {
    this.#set8(0x84, value - 1)
  }
  get charHeight(): number {
    return this.#get16(0x85) || 16
  }
  set charHeight(value: number) {
    this.#set16(0x85, value)
  }
  /** Bit 0: no cursor emulation; bits 5-6: memory; bit 7: the last mode set kept the memory. */
  get info(): number {
    return this.#get8(0x87)
  }
  set info(value: number) {
    this.#set8(0x87, value)
  }
  get switches(): number {
    return this.#get8(0x88)
  }
  set switches(value: number) {
    this.#set8(0x88, value)
  }
  /** Bit 0 VGA active, 1 grey summing, 2 mono, 3 no palette load, 4 400 lines, 7 200 lines. */
  get options(): number {
    return this.#get8(0x89)
  }
  set options(value: number) {
    this.#set8(0x89, value)
  }
  set combination(value: number) {
    this.#set8(0x8a, value)
  }

  get scanLines(): ScanLines {
    return this.options & 0x80 ? 200 : this.options & 0x10 ? 400 : 350
  }
  get definition(): VideoMode | undefined {
    return findMode(this.mode, this.scanLines)
  }
  get isText(): boolean {
    return this.definition?.model === 'text'
  }

  #get8(address: number): number {
    return this.#bytes[address - FIRST]!
  }
  #set8(address: number, value: number): void {
    this.#noteChange(address, 1)
    this.#bytes[address - FIRST] = value
  }
  #get16(address: number): number {
    return this.#view.getUint16(address - FIRST, true)
  }
  #set16(address: number, value: number): void {
    this.#noteChange(address, 2)
    this.#view.setUint16(address - FIRST, value, true)
  }
  #noteChange(address: number, bytes: number): void {
    const part = this.#parts.find(({ from, to }) => address >= from && address < to)!
    part.changedFrom = Math.min(part.changedFrom, address)
    part.changedTo = Math.max(part.changedTo, address + bytes)
  }
}

/** Answers of a length: why there is nothing, where that is not for want of text. */
const NOT_EXCHANGED = 0xffffffff
const PIECE_BYTES = 4
const NONE = new Uint8Array(0)

/**
 * Text between the clipboards of the host and of the guest, four bytes a call of the back-door port. Nothing goes either way
 * before it is allowed. A guest can take what was offered as often as it likes; of what it gives, the last text that came
 * whole stays. None of this is part of a saved state: it is the host's, and may be private.
 * @see open-vm-tools, backdoor_def.h, commands GETSELLENGTH to SETNEXTPIECE
 */
export class GuestClipboard {
  #mayTake = false
  #mayGive = false
  #offered: Uint8Array = NONE
  /** Where in it the next piece begins. */
  #read = 0
  #incoming = NONE
  #received = 0
  #given: Uint8Array | null = null
  #count = 0

  /** @param maxBytes of a text, either way */
  constructor(private readonly maxBytes: number) {}

  /** What is no longer allowed is forgotten at once. */
  allow(mayTake: boolean, mayGive: boolean): void {
    this.#mayTake = mayTake
    this.#mayGive = mayGive
    if (!mayTake) this.#offered = NONE
    if (mayGive) return
    this.#incoming = NONE
    this.#given = null
  }

  /** Lays text out for the guest, in UTF-8, in place of what was there. @returns false where that is not allowed or too long */
  offer(text: Uint8Array): boolean {
    if (!this.#mayTake || text.length > this.maxBytes) return false
    this.#offered = text
    this.#read = text.length // a transfer that is under way ends here
    return true
  }

  /** The last text that the guest gave; null when it gave none. */
  get given(): Uint8Array | null {
    return this.#given
  }

  /** How many it gave. */
  get count(): number {
    return this.#count
  }

  /** A reset guest has asked for nothing and given nothing. */
  reset(): void {
    this.#read = this.#offered.length
    this.#incoming = NONE
    this.#received = 0
  }

  /** GETSELLENGTH: begins anew to take what is offered. */
  lengthToTake(): number {
    if (!this.#mayTake) return NOT_EXCHANGED
    this.#read = 0
    return this.#offered.length
  }

  /** GETNEXTPIECE: the next four bytes, the first one lowest; zeros behind the end. */
  nextPiece(): number {
    const at = this.#read
    this.#read = Math.min(this.#offered.length, at + PIECE_BYTES)
    let piece = 0
    for (let byte = 0; byte < PIECE_BYTES; byte++) piece |= (this.#offered[at + byte] ?? 0) << (8 * byte)
    return piece >>> 0
  }

  /** SETSELLENGTH: the guest is about to give so many bytes. */
  beginGiving(length: number): number {
    const isTaken = this.#mayGive && length <= this.maxBytes
    this.#incoming = isTaken ? new Uint8Array(length) : NONE
    this.#received = 0
    return isTaken ? 0 : NOT_EXCHANGED
  }

  /** SETNEXTPIECE: four more bytes of it; those behind the length that it said are ignored. */
  takePiece(piece: number): void {
    const left = this.#incoming.length - this.#received
    if (left <= 0) return
    for (let byte = 0; byte < Math.min(PIECE_BYTES, left); byte++)
      this.#incoming[this.#received++] = (piece >>> (8 * byte)) & 0xff
    if (this.#received < this.#incoming.length) return
    this.#given = this.#incoming
    this.#incoming = NONE
    this.#count++
  }
}

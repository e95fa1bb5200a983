/** What came from a debugger (GDB manual, appendix E.1). */
export type Received =
  | { kind: 'packet'; data: Uint8Array }
  /** A byte 03h between packets: stop the guest. */
  | { kind: 'interrupt' }
  /** A packet that was damaged or too long, to be asked for again. */
  | { kind: 'damaged' }
  /** The debugger did not understand the last answer. */
  | { kind: 'resend' }

/** Longest packet taken or sent, without its frame. */
export const MAX_PACKET = 0x4000

const [START, END, ESCAPE, INTERRUPT] = [0x24, 0x23, 0x7d, 0x03]
const [ACK, NAK] = [0x2b, 0x2d]
const ESCAPED_BIT = 0x20
/** Bytes that may not stand in a packet as they are; an asterisk would begin a run length. */
const SPECIAL: ReadonlySet<number> = new Set([START, END, ESCAPE, 0x2a])

const nibble = (character: number): number => {
  const value = parseInt(String.fromCharCode(character), 16)
  return Number.isNaN(value) ? -1 : value
}

/** Takes a stream of bytes apart into packets. Holds one packet at most, whatever comes. */
export class PacketReader {
  #where: 'between' | 'inside' | 'escaped' | 'sum-high' | 'sum-low' = 'between'
  #data = new Uint8Array(MAX_PACKET)
  #length = 0
  #tooLong = false
  #sum = 0
  #sumRead = 0

  /** What the bytes complete, in order. */
  read(bytes: Uint8Array): Received[] {
    return [...bytes].map((byte) => this.#take(byte)).filter((received) => received !== null)
  }

  #take(byte: number): Received | null {
    switch (this.#where) {
      case 'between':
        if (byte === START) this.#begin()
        else if (byte === INTERRUPT) return { kind: 'interrupt' }
        else if (byte === NAK) return { kind: 'resend' }
        return null
      case 'inside':
        if (byte === START) this.#begin() // the rest of the last one was lost
        else if (byte === END) this.#where = 'sum-high'
        else {
          this.#sum = (this.#sum + byte) & 0xff
          if (byte === ESCAPE) this.#where = 'escaped'
          else this.#append(byte)
        }
        return null
      case 'escaped':
        this.#sum = (this.#sum + byte) & 0xff
        this.#append(byte ^ ESCAPED_BIT)
        this.#where = 'inside'
        return null
      case 'sum-high':
        this.#sumRead = nibble(byte)
        this.#where = 'sum-low'
        return null
      case 'sum-low': {
        this.#where = 'between'
        const low = nibble(byte)
        const whole = this.#sumRead >= 0 && low >= 0 && this.#sumRead * 16 + low === this.#sum
        if (!whole || this.#tooLong) return { kind: 'damaged' }
        return { kind: 'packet', data: this.#data.slice(0, this.#length) }
      }
    }
  }

  #begin(): void {
    this.#where = 'inside'
    this.#length = 0
    this.#sum = 0
    this.#tooLong = false
  }

  #append(byte: number): void {
    if (this.#length < MAX_PACKET) this.#data[this.#length++] = byte
    else this.#tooLong = true
  }
}

/** Puts a frame around an answer, escaping what needs it. */
export function framed(data: Uint8Array): Uint8Array {
  const bytes = [START]
  let sum = 0
  const put = (byte: number): void => {
    bytes.push(byte)
    sum = (sum + byte) & 0xff
  }
  for (const byte of data)
    if (SPECIAL.has(byte)) {
      put(ESCAPE)
      put(byte ^ ESCAPED_BIT)
    } else put(byte)
  bytes.push(END, ...Buffer.from(sum.toString(16).padStart(2, '0'), 'latin1'))
  return Uint8Array.from(bytes)
}

/** What tells the other side that a packet came through, or did not. */
export const ACKNOWLEDGED = Uint8Array.of(ACK)
export const NOT_ACKNOWLEDGED = Uint8Array.of(NAK)

// Numbers and bytes in packets.

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Null when the text is not pairs of hexadecimal digits. */
export function fromHex(text: string): Uint8Array | null {
  return /^([0-9a-f]{2})*$/i.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : null
}

/** An unsigned number of at most 32 bits, as addresses and lengths are written; null when it is none. */
export function number(text: string | undefined): number | null {
  return text !== undefined && /^[0-9a-f]{1,8}$/i.test(text) ? parseInt(text, 16) : null
}

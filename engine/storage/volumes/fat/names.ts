/** Code page 437 from 80h on. */
const UPPER =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0'
const ALLOWED = /^[A-Z0-9!#$%&'()@^_`{}~-]$/

/** Bits of the byte at 12 of an entry: base or extension is shown in small letters. */
const SMALL_BASE = 0x08
const SMALL_EXTENSION = 0x10

const decode = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : UPPER[byte - 0x80]!)).join('')

/** The name of an entry of 32 bytes, as "README.TXT". */
export function shortName(entry: Uint8Array): string {
  const raw = entry.slice(0, 11)
  if (raw[0] === 0x05) raw[0] = 0xe5 // stands for the byte that marks deleted entries
  const flags = entry[12]!
  const base = decode(raw.subarray(0, 8)).trimEnd()
  const extension = decode(raw.subarray(8)).trimEnd()
  const shown = flags & SMALL_BASE ? base.toLowerCase() : base
  const end = flags & SMALL_EXTENSION ? extension.toLowerCase() : extension
  return end === '' ? shown : `${shown}.${end}`
}

/** Of the 11 bytes of a short name, by which long names know theirs. */
export const checksumOf = (name: Uint8Array): number =>
  name.subarray(0, 11).reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)

/** A short name that says all of a name, or null: then it needs a long one too. */
export function exactShortName(name: string): Uint8Array | null {
  const [, base, extension = ''] = /^([^.]{1,8})(?:\.([^.]{1,3}))?$/.exec(name) ?? []
  if (base === undefined || ![...base, ...extension].every((letter) => ALLOWED.test(letter))) return null
  return padded(base, extension)
}

/** A short name for a long one that none of the others has: "LONGNA~1.TXT". */
export function madeShortName(name: string, isTaken: (short: Uint8Array) => boolean): Uint8Array {
  const dot = name.lastIndexOf('.')
  const allowed = (text: string): string =>
    [...text.toUpperCase()]
      .filter((letter) => letter !== ' ' && letter !== '.')
      .map((letter) => (ALLOWED.test(letter) ? letter : '_'))
      .join('')
  const base = allowed(dot > 0 ? name.slice(0, dot) : name)
  const extension = allowed(dot > 0 ? name.slice(dot + 1) : '').slice(0, 3)
  for (let number = 1; ; number++) {
    const tail = `~${number}`
    const short = padded(base.slice(0, 8 - tail.length) + tail, extension)
    if (!isTaken(short)) return short
  }
}

const padded = (base: string, extension: string): Uint8Array =>
  Uint8Array.from(base.padEnd(8) + extension.padEnd(3), (letter) => letter.charCodeAt(0))

/** Where the 13 characters of a part of a long name stand. */
const PLACES = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
export const LONG_NAME_PART = PLACES.length
export const MAX_LONG_NAME = 255

/** The characters of one entry of a long name, up to its end. */
export function longNamePart(entry: Uint8Array): string {
  const view = new DataView(entry.buffer, entry.byteOffset)
  const units = PLACES.map((at) => view.getUint16(at, true))
  const end = units.indexOf(0)
  return String.fromCharCode(...(end < 0 ? units : units.slice(0, end)))
}

/** The entries that keep a long name in front of its short one, in the order in which they stand on the disk. */
export function longNameEntries(name: string, short: Uint8Array): Uint8Array[] {
  const count = Math.ceil(name.length / LONG_NAME_PART)
  const checksum = checksumOf(short)
  return Array.from({ length: count }, (_, index) => {
    const number = count - index
    const entry = new Uint8Array(32)
    const view = new DataView(entry.buffer)
    entry[0] = number | (index === 0 ? 0x40 : 0)
    entry[11] = 0x0f
    entry[13] = checksum
    PLACES.forEach((at, place) => {
      const position = (number - 1) * LONG_NAME_PART + place
      // A zero ends the name, and the rest is filled up with ones.
      view.setUint16(
        at,
        position < name.length ? name.charCodeAt(position) : position === name.length ? 0 : 0xffff,
        true,
      )
    })
    return entry
  })
}

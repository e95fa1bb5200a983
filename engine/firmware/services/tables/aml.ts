/** A small writer of ACPI machine language: each function gives the bytes of one term. @see ACPI 1.0b, section 16 */
export type Aml = readonly number[]

const bytesOf = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0))

/** An integer in the shortest form. */
export function int(value: number): Aml {
  if (value === 0) return [0x00]
  if (value === 1) return [0x01]
  if (value < 0x100) return [0x0a, value]
  if (value < 0x10000) return [0x0b, value & 0xff, value >>> 8]
  return [0x0c, value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]
}

/** A compressed plug-and-play identifier such as PNP0A03. */
export function eisaId(id: string): Aml {
  const [a, b, c] = bytesOf(id).map((code) => code - 0x40) as [number, number, number]
  const letters = (a << 10) | (b << 5) | c
  const number = Number.parseInt(id.slice(3), 16)
  return [0x0c, letters >> 8, letters & 0xff, number >> 8, number & 0xff]
}

/** A name: segments of up to four characters, separated by dots, perhaps from the root. */
export function name(path: string): Aml {
  const root = path.startsWith('\\')
  const segments = (root ? path.slice(1) : path).split('.').filter(Boolean)
  const prefix =
    segments.length === 0
      ? [0]
      : segments.length === 1
        ? []
        : segments.length === 2
          ? [0x2e]
          : [0x2f, segments.length]
  return [
    ...(root ? [0x5c] : []),
    ...prefix,
    ...segments.flatMap((segment) => bytesOf(segment.padEnd(4, '_'))),
  ]
}

/** Package length before `body`, itself included. */
function sized(body: Aml): number[] {
  const small = body.length + 1
  if (small < 0x40) return [small, ...body]
  const extra = body.length + 2 < 0x1000 ? 1 : 2
  const total = body.length + 1 + extra
  const length = [(extra << 6) | (total & 0xf), (total >> 4) & 0xff]
  if (extra === 2) length.push((total >> 12) & 0xff)
  return [...length, ...body]
}

export const named = (path: string, value: Aml): Aml => [0x08, ...name(path), ...value]
export const scope = (path: string, ...body: Aml[]): Aml => [0x10, ...sized([...name(path), ...body.flat()])]
export const device = (path: string, ...body: Aml[]): Aml => [
  0x5b,
  0x82,
  ...sized([...name(path), ...body.flat()]),
]
export const processor = (path: string, id: number, block: number): Aml => [
  0x5b,
  0x83,
  ...sized([...name(path), id, block & 0xff, block >> 8, 0, 0, block ? 6 : 0]),
]
export const method = (path: string, args: number, ...body: Aml[]): Aml => [
  0x14,
  ...sized([...name(path), args, ...body.flat()]),
]
export const list = (...elements: Aml[]): Aml => [0x12, ...sized([elements.length, ...elements.flat()])]
export const buffer = (bytes: readonly number[]): Aml => [0x11, ...sized([...int(bytes.length), ...bytes])]
export const region = (path: string, space: number, offset: number, length: number): Aml => [
  0x5b,
  0x80,
  ...name(path),
  space,
  ...int(offset),
  ...int(length),
]
/** Byte-wide fields of a region, one after the other. */
export const byteFields = (regionPath: string, names: readonly string[]): Aml => [
  0x5b,
  0x81,
  ...sized([...name(regionPath), 1, ...names.flatMap((field) => [...name(field), 8])]),
]
export const giveBack = (value: Aml): Aml => [0xa4, ...value]
export const store = (value: Aml, target: Aml): Aml => [0x70, ...value, ...target]
export const and = (left: Aml, right: Aml, target: Aml = [0]): Aml => [0x7b, ...left, ...right, ...target]
export const or = (left: Aml, right: Aml, target: Aml = [0]): Aml => [0x7d, ...left, ...right, ...target]
export const when = (condition: Aml, ...body: Aml[]): Aml => [0xa0, ...sized([...condition, ...body.flat()])]
export const dwordField = (source: Aml, at: number, field: string): Aml => [
  0x8a,
  ...source,
  ...int(at),
  ...name(field),
]
export const ARG0: Aml = [0x68]

/** Resource descriptors, for `resources`. */
export const ioPorts = (base: number, length: number, align = 1): Aml => [
  0x47,
  1,
  base & 0xff,
  base >> 8,
  base & 0xff,
  base >> 8,
  align,
  length,
]
/** Edge-triggered: the two-byte form, since the three-byte one upsets NT 4 to XP. */
export const irqLine = (line: number): Aml => [0x22, (1 << line) & 0xff, (1 << line) >> 8]
export const dmaChannel = (channel: number): Aml => [0x2a, 1 << channel, 0]
/** Level, active high, shared. */
export const sharedInterrupts = (lines: readonly number[]): Aml => {
  const body = [0x09, lines.length, ...lines.flatMap((line) => [line, 0, 0, 0])]
  return [0x89, body.length, 0, ...body]
}
const u16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff]
const u32 = (value: number): number[] => [...u16(value), ...u16(value >>> 16)]
/** A bus's own or forwarded range. @param type 0 memory, 1 ports, 2 bus numbers */
export const wordRange = (type: number, flags: number, specific: number, min: number, max: number): Aml => [
  0x88,
  13,
  0,
  type,
  flags,
  specific,
  ...[0, min, max, 0, max - min + 1].flatMap(u16),
]
export const dwordRange = (type: number, flags: number, specific: number, min: number, max: number): Aml => [
  0x87,
  23,
  0,
  type,
  flags,
  specific,
  ...[0, min, max, 0, max - min + 1].flatMap(u32),
]
export const resources = (...descriptors: Aml[]): Aml => buffer([...descriptors.flat(), 0x79, 0])

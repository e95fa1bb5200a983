import type { Value } from './expression.ts'
import { REGISTERS, type Register } from './registers.ts'

/** A memory operand as the processor takes it. */
export interface Address {
  size: 16 | 32
  /** ModRM with the register field 0, SIB and displacement bytes. */
  bytes: number[]
  /** True for a plain offset without registers. */
  direct: boolean
  displacement: bigint
}

/** Little-endian bytes of a number. */
export function littleEndian(number: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Number((number >> BigInt(8 * index)) & 0xffn))
}

/**
 * Chooses registers, scale and the shortest displacement.
 * @param hint width in bits that the source asks for: of the displacement (8, or the address size), or of the address
 * @returns a text that says what is wrong when no addressing mode fits
 */
export function encodeAddress(value: Value, bits: 16 | 32, hint: number | null): Address | string {
  const parts: { register: Register; factor: bigint }[] = []
  for (const { name, factor } of value.registers) {
    const register = REGISTERS.get(name)
    if (register === undefined || register.class !== 'general' || register.size === 8) {
      return `${name} cannot be part of an address`
    }
    const twin = parts.find((part) => part.register === register)
    if (twin === undefined) parts.push({ register, factor })
    else twin.factor += factor
  }
  const [first] = parts
  if (first === undefined) return directAddress(value, bits, hint)
  if (parts.some((part) => part.register.size !== first.register.size)) {
    return 'an address cannot mix 16-bit and 32-bit registers'
  }
  // A label's address may change with the origin: its displacement is always whole.
  const displacement = BigInt.asIntN(first.register.size, value.number)
  const short = value.labels === 0 && value.known && displacement >= -128n && displacement <= 127n
  const wide = hint !== null && hint > 8
  return first.register.size === 16
    ? address16(parts, value, hint === 8 || (short && !wide), wide)
    : address32(parts, value, hint === 8 || (short && !wide), wide)
}

function directAddress(value: Value, bits: 16 | 32, hint: number | null): Address {
  const size = hint === 16 || hint === 32 ? hint : bits
  const bytes =
    size === 16 ? [0x06, ...littleEndian(value.number, 2)] : [0x05, ...littleEndian(value.number, 4)]
  return { size, bytes, direct: true, displacement: value.number }
}

const PAIRS_16: readonly string[] = ['bx+si', 'bx+di', 'bp+si', 'bp+di', 'si', 'di', 'bp', 'bx']

function address16(
  parts: readonly { register: Register; factor: bigint }[],
  value: Value,
  short: boolean,
  wide: boolean,
): Address | string {
  const key = parts
    .map((part) => (part.factor === 1n ? part.register.name : '?'))
    .toSorted()
    .join('+')
  const rm = PAIRS_16.indexOf(key)
  if (rm < 0) return 'no 16-bit addressing mode has these registers'
  const zero = value.number === 0n && short && !wide && rm !== 6
  const mode = zero ? 0 : short ? 1 : 2
  const bytes = [(mode << 6) | rm, ...littleEndian(value.number, mode)]
  return { size: 16, bytes, direct: false, displacement: value.number }
}

const ESP = 4
const EBP = 5

/** Base register, index register and scale exponent; -1 where there is none. */
function baseAndIndex(
  parts: readonly { register: Register; factor: bigint }[],
): [number, number, bigint] | null {
  const [a, b, ...more] = parts
  if (a === undefined || more.length > 0) return null
  if (b !== undefined) {
    // ESP cannot be an index: it takes the place of the base.
    const swap = (a.factor !== 1n && b.factor === 1n) || (b.register.number === ESP && b.factor === 1n)
    const [base, index] = swap ? [b, a] : [a, b]
    return base.factor === 1n ? [base.register.number, index.register.number, index.factor] : null
  }
  const number = a.register.number
  if (a.factor === 1n) return [number, -1, 1n]
  // x*2 is x+x, and x*3, x*5, x*9 are x+x*n: all are shorter than an index without a base.
  if ([2n, 3n, 5n, 9n].includes(a.factor)) return [number, number, a.factor - 1n]
  return [-1, number, a.factor]
}

function address32(
  parts: readonly { register: Register; factor: bigint }[],
  value: Value,
  short: boolean,
  wide: boolean,
): Address | string {
  const modes = baseAndIndex(parts)
  const scale = modes === null ? -1 : [1n, 2n, 4n, 8n].indexOf(modes[2])
  if (modes === null || scale < 0 || modes[1] === ESP) return 'no 32-bit addressing mode has these registers'
  const [base, index] = modes
  const zero = value.number === 0n && short && !wide && base !== EBP
  const mode = base < 0 || zero ? 0 : short ? 1 : 2
  const bytes: number[] = []
  if (index < 0 && base !== ESP) bytes.push((mode << 6) | base)
  else bytes.push((mode << 6) | 4, (scale << 6) | ((index < 0 ? 4 : index) << 3) | (base < 0 ? 5 : base))
  const width = base < 0 ? 4 : [0, 1, 4][mode]
  bytes.push(...littleEndian(value.number, width ?? 0))
  return { size: 32, bytes, direct: false, displacement: value.number }
}

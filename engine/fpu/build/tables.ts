/** Source text of the constants that the transcendental instructions use, computed here to 128 bits. */

/** Working precision: 64 bits more than what is kept. */
const BITS = 192n
const ONE = 1n << BITS

/** arctan(1/n) by its series. */
function arctanOfInverse(n: bigint): bigint {
  let sum = 0n
  let power = ONE / n
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += k % 4n === 1n ? power / k : -power / k
    power /= n * n
  }
  return sum
}

/** arctan(numerator / denominator) by its series, for a quotient of at most 1/2. */
function arctan(numerator: bigint, denominator: bigint): bigint {
  let sum = 0n
  let power = (ONE * numerator) / denominator
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += k % 4n === 1n ? power / k : -power / k
    power = (power * numerator * numerator) / (denominator * denominator)
  }
  return sum
}

/** ln(numerator / denominator) as 2 artanh of (n - d) / (n + d). */
function logarithm(numerator: bigint, denominator: bigint): bigint {
  const up = numerator - denominator
  const down = numerator + denominator
  let sum = 0n
  let power = (ONE * up) / down
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k
    power = (power * up * up) / (down * down)
  }
  return 2n * sum
}

function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

const PI = 4n * (4n * arctanOfInverse(5n) - arctanOfInverse(239n))
const LN2 = logarithm(2n, 1n)

/** arctan(k / 32) for k from 0 to 32; above 1/2 through the angle that is left to pi/4. */
function arctanStep(k: number): bigint {
  const n = BigInt(k)
  return k <= 16 ? arctan(n, 32n) : PI / 4n - arctan(32n - n, 32n + n)
}

/** 2^(k / 32) for k from -32 to 32. */
function powerStep(k: number): bigint {
  let root = ONE * 2n
  let power = k < 0 ? ONE / 2n : ONE
  const bits = k < 0 ? k + 32 : k
  for (let bit = 32; bit >= 1; bit >>= 1) {
    if ((bits & bit) !== 0) power = (power * root) >> BITS
    root = squareRoot(root << BITS)
  }
  return power
}

/** The reciprocal used for significands from 1 + j/64 on, in units of 1/256; exact at both ends. */
function reciprocal(j: number): number {
  if (j === 0) return 256
  return j === 63 ? 128 : Math.round(256 / (1 + (j + 0.5) / 64))
}

/** -log2 of that reciprocal, one less in the upper half, where the exponent counts one more. */
function logarithmStep(j: number): bigint {
  const log = (logarithm(256n, BigInt(reciprocal(j))) * ONE) / LN2
  const step = j >= 32 ? log - ONE : log
  return j === 0 || j === 63 ? 0n : step
}

/** Two words, upper first, of a value with `scale` bits after the point; negative ones in two's complement. */
function words(value: bigint, scale: bigint): string {
  const shift = BITS - scale
  const rounded = BigInt.asUintN(128, (value + (1n << (shift - 1n))) >> shift)
  return `0x${(rounded >> 64n).toString(16)}, 0x${(rounded & 0xffffffffffffffffn).toString(16)}`
}

function table(name: string, values: readonly bigint[], scale: bigint): string {
  return `export const ${name}: usize = memory.data<u64>([\n${values.map((value) => `  ${words(value, scale)},\n`).join('')}])\n`
}

/** Scale of a series' last terms beyond that of its first ones. */
const TAIL_SHIFT = 52n
/** Where they begin. */
const TAIL_START = 9

/** The upper words of a series' last terms, which are so small that they can be scaled up. */
function tail(name: string, term: (n: number) => bigint): string {
  const scaled = count(5).map(
    (n) => `0x${((term(TAIL_START + n) << TAIL_SHIFT) >> (BITS - 63n)).toString(16)}`,
  )
  return `export const ${name}: usize = memory.data<u64>([${scaled.join(', ')}])\n`
}

function factorial(n: number): bigint {
  let product = 1n
  for (let k = 2; k <= n; k++) product *= BigInt(k)
  return product
}

const count = (length: number): number[] => Array.from({ length }, (_, n) => n)

/**
 * Series have 127 bits after the point (so that 1 fits), angles 126, logarithms 112, powers of two 126; the
 * names say what of. LN2 and LOG2_E fill all 128 bits: below 1 and below 2.
 */
export function fpuTables(): string {
  const sine = (n: number): bigint => ONE / factorial(2 * n + 1)
  const cosine = (n: number): bigint => ONE / factorial(2 * n)
  return [
    table('SIN_SERIES', count(TAIL_START).map(sine), 127n),
    table('COS_SERIES', count(TAIL_START).map(cosine), 127n),
    tail('SIN_TAIL', sine),
    tail('COS_TAIL', cosine),
    `export const TAIL_SHIFT: u64 = ${TAIL_SHIFT}\n`,
    table(
      'ODD_SERIES',
      count(12).map((n) => ONE / BigInt(2 * n + 1)),
      127n,
    ),
    table(
      'EXP_SERIES',
      count(15).map((n) => ONE / factorial(n + 1)),
      127n,
    ),
    table('ARCTAN_STEPS', count(33).map(arctanStep), 126n),
    table(
      'POWER_STEPS',
      count(65).map((n) => powerStep(n - 32)),
      126n,
    ),
    table('LOG_STEPS', count(64).map(logarithmStep), 112n),
    `export const RECIPROCALS: usize = memory.data<u16>([${count(64).map(reciprocal).join(', ')}])\n`,
    table('PI', [PI], 126n),
    table('LN2', [LN2], 128n),
    table('LOG2_E', [(ONE * ONE) / LN2], 127n),
  ].join('')
}

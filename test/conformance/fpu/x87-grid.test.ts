import { afterAll, describe, expect, it } from 'vitest'
import { loadFpu } from '../../../engine/fpu/fpu.ts'
import { compileOracle } from './oracle.ts'
import { Random } from './random.ts'
import { hideUndefined } from './undefined.ts'
import { EXACT_INSTRUCTIONS, type X87Instruction } from './x87-decode.ts'
import {
  RECORD_BYTES,
  REGISTERS,
  describeDifference,
  directExecutor,
  fillRecord,
  runRecord,
  setState,
} from './x87-records.ts'

/*
 * The values at which arithmetic changes its ways, each with each, under every precision and rounding: what
 * TestFloat's levels do for other formats. A part of the controls in a usual run, all with FPU_GRID=full.
 */

const FULL = process.env['FPU_GRID'] === 'full'
const ONE = 0x3fff
const TOP = 1n << 63n

/** Significand and biased exponent. */
const EDGES: readonly (readonly [sig: bigint, exponent: number])[] = [
  [0n, 0],
  // Denormal, the least and the greatest; with the leading bit all the same.
  [1n, 0],
  [TOP - 1n, 0],
  [TOP, 0],
  [TOP | 1n, 0],
  [TOP, 1],
  [(1n << 64n) - 1n, 1],
  // About one.
  [(1n << 64n) - 1n, ONE - 1],
  [TOP, ONE],
  [TOP | 1n, ONE],
  [0xaaaaaaaaaaaaaaabn, ONE - 2],
  [TOP, ONE - 1],
  [0xc000000000000000n, ONE],
  [0xc000000000000000n, ONE + 1],
  // Halves between integers, and the ends of the integer formats.
  [0xa000000000000000n, ONE + 1],
  [0xffff000000000000n, ONE + 14],
  [0xffff800000000000n, ONE + 14],
  [0xffffffff00000000n, ONE + 30],
  [(1n << 64n) - 1n, ONE + 62],
  [TOP, ONE + 63],
  [0xde0b6b3a763ffff0n, ONE + 59],
  // Between neighbours of single and of double precision, just below and above the middle.
  [0x8000008000000000n, ONE],
  [0x8000007fffffffffn, ONE + 3],
  [0x8000000000000400n, ONE],
  [0x80000000000003ffn, ONE + 7],
  // The ends of their ranges.
  [0xffffff0000000000n, ONE + 127],
  [0xffffff8000000000n, ONE + 127],
  [TOP, ONE - 126],
  [TOP, ONE - 149],
  [0xfffffffffffff800n, ONE + 1023],
  [TOP, ONE - 1022],
  [TOP, ONE - 1075],
  [(1n << 64n) - 1n, 0x7ffe],
  [TOP, 0x7ffe],
  // Infinity, quiet and signalling NaN, and what no longer exists: pseudo-infinity, pseudo-NaN, unnormal.
  [TOP, 0x7fff],
  [TOP | (1n << 62n), 0x7fff],
  [TOP | 1n, 0x7fff],
  [0n, 0x7fff],
  [1n, 0x7fff],
  [1n << 62n, ONE],
]
const VALUES = EDGES.flatMap(([sig, exponent]) => [
  { sig, se: exponent },
  { sig, se: exponent | 0x8000 },
])
/** Precision (24, 53, 64 bits) and rounding, everything masked. */
const CONTROLS = [0, 2, 3].flatMap((precision) =>
  [0, 1, 2, 3].map((rounding) => 0x7f | (precision << 8) | (rounding << 10)),
)

const named = (pattern: RegExp): X87Instruction[] =>
  EXACT_INSTRUCTIONS.filter(({ name }) => pattern.test(name))
const BINARY = named(
  /^(f(add|sub|subr|mul|div|divr|com|ucom|comi|ucomi) st(,st)?1|fsubp st1,st|fdivp st1,st|fprem1?|fscale)$/,
)
const UNARY = named(/^(fsqrt|frndint|fxtract|fxam|ftst|fst m\d+|fstp m80|fist m\d+|fistp m64|fbstp)$/)

const oracle = compileOracle('x87-oracle.c')
if (typeof oracle === 'string' && process.env['CI'] !== undefined)
  throw new Error(`x87 conformance cannot run: ${oracle}`)

describe.skipIf(typeof oracle === 'string')('x87 at its edges, against the host processor', () => {
  afterAll(() => {
    if (typeof oracle !== 'string') oracle.dispose()
  })

  it('agrees for every pair of edge values', () => {
    if (typeof oracle === 'string') return
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true })
    const executor = directExecutor(loadFpu(memory), new DataView(memory.buffer))
    const random = new Random(1)
    const differences: string[] = []
    let count = 0

    function compare(
      instruction: X87Instruction,
      records: { st0: number; st1: number; control: number }[],
    ): void {
      const input = new DataView(new ArrayBuffer(RECORD_BYTES * records.length))
      records.forEach(({ st0, st1, control }, n) => {
        const at = n * RECORD_BYTES
        fillRecord(input, at, instruction, random)
        // Six registers are in use, ST(6) and ST(7) are empty.
        setState(input, at, { control, status: 2 << 11, tags: 0b11111100 })
        ;[VALUES[st0]!, VALUES[st1]!].forEach(({ sig, se }, i) => {
          input.setBigUint64(at + REGISTERS + i * 10, sig, true)
          input.setUint16(at + REGISTERS + i * 10 + 8, se, true)
        })
      })
      count += records.length
      const bytes = new Uint8Array(input.buffer)
      const theirs = (oracle as Exclude<typeof oracle, string>).run(bytes)
      const output = new DataView(bytes.slice().buffer)
      const ours = new Uint8Array(output.buffer)
      for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
        runRecord(executor, input, output, at, instruction)
        hideUndefined(theirs, instruction, at)
        hideUndefined(ours, instruction, at)
        const end = at + RECORD_BYTES
        if (Buffer.compare(ours.subarray(at, end), theirs.subarray(at, end)) === 0) continue
        const silicon = new DataView(theirs.buffer, theirs.byteOffset, theirs.length)
        if (differences.length < 20)
          differences.push(`${instruction.name}\n${describeDifference(input, silicon, output, at)}`)
      }
    }

    let turn = 0
    const controls = (): number[] => (FULL ? CONTROLS : [CONTROLS[turn++ % 12]!, CONTROLS[(turn * 5) % 12]!])
    for (const instruction of UNARY)
      compare(
        instruction,
        VALUES.flatMap((_, st0) => CONTROLS.map((control) => ({ st0, st1: 0, control }))),
      )
    for (const instruction of BINARY)
      for (let st0 = 0; st0 < VALUES.length; st0 += 20)
        compare(
          instruction,
          VALUES.slice(st0, st0 + 20).flatMap((_, i) =>
            VALUES.flatMap((_value, st1) => controls().map((control) => ({ st0: st0 + i, st1, control }))),
          ),
        )
    console.log(
      `${count} of ${BINARY.length + UNARY.length} instructions with ${VALUES.length} values and ${CONTROLS.length} controls`,
    )
    expect(differences.join('\n')).toBe('')
  })
})

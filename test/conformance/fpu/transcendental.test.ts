import { afterAll, describe, expect, it } from 'vitest'
import { loadFpu } from '../../../engine/fpu/fpu.ts'
import { compileOracle } from './oracle.ts'
import { Random } from './random.ts'
import { TRANSCENDENTAL_INSTRUCTIONS } from './x87-decode.ts'
import { RECORD_BYTES, REGISTERS, STATUS, describeDifference, fillRecord, runRecord } from './x87-records.ts'

const VECTORS = Number(process.env['FPU_VECTORS'] ?? 60_000)
const SEED = Number(process.env['FPU_SEED'] ?? 1)
const ONLY = process.env['FPU_ONLY']
const BATCH = 20_000
const TOP = 1n << 63n

const oracle = compileOracle('x87-oracle.c')
if (typeof oracle === 'string') {
  console.log(`x87 transcendental conformance skipped: ${oracle}`)
  if (process.env['CI'] !== undefined) throw new Error(`x87 conformance cannot run: ${oracle}`)
}

/** Arguments in the range that the instruction is made for. */
function fillArguments(view: DataView, at: number, name: string, random: Random): void {
  const put = (i: number, exponent: number, negative: boolean, sig = random.significand() | TOP) => {
    view.setBigUint64(at + REGISTERS + 10 * i, sig, true)
    view.setUint16(at + REGISTERS + 10 * i + 8, (negative ? 0x8000 : 0) | (0x3fff + exponent), true)
  }
  const sign = () => random.chance(2)
  if (name === 'f2xm1') put(0, -1 - random.below(random.chance(2) ? 8 : 70), sign())
  else if (name === 'fyl2x') put(0, random.chance(2) ? random.below(3) - 1 : random.below(200) - 100, false)
  else if (name === 'fyl2xp1') {
    const exponent = -2 - random.below(random.chance(2) ? 8 : 70)
    // 1 - sqrt(1/2) = 0.2929
    const sig = random.significand() | TOP
    put(0, exponent, sign(), exponent === -2 && sig > 0x95f6196000000000n ? TOP | (sig >> 4n) : sig)
  } else if (name === 'fpatan') put(0, random.below(12) - 6, sign())
  else put(0, random.chance(2) ? random.below(8) - 6 : random.below(130) - 70, sign())
  if (name.startsWith('fy') || name === 'fpatan') put(1, random.below(12) - 6, sign())
}

/** Distance of two results in units of the last place; large for anything but neighbours. */
function distance(a: DataView, b: DataView, at: number): number {
  const value = (view: DataView) => {
    const se = view.getUint16(at + 8, true)
    const magnitude = (BigInt(se & 0x7fff) << 63n) + (view.getBigUint64(at, true) & (TOP - 1n))
    return (se & 0x8000) !== 0 ? -magnitude : magnitude
  }
  const difference = value(a) - value(b)
  return Number(difference < 0n ? -difference : difference)
}

describe.skipIf(typeof oracle === 'string')('x87 transcendental instructions against the host processor', () => {
  afterAll(() => {
    if (typeof oracle !== 'string') oracle.dispose()
  })

  it('agrees to one unit in the last place, and in every flag', () => {
    if (typeof oracle === 'string') return
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true })
    const fpu = loadFpu(memory)
    const state = new DataView(memory.buffer)
    const random = new Random(SEED)
    const instructions = TRANSCENDENTAL_INSTRUCTIONS.filter(({ name }) => ONLY === undefined || name === ONLY)
    const differences = new Map<string, { count: number; example: string }>()
    const spread = new Map<string, [same: number, one: number]>()
    for (let done = 0; done < VECTORS; done += BATCH) {
      const input = new DataView(new ArrayBuffer(RECORD_BYTES * BATCH))
      const chosen = Array.from({ length: BATCH }, (_, n) => {
        const instruction = instructions[random.below(instructions.length)]
        if (instruction === undefined) throw new Error('no instruction')
        fillRecord(input, n * RECORD_BYTES, instruction, random)
        if (!random.chance(4)) fillArguments(input, n * RECORD_BYTES, instruction.name, random)
        return instruction
      })
      const bytes = new Uint8Array(input.buffer)
      const theirs = oracle.run(bytes).slice()
      const host = new DataView(theirs.buffer)
      const output = new DataView(bytes.slice().buffer)
      const ours = new Uint8Array(output.buffer)
      for (const [n, instruction] of chosen.entries()) {
        const at = n * RECORD_BYTES
        runRecord(fpu, state, input, output, at, instruction)
        // Neighbouring results round in different directions: take over the host's, with its C1.
        for (const register of [at + REGISTERS, at + REGISTERS + 10]) {
          const units = distance(output, host, register)
          if (units > 1) continue
          if (units === 1) ours.set(theirs.subarray(register, register + 10), register)
          const counts = spread.get(instruction.name) ?? [0, 0]
          counts[units]!++
          spread.set(instruction.name, counts)
        }
        const inexact = (host.getUint16(at + STATUS, true) & 0x20) !== 0
        if (inexact) {
          const c1 = host.getUint16(at + STATUS, true) & 0x200
          output.setUint16(at + STATUS, (output.getUint16(at + STATUS, true) & ~0x200) | c1, true)
        }
        if (Buffer.compare(ours.subarray(at, at + RECORD_BYTES), theirs.subarray(at, at + RECORD_BYTES)) === 0) continue
        const known = differences.get(instruction.name)
        const example = describeDifference(input, host, output, at)
        if (known === undefined) differences.set(instruction.name, { count: 1, example })
        else {
          known.count++
          if (known.count <= Number(process.env['FPU_EXAMPLES'] ?? 2)) known.example += `\n${example}`
        }
      }
    }
    for (const [name, [same, one]] of spread)
      console.log(`${name}: ${same} results equal, ${one} one unit away (${((100 * one) / (same + one)).toFixed(3)} %)`)
    const report = [...differences].map(([name, { count, example }]) => `${name}: ${count}\n${example}`).join('\n')
    expect(report).toBe('')
  })
})

import { afterAll, describe, expect, it } from 'vitest'
import { loadFpu } from '../../../engine/fpu/fpu.ts'
import { compileOracle } from './oracle.ts'
import { Random } from './random.ts'
import { EXACT_INSTRUCTIONS, type X87Instruction } from './x87-decode.ts'
import { MEMORY, RECORD_BYTES, STATUS, describeDifference, fillRecord, runRecord } from './x87-records.ts'

const VECTORS = Number(process.env['FPU_VECTORS'] ?? 300_000)
const SEED = Number(process.env['FPU_SEED'] ?? 1)
const ONLY = process.env['FPU_ONLY']
const BATCH = 20_000

const oracle = compileOracle('x87-oracle.c')
if (typeof oracle === 'string') {
  console.log(`x87 conformance skipped: ${oracle}`)
  if (process.env['CI'] !== undefined) throw new Error(`x87 conformance cannot run: ${oracle}`)
}

/** Makes equal what processors are free to differ in. */
function hideUndefined(record: Uint8Array, { name, stores, pointers }: X87Instruction, at: number): void {
  // The SDM has FCOMI and its kin clear C1; the processors of AMD leave it as it was.
  if (/^fu?comi/.test(name)) record[at + STATUS + 1] = (record[at + STATUS + 1] ?? 0) & ~2
  if (pointers !== undefined && stores) record.fill(0, at + MEMORY + pointers[0], at + MEMORY + pointers[1])
}

describe.skipIf(typeof oracle === 'string')('x87 against the host processor', () => {
  afterAll(() => {
    if (typeof oracle !== 'string') oracle.dispose()
  })

  it('agrees in registers, status, tags, flags and memory', () => {
    if (typeof oracle === 'string') return
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true })
    const fpu = loadFpu(memory)
    const state = new DataView(memory.buffer)
    const random = new Random(SEED)
    const instructions = EXACT_INSTRUCTIONS.filter(({ name }) => ONLY === undefined || name.startsWith(ONLY))
    const differences = new Map<string, { count: number; example: string }>()
    for (let done = 0; done < VECTORS; done += BATCH) {
      const input = new DataView(new ArrayBuffer(RECORD_BYTES * BATCH))
      const chosen = Array.from({ length: BATCH }, (_, n) => {
        const instruction = instructions[random.below(instructions.length)]
        if (instruction === undefined) throw new Error('no instruction')
        fillRecord(input, n * RECORD_BYTES, instruction, random)
        return instruction
      })
      const bytes = new Uint8Array(input.buffer)
      const theirs = oracle.run(bytes)
      const output = new DataView(bytes.slice().buffer)
      const ours = new Uint8Array(output.buffer)
      for (const [n, instruction] of chosen.entries()) {
        const at = n * RECORD_BYTES
        runRecord(fpu, state, input, output, at, instruction)
        hideUndefined(theirs, instruction, at)
        hideUndefined(ours, instruction, at)
        if (Buffer.compare(ours.subarray(at, at + RECORD_BYTES), theirs.subarray(at, at + RECORD_BYTES)) === 0) continue
        const name = instruction.name.replace(/\d$/, '').replace(/st\d/, 'sti')
        const known = differences.get(name)
        if (known !== undefined) known.count++
        else {
          const silicon = new DataView(theirs.buffer, theirs.byteOffset, theirs.length)
          const example = describeDifference(input, silicon, output, at)
          differences.set(name, { count: 1, example })
        }
      }
    }
    const report = [...differences].map(([name, { count, example }]) => `${name}: ${count}\n${example}`).join('\n')
    expect(report).toBe('')
  })
})

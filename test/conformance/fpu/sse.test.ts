import { afterAll, describe, expect, it } from 'vitest'
import { loadFpu } from '../../../engine/fpu/fpu.ts'
import { compileOracle } from './oracle.ts'
import { Random } from './random.ts'
import { SSE_INSTRUCTIONS } from './sse-decode.ts'
import { SSE_RECORD_BYTES, describeSseDifference, fillSseRecord, runSseRecord } from './sse-records.ts'

const VECTORS = Number(process.env['FPU_VECTORS'] ?? 300_000)
const SEED = Number(process.env['FPU_SEED'] ?? 1)
const ONLY = process.env['FPU_ONLY']
const BATCH = 20_000

const oracle = compileOracle('sse-oracle.c')
if (typeof oracle === 'string') {
  console.log(`SSE conformance skipped: ${oracle}`)
  if (process.env['CI'] !== undefined) throw new Error(`SSE conformance cannot run: ${oracle}`)
}

describe.skipIf(typeof oracle === 'string')('SSE and SSE2 against the host processor', () => {
  afterAll(() => {
    if (typeof oracle !== 'string') oracle.dispose()
  })

  it('agrees in registers, MXCSR, EFLAGS and exceptions', () => {
    if (typeof oracle === 'string') return
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true })
    const fpu = loadFpu(memory)
    const state = new DataView(memory.buffer)
    const random = new Random(SEED)
    const instructions = SSE_INSTRUCTIONS.filter(({ name }) => ONLY === undefined || name.startsWith(ONLY))
    const differences = new Map<string, { count: number; example: string }>()
    for (let done = 0; done < VECTORS; done += BATCH) {
      const input = new DataView(new ArrayBuffer(SSE_RECORD_BYTES * BATCH))
      const chosen = Array.from({ length: BATCH }, (_, n) => {
        const instruction = instructions[random.below(instructions.length)]
        if (instruction === undefined) throw new Error('no instruction')
        fillSseRecord(input, n * SSE_RECORD_BYTES, instruction, random)
        return instruction
      })
      const bytes = new Uint8Array(input.buffer)
      const theirs = oracle.run(bytes).slice()
      const host = new DataView(theirs.buffer)
      const output = new DataView(bytes.slice().buffer)
      const ours = new Uint8Array(output.buffer)
      for (const [n, instruction] of chosen.entries()) {
        const at = n * SSE_RECORD_BYTES
        runSseRecord(fpu, state, input, output, at, instruction)
        const end = at + SSE_RECORD_BYTES
        if (Buffer.compare(ours.subarray(at, end), theirs.subarray(at, end)) === 0) continue
        const example = describeSseDifference(input, host, output, at)
        const known = differences.get(instruction.name)
        if (known === undefined) differences.set(instruction.name, { count: 1, example })
        else {
          known.count++
          if (known.count <= Number(process.env['FPU_EXAMPLES'] ?? 1)) known.example += `\n${example}`
        }
      }
    }
    const report = [...differences].map(([name, { count, example }]) => `${name}: ${count}\n${example}`).join('\n')
    expect(report).toBe('')
  })
})

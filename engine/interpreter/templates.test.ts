import { describe, expect, it } from 'vitest'
import { GuestMemory } from '../memory/guest-memory.ts'
import { Decoder } from '../isa/decoder.ts'
import { buildOpcodeTable } from '../isa/encoding.ts'
import { describeAll } from '../isa/index.ts'
import { RECORDS } from '../isa/state.ts'
import { CPU_MODELS } from '../vcpu/model.ts'
import { encodeRecord } from './encode-record.ts'
import { allForms, formKey, formOf } from './form.ts'
import { Handler, RECORD_BYTES } from './record.ts'
import { Templates } from './templates.ts'

const table = buildOpcodeTable(describeAll(), CPU_MODELS.max.features)
const handlers = new Map([...allForms(table).keys()].map((key, i) => [key, i + Handler.FIRST_INSTRUCTION]))
const PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]

/** Reproducible: a linear congruential generator (Numerical Recipes). */
function randomBytes(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  }
}

function setUp() {
  const memory = new GuestMemory(1)
  const decoder = new Decoder(table)
  return { memory, decoder, templates: new Templates(memory, table, decoder, handlers) }
}

const hex = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex')

const modes = [false, true].flatMap((code32) =>
  [false, true].flatMap((stack32) =>
    [false, true].map((flat) => ({ code32, stack32, flat, limitedFrom: flat ? 8 : 2 }) as const),
  ),
)

describe('templates', () => {
  it('make the records that decoding makes, of any bytes in any mode', () => {
    const { memory, decoder, templates } = setUp()
    const random = randomBytes(1)
    const expected = new DataView(new ArrayBuffer(RECORD_BYTES))
    const code = new Uint8Array(20)
    let valid = 0
    const different: string[] = []
    for (let i = 0; i < 100_000; i++) {
      for (let at = 0; at < code.length; at++) code[at] = random()
      let at = 0
      while (random() < 90 && at < 6) code[at++] = PREFIXES[random() % PREFIXES.length]!
      if (random() < 70) code[at] = 0x0f
      const mode = modes[random() & 7]!
      const end = random() < 20 ? random() % 16 : code.length
      const offset = random() * 15
      const instruction = decoder.decode(code, 0, end, mode)
      const made = templates.encode(code, 0, end, mode, RECORDS, offset)
      if (typeof instruction === 'string') {
        if (made) different.push(`${hex(code)}: ${instruction}`)
        continue
      }
      valid++
      const handler = handlers.get(formKey(formOf(instruction, mode.flat)))!
      encodeRecord(expected, 0, instruction, { handler, offset })
      const record = memory.bytes.subarray(RECORDS, RECORDS + RECORD_BYTES)
      if (!made || templates.length !== instruction.length || hex(record) !== hex(expected))
        different.push(`${hex(code)}: ${hex(record)}, not ${hex(expected)}`)
    }
    expect(different).toEqual([])
    expect(valid).toBeGreaterThan(30_000)
  })

  it('say where a straight run ends', () => {
    const { templates } = setUp()
    const mode = { code32: true, stack32: true, flat: true, limitedFrom: 8 } as const
    expect(templates.encode(Uint8Array.of(0xc3), 0, 1, mode, RECORDS, 0)).toBe(true)
    expect(templates.leaves).toBe(true)
    expect(templates.encode(Uint8Array.of(0x75, 0), 0, 2, mode, RECORDS, 0)).toBe(true)
    expect(templates.leaves).toBe(false)
  })
})

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** Registers in the order of a recording's mask. */
const NAMES = 'ax bx cx dx cs ss ds es sp bp si di ip flags'.split(' ') as (keyof RecordedRegisters)[]

export type RecordedRegisters = Record<
  'ax' | 'bx' | 'cx' | 'dx' | 'cs' | 'ss' | 'ds' | 'es' | 'sp' | 'bp' | 'si' | 'di' | 'ip' | 'flags',
  number
>

/** Registers that are known, and bytes of memory by physical address. */
export interface RecordedState {
  registers: Partial<RecordedRegisters>
  memory: readonly (readonly [address: number, value: number])[]
}

/** What one instruction did on silicon. */
export interface Recording {
  index: number
  name: string
  code: Uint8Array
  before: RecordedState
  /** What has changed. */
  after: RecordedState
  /** The exception that it ended in; -1 without one, and where that is not told. */
  vector: number
}

/**
 * The recordings of a file of SingleStepTests: chunks of a type in four letters, a length and data, as the page about
 * the format says (github.com/dbalsom/moo).
 */
export function* readRecordings(path: string): Generator<Recording> {
  const bytes = gunzipSync(readFileSync(path))
  for (const [type, data] of chunks(bytes)) if (type === 'TEST') yield recording(data)
}

function* chunks(bytes: Buffer): Generator<[type: string, data: Buffer]> {
  for (let at = 0; at < bytes.length;) {
    const data = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4))
    yield [bytes.toString('latin1', at, at + 4), data]
    at += 8 + data.length
  }
}

function recording(test: Buffer): Recording {
  const parts = new Map(chunks(test.subarray(4)))
  const counted = (type: string): Buffer => {
    const data = parts.get(type)!
    return data.subarray(4, 4 + data.readUInt32LE(0))
  }
  return {
    index: test.readUInt32LE(0),
    name: counted('NAME').toString('latin1'),
    code: counted('BYTS'),
    before: stateOf(parts.get('INIT')!),
    after: stateOf(parts.get('FINA')!),
    vector: parts.get('EXCP')?.[0] ?? -1,
  }
}

function stateOf(data: Buffer): RecordedState {
  const parts = new Map(chunks(data))
  const [registers, memory] = [parts.get('REGS')!, parts.get('RAM ')!]
  const mask = registers.readUInt16LE(0)
  const present = NAMES.filter((_, i) => mask & (1 << i))
  return {
    registers: Object.fromEntries(present.map((name, i) => [name, registers.readUInt16LE(2 + 2 * i)])),
    memory: Array.from({ length: memory.readUInt32LE(0) }, (_, i) => [
      memory.readUInt32LE(4 + 5 * i),
      memory[8 + 5 * i]!,
    ]),
  }
}

/** A bit is 1 where the flag means something after the opcode, by the list that comes with the recordings. */
export function definedFlags(listPath: string): (opcode: string) => number {
  const { opcodes } = JSON.parse(readFileSync(listPath, 'utf8')) as { opcodes: Record<string, ListedOpcode> }
  return (opcode) => {
    const [first, digit] = opcode.split('.')
    const listed = opcodes[first!]
    return (digit === undefined ? listed : (listed?.reg?.[digit] ?? listed))?.['flags-mask'] ?? 0xffff
  }
}

interface ListedOpcode {
  'flags-mask'?: number
  reg?: Record<string, ListedOpcode>
}

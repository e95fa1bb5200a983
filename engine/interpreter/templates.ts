import type { GuestMemory } from '../memory/guest-memory.ts'
import { type CodeMode, type Decoder, hasEscape, type Instruction, SEGMENT_PREFIX } from '../isa/decoder.ts'
import type { OpcodeTable } from '../isa/encoding.ts'
import { encodeRecord } from './encode-record.ts'
import { type Form, formKey, formOf } from './form.ts'
import { RECORD_BYTES, Record } from './record.ts'

const WORDS = RECORD_BYTES / 4
/** A program needs a few thousand; one that makes up more starts from nothing now and then. */
const MAX_TEMPLATES = 30_000

/** Words of a record that are filled in. */
const LENGTH_SHIFT = 8 * Record.LENGTH
const DISPLACEMENT_WORD = Record.DISPLACEMENT / 4
const IMMEDIATE_WORD = Record.IMMEDIATE / 4
const LINK_WORD = Record.LINK / 4
const PAGE_OFFSET_WORD = (Record.PAGE_OFFSET & ~3) / 4

/** A number in the code, and the word of the record that it goes to. */
interface Value {
  bytes: number
  /** Bits that are kept of the sign-extended number. */
  mask: number
  word: number
}

/**
 * The record of an instruction but for the numbers in its code and its place: all that prefixes, opcode,
 * ModRM and SIB bytes decide.
 */
interface Template {
  words: Int32Array
  /** Bytes from the opcode to the SIB byte. */
  head: number
  displacement: Value | null
  /** Added to the displacement (see POP). */
  bias: number
  values: readonly Value[]
  relative: boolean
  /** Bytes from the opcode on. */
  length: number
  handler: number
  /** Handlers by class of the immediate, where that decides; else null. */
  split: ((immediate: number) => number) | null
  /** True when nothing behind it is reached by running on. */
  leaves: boolean
}

type Row = Template | (Template | (Template | undefined)[] | undefined)[]

/** Ends a straight run for good. */
const LEAVES: ReadonlySet<string> = new Set([
  'JMP',
  'JMPI',
  'RET',
  'RETF',
  'IRET',
  'JMPF',
  'JMPFI',
  'HLT',
  'UD2',
])

/** What decoding depends on besides the bytes. */
export interface TemplateMode extends CodeMode {
  flat: boolean
}

/**
 * Makes records from bytes without decoding anew what was decoded before: instructions that differ in their
 * numbers only share a template.
 */
export class Templates {
  #contexts: (Row | undefined)[][] = []
  #count = 0
  readonly #hasModrm: readonly boolean[]
  /** By byte: bits of the context that a prefix leaves alone, 0 for what is no prefix of this processor. */
  readonly #prefixClears: Int32Array
  readonly #hasEscape: boolean
  readonly #words: Int32Array
  /** Of the instruction encoded last: its length, its handler, and whether a straight run ends with it. */
  length = 0
  handler = 0
  leaves = false

  constructor(
    memory: GuestMemory,
    table: OpcodeTable,
    private readonly decoder: Decoder,
    private readonly handlers: ReadonlyMap<string, number>,
  ) {
    this.#words = new Int32Array(memory.wasm.buffer)
    this.#hasModrm = table.map((row) => row.some(({ hasModrm }) => hasModrm))
    this.#prefixClears = PREFIX_CLEARS.map((clears, byte) => (table[byte]!.length === 0 ? clears : 0))
    this.#hasEscape = hasEscape(table)
  }

  /**
   * Writes the record of the instruction at `at`, whose last byte must lie before `end`, to the linear-memory
   * address `to`. False when the bytes are no whole, valid instruction; nothing is written then.
   */
  encode(
    bytes: Uint8Array,
    at: number,
    end: number,
    mode: TemplateMode,
    to: number,
    offset: number,
  ): boolean {
    const words = this.#words
    const record = to >> 2
    const limit = Math.min(end, at + this.decoder.maxLength)
    let context =
      (mode.code32 ? 1 : 0) |
      (mode.stack32 ? 2 : 0) |
      (mode.flat ? 4 : 0) |
      ((mode.limitedFrom >> 2) << LIMITED_SHIFT)
    let opcodeAt = at
    let opcode = 0
    for (; opcodeAt < limit; opcodeAt++) {
      opcode = bytes[opcodeAt]!
      const prefix = this.#prefixClears[opcode]!
      if (prefix === 0) break
      context = (context & prefix) | PREFIX_SETS[opcode]!
    }
    let next = opcodeAt + 1
    if (opcode === 0x0f && this.#hasEscape && next < limit) {
      opcode = 0x100 + bytes[next++]!
      if (opcode === 0x138 && next < limit) opcode = 0x200 + bytes[next++]!
      else if (opcode === 0x13a && next < limit) opcode = 0x300 + bytes[next++]!
    }
    if (next > limit) return false
    const template =
      this.#known(context, opcode, bytes, next, limit) ??
      this.#learn(context, opcode, bytes, { at, opcodeAt, next, end, mode })
    if (!template) return false
    const prefixes = opcodeAt - at
    const length = prefixes + template.length
    if (at + length > limit) return false
    for (let i = 0; i < WORDS; i++) words[record + i] = template.words[i]!
    let from = opcodeAt + template.head
    const { displacement } = template
    if (displacement) {
      words[record + DISPLACEMENT_WORD] =
        (number(bytes, from, displacement.bytes) & displacement.mask) + template.bias
      from += displacement.bytes
    }
    let { handler } = template
    for (const { bytes: count, mask, word } of template.values) {
      const value = number(bytes, from, count) & mask
      words[record + word] = template.relative ? offset + length + value : value
      if (template.split) handler = template.split(value)
      from += count
    }
    words[record] = (words[record]! & 0xff000000) | (length << LENGTH_SHIFT) | handler
    words[record + PAGE_OFFSET_WORD] = (words[record + PAGE_OFFSET_WORD]! & ~0xffff) | offset
    this.length = length
    this.handler = handler
    this.leaves = template.leaves
    return true
  }

  #known(
    context: number,
    opcode: number,
    bytes: Uint8Array,
    next: number,
    limit: number,
  ): Template | undefined {
    const row = this.#contexts[context]?.[opcode]
    if (!Array.isArray(row)) return row
    if (next >= limit) return undefined
    const entry = row[bytes[next]!]
    if (!Array.isArray(entry)) return entry
    return next + 1 < limit ? entry[bytes[next + 1]!] : undefined
  }

  #learn(
    context: number,
    opcode: number,
    bytes: Uint8Array,
    place: { at: number; opcodeAt: number; next: number; end: number; mode: TemplateMode },
  ): Template | null {
    const { at, opcodeAt, next, end, mode } = place
    const instruction = this.decoder.decode(bytes, at, end, mode)
    if (typeof instruction === 'string') return null
    if (++this.#count > MAX_TEMPLATES) {
      this.#contexts = []
      this.#count = 0
    }
    const template = this.#make(instruction, opcodeAt - at, mode.flat)
    const rows = (this.#contexts[context] ??= Array.from({ length: 0x400 }))
    if (!this.#hasModrm[opcode]) rows[opcode] = template
    else {
      const row = (rows[opcode] ??= []) as (Template | (Template | undefined)[] | undefined)[]
      const modrm = bytes[next]!
      const prefixed = (context & ADDRESS_SIZE) !== 0
      // Wherever a SIB byte may stand, the byte there takes part.
      if (mode.code32 !== prefixed && modrm < 0xc0 && (modrm & 7) === 4 && next + 1 < end)
        ((row[modrm] ??= []) as (Template | undefined)[])[bytes[next + 1]!] = template
      else row[modrm] = template
    }
    return template
  }

  #make(instruction: Instruction, prefixes: number, flat: boolean): Template {
    const form = formOf(instruction, flat)
    const words = new Int32Array(WORDS)
    encodeRecord(new DataView(words.buffer), 0, instruction, { handler: 0, offset: 0 })
    let displacement: Value | null = null
    let bias = 0
    let immediates = 0
    let relative = false
    const values: Value[] = []
    for (const operand of instruction.operands) {
      if (operand.kind === 'memory' && operand.displacementBytes > 0) {
        const mask = operand.zeroExtended ? 0xffff : -1
        displacement = { bytes: operand.displacementBytes, mask, word: DISPLACEMENT_WORD }
      }
      if (operand.kind === 'memory') bias = operand.bias
      if (operand.kind === 'relative') {
        relative = true
        values.push({ bytes: operand.bytes, mask: -1, word: IMMEDIATE_WORD })
      }
      if (operand.kind === 'immediate') {
        const word = immediates++ === 0 ? IMMEDIATE_WORD : LINK_WORD
        if (operand.bytes > 0) values.push({ bytes: operand.bytes, mask: operand.mask, word })
      }
    }
    const numbers = (displacement?.bytes ?? 0) + values.reduce((sum, { bytes }) => sum + bytes, 0)
    const length = instruction.length - prefixes
    return {
      words,
      head: length - numbers,
      displacement,
      bias,
      values,
      relative,
      length,
      handler: this.#handler(form),
      split: form.description.split && values.length > 0 ? this.#splitter(form) : null,
      leaves: LEAVES.has(form.description.name),
    }
  }

  #handler(form: Form): number {
    const handler = this.handlers.get(formKey(form))
    if (handler === undefined) throw new Error(`no handler for ${formKey(form)}`)
    return handler
  }

  #splitter(form: Form): (immediate: number) => number {
    const known = new Map<string, number>()
    const split = form.description.split!
    return (immediate) => {
      const name = split(immediate)
      let handler = known.get(name)
      if (handler === undefined) known.set(name, (handler = this.#handler({ ...form, split: name })))
      return handler
    }
  }
}

/** A sign-extended little-endian number. */
function number(bytes: Uint8Array, at: number, count: number): number {
  switch (count) {
    case 1:
      return (bytes[at]! << 24) >> 24
    case 2:
      return ((bytes[at]! | (bytes[at + 1]! << 8)) << 16) >> 16
    default:
      return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  }
}

/** Prefixes as bits of a context above those of the mode: the last of a kind counts. */
const OPERAND_SIZE = 1 << 3
const ADDRESS_SIZE = 1 << 4
const LOCK = 1 << 5
const REPEAT_SHIFT = 6
const SEGMENT_SHIFT = 8
/** 0, 1 or 2. */
const LIMITED_SHIFT = 11
/** By byte: bits of the context that a prefix leaves alone, 0 for what is no prefix; and bits that it sets. */
const PREFIX_CLEARS = new Int32Array(256)
const PREFIX_SETS = new Int32Array(256)

function describePrefix(byte: number, clears: number, sets: number): void {
  PREFIX_CLEARS[byte] = ~clears
  PREFIX_SETS[byte] = sets
}

describePrefix(0x66, 0, OPERAND_SIZE)
describePrefix(0x67, 0, ADDRESS_SIZE)
describePrefix(0xf0, 0, LOCK)
describePrefix(0xf1, 0, 0)
describePrefix(0xf2, 3 << REPEAT_SHIFT, 1 << REPEAT_SHIFT)
describePrefix(0xf3, 3 << REPEAT_SHIFT, 2 << REPEAT_SHIFT)
for (const [byte, segment] of Object.entries(SEGMENT_PREFIX))
  describePrefix(Number(byte), 7 << SEGMENT_SHIFT, (segment + 1) << SEGMENT_SHIFT)

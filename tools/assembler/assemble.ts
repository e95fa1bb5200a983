import { checkedBytes, encodeInstruction } from './encoder.ts'
import { constant, type Expression, type Scope, type Value } from './expression.ts'
import { littleEndian } from './address.ts'
import { AssemblyError } from './lexer.ts'
import { type Files, readSource } from './source.ts'
import { type Body, type DataItem, parseProgram, type Statement } from './statement.ts'

export interface Assembled {
  bytes: Uint8Array
  /** Value of every label and equ. */
  symbols: ReadonlyMap<string, bigint>
}

const MAX_PASSES = 60
/** From this pass on a jump that was near once stays near, so that sizes cannot swing for ever. */
const SETTLING_PASS = 20
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
const UNKNOWN: Value = { ...constant(0n, 1), known: false }

/**
 * Assembles a flat binary.
 * @throws AssemblyError with file and line
 */
export function assemble(
  path: string,
  files: Files,
  defines: ReadonlyMap<string, string> = new Map(),
): Assembled {
  const program = parseProgram(readSource(path, files, defines))
  const nearJumps = new Set<Statement>()
  let symbols = new Map<string, Value>()
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const run = new Pass(program, files, symbols, nearJumps, { draft: true, settling: pass >= SETTLING_PASS })
    run.assemble()
    if (same(symbols, run.defined)) {
      const last = new Pass(program, files, symbols, nearJumps, {
        draft: false,
        settling: pass >= SETTLING_PASS,
      })
      const bytes = last.assemble()
      return { bytes, symbols: new Map([...last.defined].map(([name, value]) => [name, value.number])) }
    }
    symbols = run.defined
  }
  throw new AssemblyError({ file: path, line: 1 }, 'the addresses do not settle: some size depends on itself')
}

function same(before: ReadonlyMap<string, Value>, after: ReadonlyMap<string, Value>): boolean {
  if (before.size !== after.size) return false
  for (const [name, value] of after) {
    const old = before.get(name)
    if (old?.number !== value.number || old.known !== value.known) return false
  }
  return true
}

/** One walk over the program with the addresses of the walk before. */
class Pass {
  readonly defined = new Map<string, Value>()
  #bytes = new Uint8Array(1 << 16)
  #length = 0
  /** Set whenever an expression asks for `$`. */
  #hereWasRead = false
  #bits: 16 | 32 = 16
  #origin = 0n
  /** Address of the next byte while in an `absolute` area, which leaves no bytes. */
  #absolute: bigint | null = null

  constructor(
    private readonly program: readonly Statement[],
    private readonly files: Files,
    private readonly previous: ReadonlyMap<string, Value>,
    private readonly nearJumps: Set<Statement>,
    private readonly mode: { draft: boolean; settling: boolean },
  ) {}

  assemble(): Uint8Array {
    for (const statement of this.program) {
      const here = this.#here()
      if (statement.label !== null) this.#define(statement, here)
      if (statement.body !== null && statement.body.kind !== 'equ')
        this.#assembleBody(statement, statement.body)
    }
    return this.#bytes.slice(0, this.#length)
  }

  #here(): Value {
    return this.#absolute === null
      ? constant(this.#origin + BigInt(this.#length), 1)
      : constant(this.#absolute)
  }

  #scope(statement: Statement): Scope {
    const here = (): Value => {
      this.#hereWasRead = true
      return this.#here()
    }
    return {
      symbol: (name) => {
        const full = name.startsWith('.') ? statement.parent + name : name
        const value = this.defined.get(full) ?? this.previous.get(full)
        return value ?? (this.mode.draft ? UNKNOWN : undefined)
      },
      get here() {
        return here()
      },
      start: constant(this.#origin, 1),
    }
  }

  #define(statement: Statement, here: Value): void {
    const label = statement.label ?? ''
    if (this.defined.has(label)) throw new AssemblyError(statement.place, `"${label}" is defined twice`)
    const value = statement.body?.kind === 'equ' ? statement.body.value(this.#scope(statement)) : here
    if (value.registers.length > 0) throw new AssemblyError(statement.place, 'a register has no value')
    this.defined.set(label, value)
  }

  #assembleBody(statement: Statement, body: Body): void {
    switch (body.kind) {
      case 'instruction':
        this.#instruction(statement, body)
        break
      case 'data':
        // All at once: `$` is the address of the statement, not of the item.
        this.#emit(
          statement,
          body.items.flatMap((item) => this.#itemBytes(statement, item, body.width)),
        )
        break
      case 'reserve':
        this.#skip(statement, this.#count(statement, body.count) * BigInt(body.width), null)
        break
      case 'align': {
        const boundary = this.#count(statement, body.boundary)
        if (boundary === 0n) throw new AssemblyError(statement.place, 'align wants more than 0')
        const position = this.#absolute ?? BigInt(this.#length)
        this.#skip(statement, (boundary - (position % boundary)) % boundary, body.fill)
        break
      }
      case 'times':
        this.#times(statement, body)
        break
      case 'org':
        this.#origin = this.#number(statement, body.value)
        break
      case 'bits':
        this.#bits = body.bits
        break
      case 'absolute':
        this.#absolute = this.#number(statement, body.value)
        break
      case 'section':
        this.#absolute = null
        break
      case 'incbin':
        this.#includeBytes(statement, body)
        break
      case 'equ':
        throw new AssemblyError(statement.place, 'equ cannot be repeated')
    }
  }

  #times(statement: Statement, { count: countOf, body }: Extract<Body, { kind: 'times' }>): void {
    const count = this.#count(statement, countOf)
    if (count > 0n && body.kind === 'data' && this.#absolute === null) {
      // Padding is long and always the same: it is made once, unless it depends on its own address.
      this.#hereWasRead = false
      const start = this.#length
      this.#assembleBody(statement, body)
      if (!this.#hereWasRead) {
        this.#repeat(statement, this.#bytes.slice(start, this.#length), Number(count) - 1)
        return
      }
      this.#length = start
    }
    for (let index = 0n; index < count; index++) this.#assembleBody(statement, body)
  }

  #instruction(statement: Statement, { instruction }: Extract<Body, { kind: 'instruction' }>): void {
    const code = encodeInstruction(instruction, {
      bits: this.#bits,
      address: this.#here().number,
      scope: this.#scope(statement),
      draft: this.mode.draft,
      keepNear: this.mode.settling && this.nearJumps.has(statement),
    })
    if (typeof code === 'string') throw new AssemblyError(statement.place, code)
    if (code.length > 2 && instruction.mnemonic.startsWith('j')) this.nearJumps.add(statement)
    this.#emit(statement, code)
  }

  #number(statement: Statement, expression: Expression): bigint {
    const value = expression(this.#scope(statement))
    if (value.registers.length > 0) throw new AssemblyError(statement.place, 'a register has no value')
    return value.number
  }

  #count(statement: Statement, expression: Expression): bigint {
    const count = this.#number(statement, expression)
    if (count >= 0n && count <= BigInt(MAX_OUTPUT_BYTES)) return count
    if (this.mode.draft) return 0n
    throw new AssemblyError(statement.place, `a count of ${count} is not possible`)
  }

  #itemBytes(statement: Statement, item: DataItem, width: number): number[] {
    switch (item.kind) {
      case 'bytes': {
        const padding = (width - (item.bytes.length % width)) % width
        return [...item.bytes, ...Array.from({ length: padding }, () => 0)]
      }
      case 'float': {
        if (width < 4) throw new AssemblyError(statement.place, 'a fraction wants dd or dq')
        const view = new DataView(new ArrayBuffer(width))
        if (width === 4) view.setFloat32(0, item.value, true)
        else view.setFloat64(0, item.value, true)
        return [...new Uint8Array(view.buffer)]
      }
      case 'number': {
        const number = this.#number(statement, item.value)
        const bytes = this.mode.draft ? littleEndian(number, width) : checkedBytes(number, width)
        if (typeof bytes === 'string') throw new AssemblyError(statement.place, bytes)
        return bytes
      }
    }
  }

  #skip(statement: Statement, count: bigint, fill: Body | null): void {
    if (this.#absolute !== null) this.#absolute += count
    else if (fill === null)
      this.#emit(
        statement,
        Array.from({ length: Number(count) }, () => 0),
      )
    else this.#times(statement, { kind: 'times', count: () => constant(count), body: fill })
  }

  #includeBytes(statement: Statement, body: Extract<Body, { kind: 'incbin' }>): void {
    const path = this.files.find(body.file, statement.place.file)
    if (path === null) throw new AssemblyError(statement.place, `file "${body.file}" is not there`)
    const start = body.skip === null ? 0 : Number(this.#count(statement, body.skip))
    const end = body.count === null ? undefined : start + Number(this.#count(statement, body.count))
    this.#emit(statement, this.files.readBytes(path).subarray(start, end))
  }

  #emit(statement: Statement, bytes: ArrayLike<number>): void {
    this.#repeat(statement, bytes, 1)
  }

  #repeat(statement: Statement, bytes: ArrayLike<number>, count: number): void {
    if (this.#absolute !== null)
      throw new AssemblyError(statement.place, 'only res… may stand in an absolute area')
    const end = this.#length + bytes.length * count
    if (end > MAX_OUTPUT_BYTES) throw new AssemblyError(statement.place, 'the output passes 64 MiB')
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    for (; this.#length < end; this.#length += bytes.length) this.#bytes.set(bytes, this.#length)
  }
}

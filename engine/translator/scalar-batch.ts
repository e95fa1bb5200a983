import { type Expr, I32, V128, callOf, float, i32, loadReal, shuffle, vector } from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import type { Instruction } from '../isa/decoder.ts'
import {
  type BinaryOperation,
  SCALARS,
  type ScalarKind,
  isBinaryOperation,
  scalarResult,
} from '../isa/sse-native.ts'
import { State } from '../isa/state.ts'
import { signed } from './helper-import.ts'
import { type RegisterFile, isGpr } from './register-file.ts'

/** One operation that has been done but not been looked at. */
interface Operation {
  readonly name: BinaryOperation
  readonly left: Expr
  readonly right: Expr
  readonly result: Expr
}

/** A number that is to be looked at, and the register whose lowest part it is. */
interface Asked {
  readonly number: Expr
  readonly vector: Expr | null
}

/** So many numbers are looked at by one instruction of the host each. */
const LANES = 4
const MAX_OPERATIONS = 6
/** Where a helper finds its operands. */
const [LEFT, RIGHT] = [State.FPU_SCRATCH + 16, State.FPU_SCRATCH]

/**
 * Biased exponents that raise no doubt: with results from the least on nothing is tiny, and what is below the end can be
 * added to another without becoming infinite.
 */
const EXPONENTS = {
  ss: { least: 2, end: 0xfd, at: 24 },
  sd: { least: 2, end: 0x7fd, at: 21 },
} as const

/** What instructions may come between the operations of a batch: they cannot leave the region, nor see an XMM register. */
const BETWEEN: ReadonlySet<string> = new Set('ADD SUB INC DEC CMP TEST AND OR XOR MOV LEA'.split(' '))

/** ADDSD and the like, by their name. */
function operationOf({ description }: Instruction): { name: BinaryOperation; kind: ScalarKind } | null {
  if (description.unit !== 'sse') return null
  const name = description.name.slice(0, 3).toLowerCase()
  const kind = description.name.slice(3).toLowerCase()
  return isBinaryOperation(name) && (kind === 'ss' || kind === 'sd') ? { name, kind } : null
}

const keepsToItself = ({ description, operands }: Instruction): boolean =>
  description.unit === 'integer' &&
  BETWEEN.has(description.name) &&
  operands.every(
    (operand) =>
      operand.kind === 'immediate' ||
      (operand.kind === 'register' && isGpr(operand.address)) ||
      description.name === 'LEA',
  )

/**
 * Scalar SSE arithmetic in a row, all of whose numbers are looked at together. The host's arithmetic gives their results at
 * once, to the last bit; whether any of them raises a flag, or could be a denormal number or a NaN, is asked when something
 * else comes: one test of exponents for four numbers. Where it raises doubt, each operation is looked at by itself, and
 * what the host cannot do is done by a helper. MXCSR is quiet (see isa/sse-native.ts), so nothing faults.
 */
export class ScalarBatch {
  #kind: ScalarKind = 'sd'
  #operations: Operation[] = []
  /** The newest low part of each register that has been written, by its state address. */
  #written = new Map<number, Expr>()
  /** Low parts of registers that have been read, by address. */
  #read = new Map<number, Expr>()
  /** What is to be looked at. */
  #asked: Asked[] = []
  /** Locals that hold EXPONENTS. */
  readonly #limits: Partial<Record<ScalarKind, { lowest: number; highest: number }>> = {}
  readonly #locals = { ss: [] as number[], sd: [] as number[] }
  #used = 0

  constructor(
    private readonly fn: FunctionBuilder,
    private readonly registers: RegisterFile,
    /** Index of a function of the FPU module. */
    private readonly helperIndex: (signature: string) => number,
  ) {}

  /** Whether the batch can stay open over an instruction. */
  admits(instruction: Instruction): boolean {
    if (this.#operations.length === 0 || keepsToItself(instruction)) return true
    const operation = operationOf(instruction)
    return (
      operation?.kind === this.#kind &&
      this.#operations.length < MAX_OPERATIONS &&
      instruction.operands[1]?.kind === 'register'
    )
  }

  /**
   * Adds an instruction.
   * @param to destination register, by its state address
   * @param from source register, or the number when it was in memory
   */
  put(name: BinaryOperation, kind: ScalarKind, to: number, from: number | Expr): void {
    this.#kind = kind
    const left = this.#value(to)
    const right = typeof from === 'number' ? this.#value(from) : this.#keep(from)
    this.#ask(left, to)
    this.#ask(right, typeof from === 'number' ? from : null)
    const result = this.#keep(float(SCALARS[kind].binary[name], SCALARS[kind].type, left, right))
    // A sum is exact when it is tiny.
    if (name === 'mul' || name === 'div') this.#ask(result)
    this.#operations.push({ name, left, right, result })
    this.#written.set(to, result)
  }

  /** Looks at what has gathered, and writes the registers. */
  close(): void {
    if (this.#operations.length === 0) return
    const { fn } = this
    fn.ifRarely(this.#doubt())
    for (const operation of this.#operations) this.#redo(operation)
    fn.end()
    for (const [register, value] of this.#written)
      this.registers.write(register, SCALARS[this.#kind].size, value)
    this.#operations = []
    this.#asked = []
    this.#written.clear()
    this.#read.clear()
    this.#used = 0
  }

  #value(register: number): Expr {
    const known = this.#written.get(register) ?? this.#read.get(register)
    if (known) return known
    const value = this.#keep(this.registers.readReal(register, SCALARS[this.#kind].size))
    this.#read.set(register, value)
    return value
  }

  /** A local that no other instruction's temporaries overwrite. */
  #keep(value: Expr): Expr {
    const locals = this.#locals[this.#kind]
    const index = (locals[this.#used++] ??= this.fn.local(SCALARS[this.#kind].type))
    this.fn.set(index, value)
    return this.fn.read(index)
  }

  #ask(number: Expr, register: number | null = null): void {
    if (this.#asked.some((asked) => asked.number === number)) return
    const isInRegister = register !== null && this.#read.get(register) === number
    this.#asked.push({ number, vector: isInRegister ? this.registers.read(register, 16) : null })
  }

  /** Non-zero when the exponent of any number raises doubt. */
  #doubt(): Expr {
    const lanes: Expr[] = []
    for (let i = 0; i < this.#asked.length; i += LANES)
      lanes.push(this.#doubtful(this.#upperWords(this.#asked.slice(i, i + LANES))))
    return vector(BITMASK_32, I32, [lanes.reduce((a, b) => vector(OR, V128, [a, b]))])
  }

  /** The words of up to four numbers that hold sign and exponent. */
  #upperWords(numbers: readonly Asked[]): Expr {
    // What is at hand as a vector comes first of its pair.
    const sorted = numbers.toSorted((x, y) => Number(y.vector !== null) - Number(x.vector !== null))
    const half = (sorted.length + 1) >> 1
    const [a, b] = [sorted[0]!, sorted[half] ?? sorted[0]!]
    const [c, d] = [sorted[1] ?? a, sorted[half + 1] ?? b]
    if (this.#kind === 'ss')
      return [b, c, d].reduce(
        (v, { number }, i) => vector(REPLACE_F32, V128, [v, number], i + 1),
        vector(SPLAT_F32, V128, [a.number]),
      )
    const pair = (x: Asked, y: Asked): Expr =>
      vector(REPLACE_F64, V128, [x.vector ?? vector(SPLAT_F64, V128, [x.number]), y.number], 1)
    return shuffle(pair(a, b), pair(c, d), [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31])
  }

  /** Lanes of ones where an exponent is not among EXPONENTS: without the sign, moved to where signed words compare. */
  #doubtful(words: Expr): Expr {
    const { lowest, highest } = (this.#limits[this.#kind] ??= {
      lowest: this.fn.local(V128),
      highest: this.fn.local(V128),
    })
    const moved = vector(ADD_I32, V128, [vector(SHL_I32, V128, [words, i32(1)]), this.fn.read(lowest)])
    return vector(GT_S_I32, V128, [moved, this.fn.read(highest)])
  }

  /** To the start of the function, once its body is known. */
  start(fn: FunctionBuilder): void {
    for (const [kind, { lowest, highest }] of Object.entries(this.#limits)) {
      const { least, end, at } = EXPONENTS[kind as ScalarKind]
      const all = (word: number): Expr => vector(SPLAT_I32, V128, [i32(word)])
      fn.set(lowest, all(0x80000000 - (least << at)))
      fn.set(highest, all(0x80000000 + ((end - least) << at) - 1))
    }
  }

  #redo({ name, left, right, result }: Operation): void {
    const { fn } = this
    const kind = this.#kind
    const { size } = SCALARS[kind]
    const done = fn.block()
    const otherwise = fn.block()
    fn.set(
      result.value,
      scalarResult(fn, name, kind, left, right, (condition) => fn.branchIf(otherwise, condition)),
    )
    fn.branch(done)
    fn.end()
    fn.store(i32(LEFT), left, size)
    fn.store(i32(RIGHT), right, size)
    const helper = this.helperIndex(signed(name + kind, [I32, I32], I32))
    fn.drop(callOf(helper, I32, i32(LEFT), i32(RIGHT)))
    fn.set(result.value, loadReal(i32(LEFT), size))
    fn.end()
  }
}

// Vector instructions, by their opcodes after the prefix.
const SPLAT_I32 = 17
const SPLAT_F32 = 19
const SPLAT_F64 = 20
const REPLACE_F32 = 32
const REPLACE_F64 = 34
const GT_S_I32 = 59
const OR = 80
const BITMASK_32 = 164
const SHL_I32 = 171
const ADD_I32 = 174

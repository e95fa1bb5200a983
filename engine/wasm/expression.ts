import type { ByteWriter } from './byte-writer.ts'

/** Value types, by their WebAssembly encoding. */
export const I32 = 0x7f
export const I64 = 0x7e
export const F32 = 0x7d
export const F64 = 0x7c
export const V128 = 0x7b
export type ValueType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128

/**
 * A pure expression: reading it twice computes it twice. `op` is the WebAssembly opcode, 0xfdNN for the
 * vector instructions; `value` its immediate (constant, local or function index, memory offset, lane).
 */
export interface Expr {
  readonly op: number
  readonly type: ValueType
  readonly value: number
  readonly args: readonly Expr[]
  /** The value of a 64-bit constant. */
  readonly wide?: bigint
  /** The bytes that a shuffle takes. */
  readonly lanes?: readonly number[]
}

const OP_CALL = 0x10
const OP_SELECT = 0x1b
const OP_LOCAL = 0x20
const OP_CONST32 = 0x41
const OP_CONST64 = 0x42
const OP_V128_CONST = 0xfd0c
const OP_SHUFFLE = 0xfd0d

const node = (op: number, type: ValueType, value: number, ...args: Expr[]): Expr => ({
  op,
  type,
  value,
  args,
})

export const i32 = (value: number): Expr => node(OP_CONST32, I32, value | 0)
export const i64 = (value: number | bigint): Expr => ({ ...node(OP_CONST64, I64, 0), wide: BigInt(value) })
export const zeroVector: Expr = node(OP_V128_CONST, V128, 0)
export const local = (index: number, type: ValueType = I32): Expr => node(OP_LOCAL, type, index)
export const callOf = (index: number, type: ValueType, ...args: Expr[]): Expr =>
  node(OP_CALL, type, index, ...args)

export const isConst = (e: Expr): boolean => e.op === OP_CONST32
export const isLocal = (e: Expr): boolean => e.op === OP_LOCAL

/** Constant folding of the operators that address arithmetic and flags are made of. */
const FOLD: Record<number, (x: number, y: number) => number> = {
  0x46: (x, y) => Number(x === y),
  0x47: (x, y) => Number(x !== y),
  0x49: (x, y) => Number(x >>> 0 < y >>> 0),
  0x4b: (x, y) => Number(x >>> 0 > y >>> 0),
  0x6a: (x, y) => x + y,
  0x6b: (x, y) => x - y,
  0x71: (x, y) => x & y,
  0x72: (x, y) => x | y,
  0x73: (x, y) => x ^ y,
  0x74: (x, y) => x << y,
  0x75: (x, y) => x >> y,
  0x76: (x, y) => x >>> y,
}
/** Operators for which x op 0 is x. */
const ZERO_IS_NEUTRAL = new Set([0x6a, 0x6b, 0x72, 0x73, 0x74, 0x75, 0x76])

const binary32 =
  (op: number) =>
  (a: Expr, b: Expr): Expr => {
    if (isConst(b)) {
      const fold = FOLD[op]
      if (isConst(a) && fold) return i32(fold(a.value, b.value))
      if (b.value === 0 && ZERO_IS_NEUTRAL.has(op)) return a
      if (op === 0x71 && b.value === -1) return a
      if (op === 0x71 && b.value === 0) return b
    } else if (isConst(a) && a.value === 0 && (op === 0x6a || op === 0x72 || op === 0x73)) return b
    return node(op, I32, 0, a, b)
  }
const binary =
  (op: number, type: ValueType) =>
  (a: Expr, b: Expr): Expr =>
    node(op, type, 0, a, b)
const unary =
  (op: number, type: ValueType) =>
  (a: Expr): Expr =>
    node(op, type, 0, a)

export const add = binary32(0x6a)
export const sub = binary32(0x6b)
export const mul = binary32(0x6c)
export const divU = binary32(0x6e)
export const remU = binary32(0x70)
export const and = binary32(0x71)
export const or = binary32(0x72)
export const xor = binary32(0x73)
export const shl = binary32(0x74)
export const shrS = binary32(0x75)
export const shrU = binary32(0x76)
export const rotl = binary32(0x77)
export const eq = binary32(0x46)
export const ne = binary32(0x47)
export const ltS = binary32(0x48)
export const ltU = binary32(0x49)
export const gtS = binary32(0x4a)
export const gtU = binary32(0x4b)
export const leS = binary32(0x4c)
export const leU = binary32(0x4d)
export const geS = binary32(0x4e)
export const geU = binary32(0x4f)
export const eqz = (a: Expr): Expr => (isConst(a) ? i32(Number(a.value === 0)) : node(0x45, I32, 0, a))
export const clz = unary(0x67, I32)
export const ctz = unary(0x68, I32)
export const popcnt = unary(0x69, I32)
export const extend8 = unary(0xc0, I32)
export const extend16 = unary(0xc1, I32)
export const not = (a: Expr): Expr => xor(a, i32(-1))

export const add64 = binary(0x7c, I64)
export const and64 = binary(0x83, I64)
export const sub64 = binary(0x7d, I64)
export const mul64 = binary(0x7e, I64)
export const divS64 = binary(0x7f, I64)
export const divU64 = binary(0x80, I64)
export const remS64 = binary(0x81, I64)
export const remU64 = binary(0x82, I64)
export const or64 = binary(0x84, I64)
export const xor64 = binary(0x85, I64)
export const shl64 = binary(0x86, I64)
export const shrU64 = binary(0x88, I64)
export const eq64 = binary(0x51, I32)
export const ne64 = binary(0x52, I32)
export const eqz64 = unary(0x50, I32)
export const wrap = unary(0xa7, I32)
export const widenS = unary(0xac, I64)
export const widenU = unary(0xad, I64)
export const ctz64 = unary(0x7a, I64)

/** A vector instruction: `sub` is the opcode after the 0xfd prefix, `lane` its lane immediate if it has one. */
export const vector = (sub: number, type: ValueType, args: Expr[], lane = -1): Expr =>
  node(0xfd00 + sub, type, lane, ...args)

/** An instruction of f32 or f64 numbers, or one that converts from or to them. */
export const float = (op: number, type: ValueType, ...args: Expr[]): Expr => node(op, type, 0, ...args)

/** i8x16.shuffle: the bytes of two vectors, 0 to 15 and 16 to 31, in the order given. */
export const shuffle = (a: Expr, b: Expr, lanes: readonly number[]): Expr => ({
  ...node(OP_SHUFFLE, V128, -1, a, b),
  lanes,
})

export const select = (condition: Expr, yes: Expr, no: Expr): Expr =>
  isConst(condition) ? (condition.value ? yes : no) : node(OP_SELECT, yes.type, 0, yes, no, condition)

const LOADS: Record<number, [op: number, type: ValueType]> = {
  1: [0x2d, I32],
  2: [0x2f, I32],
  4: [0x28, I32],
  8: [0x29, I64],
  16: [0xfd00, V128],
}
const STORES: Record<number, number> = { 1: 0x3a, 2: 0x3b, 4: 0x36, 8: 0x37, 16: 0xfd0b }

/** Zero-extending load of 1, 2, 4 (i32), 8 (i64) or 16 (v128) bytes. */
export function load(address: Expr, size: number, offset = 0): Expr {
  const [op, type] = LOADS[size]!
  return node(op, type, offset, address)
}

/** Load of a number of 4 (f32) or 8 (f64) bytes. */
export const loadReal = (address: Expr, size: 4 | 8, offset = 0): Expr =>
  size === 4 ? node(0x2a, F32, offset, address) : node(0x2b, F64, offset, address)

const LOAD_LOW32 = 0xfd5c
const LOAD_LOW64 = 0xfd5d

/** Load of 4 or 8 bytes into a vector of zeros. */
export const loadLow = (address: Expr, size: number): Expr =>
  node(size === 4 ? LOAD_LOW32 : LOAD_LOW64, V128, 0, address)

/** Writes the expression's code. Memory instructions claim no alignment: guests do not keep to it. */
export function emit(out: ByteWriter, e: Expr): void {
  switch (e.op) {
    case OP_LOCAL:
      out.byte(OP_LOCAL)
      return out.unsigned(e.value)
    case OP_CONST32:
      out.byte(OP_CONST32)
      return out.signed(e.value)
    case OP_CONST64:
      out.byte(OP_CONST64)
      return out.signed64(e.wide!)
  }
  for (const arg of e.args) emit(out, arg)
  if (e.op === OP_CALL) {
    out.byte(OP_CALL)
    out.unsigned(e.value)
  } else if (e.op >= 0xfd00) {
    out.byte(0xfd)
    out.unsigned(e.op - 0xfd00)
    if (e.op === 0xfd00 || e.op === LOAD_LOW32 || e.op === LOAD_LOW64) {
      out.byte(0)
      out.unsigned(e.value)
    } else if (e.op === OP_V128_CONST) for (let i = 0; i < 16; i++) out.byte(0)
    else if (e.lanes) for (const lane of e.lanes) out.byte(lane)
    else if (e.value >= 0) out.byte(e.value)
  } else {
    out.byte(e.op)
    if (e.op >= 0x28 && e.op <= 0x35) {
      out.byte(0)
      out.unsigned(e.value)
    }
  }
}

export function emitStore(out: ByteWriter, address: Expr, value: Expr, size: number, offset = 0): void {
  emit(out, address)
  emit(out, value)
  let op = STORES[size]!
  if (value.type === F32) op = 0x38
  else if (value.type === F64) op = 0x39
  else if (size < 8 && value.type === I64) op = { 1: 0x3c, 2: 0x3d, 4: 0x3e }[size]!
  if (op >= 0xfd00) {
    out.byte(0xfd)
    out.unsigned(op - 0xfd00)
  } else out.byte(op)
  out.byte(0)
  out.unsigned(offset)
}

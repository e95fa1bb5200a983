import { type Expr, V128, add, and, i32, load, loadLow, vector, zeroVector } from '../wasm/expression.ts'
import { GP, type Operand, type Semantics, isFlatSegment } from './semantics.ts'
import { Segment, State } from './state.ts'

/** Effective address of a memory operand, #GP(0) when its linear address is not aligned to 16. */
export function alignedAddress(b: Semantics, operand: Operand): Expr {
  const address = b.let(operand.address())
  const segment = operand.segment()
  const linear = isFlatSegment(segment) ? address : add(address, load(segment, 4, Segment.BASE))
  b.raiseIf(and(linear, i32(15)), GP)
  return address
}

/** Linear-memory address of an aligned 16-byte memory operand. */
export function alignedHost(b: Semantics, operand: Operand, write: boolean): Expr {
  return b.memory(operand.segment(), alignedAddress(b, operand), 16, write)
}

/** Reads a register or an aligned memory operand of 16 bytes. */
export function readAligned(b: Semantics, operand: Operand): Expr {
  return operand.isRegister ? operand.read() : b.load(alignedHost(b, operand, false), 16)
}

export function writeAligned(b: Semantics, operand: Operand, value: Expr): void {
  if (operand.isRegister) operand.write(value)
  else b.fn.store(alignedHost(b, operand, true), value, 16)
}

/**
 * Where a helper finds its source: the register itself, or FPU_SCRATCH with a copy of the memory operand of
 * 4, 8 or (aligned) 16 bytes.
 */
export function sourceAddress(b: Semantics, operand: Operand): Expr {
  if (operand.isRegister) return operand.registerAddress()
  return addressOfValue(b, operand, operand.size === 16 ? readAligned(b, operand) : operand.read())
}

/** The same for an operand that has been read. */
export function addressOfValue(b: Semantics, operand: Operand, value: Expr): Expr {
  if (operand.isRegister) return operand.registerAddress()
  b.fn.store(i32(State.FPU_SCRATCH), value, operand.size)
  return i32(State.FPU_SCRATCH)
}

/** A memory operand of 4 or 8 bytes with zeros above it. */
export function readLow(b: Semantics, operand: Operand): Expr {
  const host = b.memory(operand.segment(), operand.address(), operand.size, false)
  return b.let(loadLow(host, operand.size))
}

/** A vector of zeros but for the lowest 8 bytes. */
export const lowQuadword = (e: Expr): Expr => vector(30, V128, [zeroVector, e], 0)

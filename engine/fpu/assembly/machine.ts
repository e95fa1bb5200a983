/** The x87 environment in the processor's state: stack, tags, and how an instruction reports what it raised. */
import { FPU, FPU_CONTROL, FPU_STATUS, FPU_TAG, FPU_TRAP } from './layout'

export const IE: u32 = 0x01
export const DE: u32 = 0x02
export const ZE: u32 = 0x04
export const OE: u32 = 0x08
export const UE: u32 = 0x10
export const PE: u32 = 0x20
export const SF: u32 = 0x40
export const ES: u32 = 0x80
export const C0: u32 = 0x100
export const C1: u32 = 0x200
export const C2: u32 = 0x400
export const C3: u32 = 0x4000
export const BUSY: u32 = 0x8000
export const CONDITIONS: u32 = C0 | C1 | C2 | C3
export const EXCEPTIONS: u32 = 0x3f

export const NEGATIVE: u32 = 0x8000
export const EXPONENT_MAX: u32 = 0x7fff
export const BIAS: i32 = 0x3fff
export const INDEFINITE: u64 = 0xc000000000000000
export const INDEFINITE_SE: u32 = 0xffff
export const QUIET: u64 = 0x4000000000000000

/** Exceptions, SF and C1 raised so far by the instruction in hand; cleared by whoever starts one. */
export let raised: u32 = 0
/** Sign and exponent that belong to the significand a function has just returned. */
export let resultSe: u32 = 0

// @ts-ignore: decorator
@inline
export function controlWord(): u32 {
  return load<u32>(FPU_CONTROL)
}

// @ts-ignore: decorator
@inline
export function statusWord(): u32 {
  return load<u32>(FPU_STATUS)
}

// @ts-ignore: decorator
@inline
export function setStatus(status: u32): void {
  store<u32>(FPU_STATUS, status)
}

/** Physical number of ST(i). */
// @ts-ignore: decorator
@inline
export function physical(i: u32): u32 {
  return ((load<u32>(FPU_STATUS) >> 11) + i) & 7
}

// @ts-ignore: decorator
@inline
export function addressOf(register: u32): usize {
  return FPU + (<usize>register << 4)
}

// @ts-ignore: decorator
@inline
export function isEmpty(register: u32): bool {
  return ((load<u32>(FPU_TAG) >> (register << 1)) & 3) == 3
}

// @ts-ignore: decorator
@inline
export function setFull(register: u32): void {
  store<u32>(FPU_TAG, load<u32>(FPU_TAG) & ~(3 << (register << 1)))
}

// @ts-ignore: decorator
@inline
export function setEmpty(register: u32): void {
  store<u32>(FPU_TAG, load<u32>(FPU_TAG) | (3 << (register << 1)))
}

// @ts-ignore: decorator
@inline
export function significand(at: usize): u64 {
  return load<u64>(at)
}

// @ts-ignore: decorator
@inline
export function signExponent(at: usize): u32 {
  return load<u16>(at, 8)
}

// @ts-ignore: decorator
@inline
export function put(at: usize, sig: u64, se: u32): void {
  store<u64>(at, sig)
  store<u16>(at, <u16>se, 8)
}

// @ts-ignore: decorator
@inline
export function pop(): void {
  const status = statusWord()
  setEmpty((status >> 11) & 7)
  setStatus((status & ~0x3800) | ((status + 0x800) & 0x3800))
}

/** Makes room for a push; gives the physical number of the new ST(0). */
// @ts-ignore: decorator
@inline
export function push(): u32 {
  const status = statusWord()
  const moved = (status - 0x800) & 0x3800
  setStatus((status & ~0x3800) | moved)
  const register = moved >> 11
  setFull(register)
  return register
}

/**
 * Enters what was raised into the status word. Returns the unmasked exceptions that forbid a result:
 * IE, ZE and DE always do; OE and UE only when `toMemory`, where no biased result can be delivered.
 * @see Intel SDM vol. 1, 8.5 and 8.7
 */
export function report(toMemory: bool): u32 {
  let status = statusWord() & ~C1
  let exceptions = raised
  const unmasked = exceptions & ~controlWord() & EXCEPTIONS
  if (unmasked == 0) {
    setStatus(status | exceptions)
    return 0
  }
  let forbidding: u32 = unmasked & (IE | ZE)
  if (forbidding == 0 && (unmasked & DE) != 0) {
    // The operation was never begun, so nothing later than the denormal operand was seen.
    exceptions = DE
    forbidding = DE
  } else if (forbidding == 0 && toMemory) {
    forbidding = unmasked & (OE | UE)
    if (forbidding != 0) exceptions &= ~(C1 | PE)
  }
  setStatus(status | exceptions | ES | BUSY)
  trapNext()
  return forbidding
}

/** Has x87, MMX and WAIT instructions take the way on which a pending exception is noticed. */
export function trapNext(): void {
  store<u32>(FPU_TRAP, load<u32>(FPU_TRAP) | 0x13)
}

/** Delivers a result to a register that is not empty. Returns nonzero when it must stay as it was. */
// @ts-ignore: decorator
@inline
export function deliver(at: usize, sig: u64, se: u32): u32 {
  const exceptions = raised
  if ((exceptions & ~controlWord() & EXCEPTIONS) == 0) {
    const status = statusWord()
    setStatus((status & ~C1) | exceptions)
    put(at, sig, se)
    return 0
  }
  const forbidding = report(false)
  if (forbidding == 0) put(at, sig, se)
  return forbidding
}

/** A stack underflow whose masked response puts the indefinite value into a register. */
export function underflowInto(register: u32): u32 {
  raised = IE | SF
  const forbidding = report(false)
  if (forbidding == 0) {
    put(addressOf(register), INDEFINITE, INDEFINITE_SE)
    setFull(register)
  }
  return forbidding
}

/** A stack overflow of a push, whose masked response pushes the indefinite value. */
export function overflowPush(): u32 {
  raised = IE | SF | C1
  const forbidding = report(false)
  if (forbidding == 0) put(addressOf(push()), INDEFINITE, INDEFINITE_SE)
  return forbidding
}

/** Pushes a value for which `raised` was set; a denormal operand is loaded even when DE is unmasked. */
export function pushResult(sig: u64, se: u32): u32 {
  if (!isEmpty(physical(7))) return overflowPush()
  const forbidding = report(false) & IE
  if (forbidding == 0) put(addressOf(push()), sig, se)
  return forbidding
}

/** The result of an invalid operation. */
// @ts-ignore: decorator
@inline
export function invalid(): u64 {
  raised = IE
  resultSe = INDEFINITE_SE
  return INDEFINITE
}

// @ts-ignore: decorator
@inline
export function result(sig: u64, se: u32): u64 {
  resultSe = se
  return sig
}

/** CMPcc, COMIS and UCOMIS. */
import { DE, IE, raised } from './machine'
import { deliver } from './sse-arithmetic'
import { DAZ, GATHER, finish, mxcsr } from './sse-machine'
import { isBefore, isDenormalBits, isNaNBits, isSignallingBits, magnitudeBits, withoutDenormal } from './sse-soft'

const LESS: u32 = 1
const EQUAL: u32 = 2
const GREATER: u32 = 4
const UNORDERED: u32 = 8

/** How a lies to b; `signals`: quiet NaNs are invalid too. */
function relation(a: u64, b: u64, double: bool, signals: bool): u32 {
  if (isNaNBits(a, double) || isNaNBits(b, double)) {
    if (signals || isSignallingBits(a, double) || isSignallingBits(b, double)) raised |= IE
    return UNORDERED
  }
  if ((mxcsr() & DAZ) == 0 && (isDenormalBits(a, double) || isDenormalBits(b, double))) raised |= DE
  a = withoutDenormal(a, double)
  b = withoutDenormal(b, double)
  if (isBefore(a, b, double)) return LESS
  if (isBefore(b, a, double)) return GREATER
  return EQUAL
}

/** Which relations make EQ, LT, LE and UNORD true; the other four are their opposites. */
// @ts-ignore: decorator
@inline
function accepted(predicate: u32): u32 {
  const which = predicate & 3
  return which == 0 ? EQUAL : which == 1 ? LESS : which == 2 ? LESS | EQUAL : UNORDERED
}

// @ts-ignore: decorator
@inline
function holds(a: u64, b: u64, predicate: u32, double: bool): bool {
  const signals = (predicate & 3) == 1 || (predicate & 3) == 2
  const found = (relation(a, b, double, signals) & accepted(predicate)) != 0
  return found != ((predicate & 4) != 0)
}

export function cmpps(to: usize, from: usize, predicate: u32): i32 {
  raised = 0
  for (let at: usize = 0; at < 16; at += 4) {
    const found = holds(load<u32>(to + at), load<u32>(from + at), predicate, false)
    store<u32>(GATHER + at, found ? 0xffffffff : 0)
  }
  return deliver(to)
}

export function cmppd(to: usize, from: usize, predicate: u32): i32 {
  raised = 0
  for (let at: usize = 0; at < 16; at += 8) {
    const found = holds(load<u64>(to + at), load<u64>(from + at), predicate, true)
    store<u64>(GATHER + at, found ? 0xffffffffffffffff : 0)
  }
  return deliver(to)
}

export function cmpss(to: usize, from: usize, predicate: u32): i32 {
  raised = 0
  const found = holds(load<u32>(to), load<u32>(from), predicate, false)
  const unmasked = finish()
  if (unmasked == 0) store<u32>(to, found ? 0xffffffff : 0)
  return unmasked
}

export function cmpsd(to: usize, from: usize, predicate: u32): i32 {
  raised = 0
  const found = holds(load<u64>(to), load<u64>(from), predicate, true)
  const unmasked = finish()
  if (unmasked == 0) store<u64>(to, found ? 0xffffffffffffffff : 0)
  return unmasked
}

/** ZF (40h), PF (04h) and CF (01h), or -1 for #XM, which leaves EFLAGS as it was. */
function toFlags(a: u64, b: u64, double: bool, signals: bool): i32 {
  raised = 0
  const found = relation(a, b, double, signals)
  if (finish() != 0) return -1
  return found == UNORDERED ? 0x45 : found == EQUAL ? 0x40 : found == LESS ? 1 : 0
}

export function comiss(a: usize, b: usize): i32 {
  return toFlags(load<u32>(a), load<u32>(b), false, true)
}
export function comisd(a: usize, b: usize): i32 {
  return toFlags(load<u64>(a), load<u64>(b), true, true)
}
export function ucomiss(a: usize, b: usize): i32 {
  return toFlags(load<u32>(a), load<u32>(b), false, false)
}
export function ucomisd(a: usize, b: usize): i32 {
  return toFlags(load<u64>(a), load<u64>(b), true, false)
}

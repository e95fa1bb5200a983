/** What kinds of 80-bit values there are, and which NaN survives. */
import { EXPONENT_MAX, IE, QUIET, raised, result } from './machine'
import { TOP_BIT } from './wide'

/** A finite number with the integer bit set and an exponent that is not that of denormals. */
// @ts-ignore: decorator
@inline
export function isNormal(sig: u64, exponent: u32): bool {
  return <bool>(<i32>(<i64>sig < 0) & <i32>(exponent - 1 < 0x7ffe))
}

/** Unnormals, pseudo-infinities and pseudo-NaNs, which every 387 and later refuses. */
// @ts-ignore: decorator
@inline
export function isUnsupported(sig: u64, se: u32): bool {
  return (se & EXPONENT_MAX) != 0 && <i64>sig >= 0
}

// @ts-ignore: decorator
@inline
export function isNaN80(sig: u64, se: u32): bool {
  return (se & EXPONENT_MAX) == EXPONENT_MAX && sig << 1 != 0
}

// @ts-ignore: decorator
@inline
export function isSignalling(sig: u64, se: u32): bool {
  return isNaN80(sig, se) && (sig & QUIET) == 0
}

// @ts-ignore: decorator
@inline
export function isInfinite(sig: u64, se: u32): bool {
  return (se & EXPONENT_MAX) == EXPONENT_MAX && sig == TOP_BIT
}

// @ts-ignore: decorator
@inline
export function isZero(sig: u64, se: u32): bool {
  return (se & EXPONENT_MAX) == 0 && sig == 0
}

/** Denormals and pseudo-denormals: what raises DE. */
// @ts-ignore: decorator
@inline
export function isDenormal(sig: u64, se: u32): bool {
  return (se & EXPONENT_MAX) == 0 && sig != 0
}

/** Makes one NaN quiet, raising IE when it was not. */
export function quieten(sig: u64, se: u32): u64 {
  raised = (sig & QUIET) == 0 ? IE : 0
  return result(sig | QUIET, se)
}

/** The NaN that comes out of an operation on two supported values of which at least one is a NaN. */
// @see Intel SDM vol. 1, table 4-7
export function propagate(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  const aNaN = isNaN80(aSig, aSe)
  const bNaN = isNaN80(bSig, bSe)
  if (!bNaN) return quieten(aSig, aSe)
  if (!aNaN) return quieten(bSig, bSe)
  const aSignals = (aSig & QUIET) == 0
  const bSignals = (bSig & QUIET) == 0
  raised = aSignals || bSignals ? IE : 0
  let first: bool
  if (aSignals != bSignals) first = bSignals
  else if (aSig != bSig) first = aSig > bSig
  else first = aSe <= bSe
  return first ? result(aSig | QUIET, aSe) : result(bSig | QUIET, bSe)
}

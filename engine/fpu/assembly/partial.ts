/** FPREM, FPREM1, FRNDINT, FSCALE and FXTRACT: everything that is exact by nature. */
import { normalExponent, normalSignificand } from './basic'
import { isDenormal, isInfinite, isNaN80, isUnsupported, isZero, propagate, quieten } from './classify'
import { fromInteger, integerMagnitude } from './formats'
import { BIAS, C0, C1, C2, C3, CONDITIONS, DE, EXPONENT_MAX, IE, INDEFINITE, INDEFINITE_SE, NEGATIVE, SF, ZE, addressOf, controlWord, deliver, invalid, isEmpty, physical, push, put, raised, report, result, resultSe, setFull, setStatus, signExponent, significand, statusWord, underflowInto } from './machine'
import { roundPackGeneral, roundingMode } from './round'
import { TOP_BIT, divideWide, wideLow } from './wide'

/** Packs an exact value, which precision control does not touch. */
function packExact(sign: u32, exponent: i32, sig: u64): u64 {
  const places = clz(sig)
  return roundPackGeneral(sign, exponent - <i32>places, sig << places, 0, controlWord() | 0x300)
}

/** Stands for: C2 is cleared, the quotient bits stay. */
const NO_QUOTIENT: u32 = 1

/** Condition codes that belong to the remainder just computed, or NO_QUOTIENT. */
let remainderConditions: u32 = 0

function remainder80(aSig: u64, aSe: u32, bSig: u64, bSe: u32, nearest: bool): u64 {
  remainderConditions = NO_QUOTIENT
  if (isUnsupported(aSig, aSe) || isUnsupported(bSig, bSe)) return invalid()
  if (isNaN80(aSig, aSe) || isNaN80(bSig, bSe)) return propagate(aSig, aSe, bSig, bSe)
  if (isInfinite(aSig, aSe) || isZero(bSig, bSe)) return invalid()
  remainderConditions = 0
  if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
  if (aSig == 0) return result(aSig, aSe)
  let sign = aSe & NEGATIVE
  const aExp = normalExponent(aSig, aSe)
  const a = normalSignificand(aSig)
  if (isInfinite(bSig, bSe)) return packExact(sign, aExp, a)
  const bExp = normalExponent(bSig, bSe)
  const b = normalSignificand(bSig)
  const distance = aExp - bExp
  const least: i32 = nearest ? -1 : 0
  if (distance < least) return packExact(sign, aExp, a)
  if (distance == -1) {
    // a < b, and a > b / 2 when its significand is the larger one.
    if (a <= b) return packExact(sign, aExp, a)
    remainderConditions = C1
    // b - a in units of a's last place; b has one bit more than fits.
    return packExact(sign ^ NEGATIVE, aExp, (b << 1) - a)
  }
  if (distance >= 64) {
    const step = (distance & 31) | 32
    divideWide(a >> (64 - step), a << step, b)
    remainderConditions = C2
    if (wideLow == 0) return result(0, sign)
    return packExact(sign, aExp - step, wideLow)
  }
  let quotient = distance == 0 ? u64(a >= b) : divideWide(a >> (64 - distance), a << distance, b)
  let rest = distance == 0 ? (a >= b ? a - b : a) : wideLow
  if (nearest && (rest > b - rest || (rest == b - rest && (quotient & 1) != 0))) {
    quotient++
    rest = b - rest
    sign ^= NEGATIVE
  }
  const low = <u32>quotient
  remainderConditions = ((low & 4) != 0 ? C0 : 0) | ((low & 2) != 0 ? C3 : 0) | ((low & 1) != 0 ? C1 : 0)
  if (rest == 0) return result(0, aSe & NEGATIVE)
  return packExact(sign, bExp, rest)
}

function remainderInstruction(nearest: bool): i32 {
  const destination = physical(0)
  const source = physical(1)
  if (isEmpty(destination) || isEmpty(source)) {
    const forbidden = underflowInto(destination)
    setStatus(statusWord() & ~C2)
    return forbidden
  }
  raised = 0
  const a = addressOf(destination)
  const b = addressOf(source)
  const sig = remainder80(significand(a), signExponent(a), significand(b), signExponent(b), nearest)
  const forbidding = deliver(a, sig, resultSe)
  // An invalid operation or a NaN leaves the quotient bits alone but says that nothing remains to be done.
  if (forbidding != 0 || remainderConditions == NO_QUOTIENT) setStatus(statusWord() & ~C2)
  else setStatus((statusWord() & ~CONDITIONS) | remainderConditions)
  return forbidding
}

export function fprem(): i32 {
  return remainderInstruction(false)
}

export function fprem1(): i32 {
  return remainderInstruction(true)
}

function roundToInteger(sig: u64, se: u32): u64 {
  if (isUnsupported(sig, se)) return invalid()
  if (isNaN80(sig, se)) return quieten(sig, se)
  if (isZero(sig, se) || <i32>(se & EXPONENT_MAX) >= BIAS + 63) return result(sig, se)
  if (isDenormal(sig, se)) raised |= DE
  const magnitude = integerMagnitude(sig, se, roundingMode())
  if (magnitude == 0) return result(0, se & NEGATIVE)
  const places = <u32>clz(magnitude)
  return result(magnitude << places, (se & NEGATIVE) | (BIAS + 63 - places))
}

export function frndint(): i32 {
  const register = physical(0)
  if (isEmpty(register)) return underflowInto(register)
  raised = 0
  const at = addressOf(register)
  const sig = roundToInteger(significand(at), signExponent(at))
  return deliver(at, sig, resultSe)
}

function scale80(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (isUnsupported(aSig, aSe) || isUnsupported(bSig, bSe)) return invalid()
  if (isNaN80(aSig, aSe) || isNaN80(bSig, bSe)) return propagate(aSig, aSe, bSig, bSe)
  const sign = aSe & NEGATIVE
  if (isInfinite(bSig, bSe)) {
    if ((bSe & NEGATIVE) == 0 ? isZero(aSig, aSe) : isInfinite(aSig, aSe)) return invalid()
    if (isDenormal(aSig, aSe)) raised |= DE
    if ((bSe & NEGATIVE) != 0) return result(0, sign)
    return result(TOP_BIT, sign | EXPONENT_MAX)
  }
  if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
  if (isInfinite(aSig, aSe) || aSig == 0) return result(aSig, aSe)
  const bExp = <i32>(bSe & EXPONENT_MAX) - BIAS
  let steps: i32 = 0
  if (bExp >= 17) steps = 0x20000
  else if (bExp >= 0) steps = <i32>(bSig >> (63 - bExp))
  if ((bSe & NEGATIVE) != 0) steps = -steps
  return packExact(sign, normalExponent(aSig, aSe) + steps, normalSignificand(aSig))
}

export function fscale(): i32 {
  const destination = physical(0)
  const source = physical(1)
  if (isEmpty(destination) || isEmpty(source)) return underflowInto(destination)
  raised = 0
  const a = addressOf(destination)
  const b = addressOf(source)
  const sig = scale80(significand(a), signExponent(a), significand(b), signExponent(b))
  return deliver(a, sig, resultSe)
}

/** What a push of a second result does on a stack that has no source or no room. Zero: all is well. */
export function pushTwoFault(): i32 {
  const register = physical(0)
  const noRoom = !isEmpty(physical(7))
  if (!noRoom && !isEmpty(register)) return 0
  // With no source as well, C1 says underflow.
  raised = isEmpty(register) ? IE | SF : IE | SF | C1
  const forbidding = report(false)
  if (forbidding == 0) {
    put(addressOf(register), INDEFINITE, INDEFINITE_SE)
    setFull(register)
    put(addressOf(push()), INDEFINITE, INDEFINITE_SE)
  }
  return 1
}

export function fxtract(): i32 {
  if (pushTwoFault() != 0) return 1
  raised = 0
  const at = addressOf(physical(0))
  let sig = significand(at)
  let se = signExponent(at)
  let power: u64
  let powerSe: u32
  if (isUnsupported(sig, se) || isNaN80(sig, se)) {
    sig = isUnsupported(sig, se) ? invalid() : quieten(sig, se)
    se = resultSe
    power = sig
    powerSe = se
  } else if (isInfinite(sig, se)) {
    power = TOP_BIT
    powerSe = EXPONENT_MAX
  } else if (sig == 0) {
    raised = ZE
    power = TOP_BIT
    powerSe = NEGATIVE | EXPONENT_MAX
  } else {
    if (isDenormal(sig, se)) raised |= DE
    power = fromInteger(<i64>(normalExponent(sig, se) - BIAS))
    powerSe = resultSe
    sig = normalSignificand(sig)
    se = (se & NEGATIVE) | BIAS
  }
  const forbidding = deliver(at, power, powerSe)
  if (forbidding == 0) put(addressOf(push()), sig, se)
  return forbidding
}

/** MXCSR, and how an SSE instruction reports what its lanes raised. */
import { FPU_SCRATCH, MXCSR } from './layout'
import { DE, EXCEPTIONS, IE, OE, PE, UE, ZE, raised } from './machine'

export const DAZ: u32 = 0x40
export const OVERFLOW_MASK: u32 = 0x400
export const UNDERFLOW_MASK: u32 = 0x800
export const PRECISION_MASK: u32 = 0x1000
export const ROUNDING: u32 = 0x6000
export const FLUSH: u32 = 0x8000

/** Where lanes gather before the destination may be written. */
export const GATHER: usize = FPU_SCRATCH + 256

// @ts-ignore: decorator
@inline
export function mxcsr(): u32 {
  return load<u32>(MXCSR)
}

// @ts-ignore: decorator
@inline
export function sseRounding(): u32 {
  return (load<u32>(MXCSR) >> 13) & 3
}

/**
 * Enters what all lanes raised into MXCSR. Returns the unmasked exceptions: nonzero calls for #XM, and the
 * destination stays. Those known before the computation keep the others from showing.
 * @see Intel SDM vol. 1, 11.5.3
 */
export function finish(): u32 {
  const state = mxcsr()
  const unmasked = ~(state >> 7) & EXCEPTIONS
  let exceptions = raised & EXCEPTIONS
  if ((exceptions & (IE | DE | ZE) & unmasked) != 0) exceptions &= IE | DE | ZE
  store<u32>(MXCSR, state | exceptions)
  return exceptions & unmasked
}

/** Whether lanes may be computed by the host's own arithmetic: to nearest, with PE masked. */
// @ts-ignore: decorator
@inline
export function isPlainMode(state: u32): bool {
  return (state & (ROUNDING | PRECISION_MASK)) == PRECISION_MASK
}

/** As before, and PE already set: results without any other exception change no flag. */
// @ts-ignore: decorator
@inline
export function isQuietMode(state: u32): bool {
  return (state & (ROUNDING | PRECISION_MASK | PE)) == (PRECISION_MASK | PE)
}

/** Control and status words, FNINIT, FNCLEX, the MMX view of the registers, and pending exceptions. */
import { FPU_CONTROL, FPU_CS, FPU_DP, FPU_DS, FPU_IP, FPU_OPCODE, FPU_SCRATCH, FPU_STATUS, FPU_TAG } from './layout'
import { BUSY, ES, EXCEPTIONS, addressOf, controlWord, isEmpty, setStatus, signExponent, significand, statusWord, trapNext } from './machine'

/** Whether an unmasked exception waits for the next waiting instruction: #MF, or FERR# where CR0.NE is 0. */
export function pending(): i32 {
  return <i32>((load<u32>(FPU_STATUS) >> 7) & 1)
}

/** Makes ES and B agree with flags and masks, as after every load of either. */
export function updateSummary(): void {
  const status = statusWord()
  const unmasked = status & ~controlWord() & EXCEPTIONS
  setStatus(unmasked != 0 ? status | ES | BUSY : status & ~(ES | BUSY))
  if (unmasked != 0) trapNext()
}

/** Bit 6 always reads as one; bit 12 (infinity control) only remembers; the other reserved bits are zero. */
export function setControl(value: u32): void {
  store<u32>(FPU_CONTROL, (value & 0x1f3f) | 0x40)
  updateSummary()
}

export function fldcw(): i32 {
  setControl(load<u16>(FPU_SCRATCH))
  return 0
}

export function fnclex(): i32 {
  setStatus(statusWord() & 0x7f00)
  return 0
}

export function fninit(): i32 {
  store<u32>(FPU_CONTROL, 0x37f)
  store<u32>(FPU_STATUS, 0)
  store<u32>(FPU_TAG, 0xffff)
  store<u32>(FPU_IP, 0)
  store<u32>(FPU_CS, 0)
  store<u32>(FPU_DP, 0)
  store<u32>(FPU_DS, 0)
  store<u32>(FPU_OPCODE, 0)
  return 0
}

/** What every MMX instruction but EMMS does first: TOP is 0 and all registers are in use. */
export function mmxEnter(): i32 {
  store<u32>(FPU_STATUS, load<u32>(FPU_STATUS) & ~0x3800)
  store<u32>(FPU_TAG, 0)
  return 0
}

export function emms(): i32 {
  store<u32>(FPU_TAG, 0xffff)
  return 0
}

/** The tag word as FNSTENV shows it: valid, zero, special and empty told from the registers' contents. */
export function tagWord(): u32 {
  let tags: u32 = 0
  for (let register: u32 = 0; register < 8; register++) {
    const at = addressOf(register)
    const sig = significand(at)
    const exponent = signExponent(at) & 0x7fff
    let tag: u32
    if (isEmpty(register)) tag = 3
    else if (exponent == 0 && sig == 0) tag = 1
    else tag = exponent == 0 || exponent == 0x7fff || <i64>sig >= 0 ? 2 : 0
    tags |= tag << (register << 1)
  }
  return tags
}

/** Takes over a tag word; of a register in use the contents decide, not the tag given. */
export function setTagWord(tags: u32): void {
  let kept: u32 = 0
  for (let shift: u32 = 0; shift < 16; shift += 2) {
    if (((tags >> shift) & 3) == 3) kept |= 3 << shift
  }
  store<u32>(FPU_TAG, kept)
}

/** Memory images of the state: FNSTENV, FLDENV, FNSAVE, FRSTOR, FXSAVE and FXRSTOR, in FPU_SCRATCH. */
import { fninit, setControl, setTagWord, tagWord, updateSummary } from './control'
import { FPU_CONTROL, FPU_CS, FPU_DP, FPU_DS, FPU_IP, FPU_OPCODE, FPU_SCRATCH, FPU_STATUS, FPU_TAG, MXCSR, XMM } from './layout'
import { addressOf, physical, put, setStatus, signExponent, significand } from './machine'

/** Bits of a format number: protected mode, 32-bit operand size. */
const PROTECTED: u32 = 1
const WIDE: u32 = 2

/** MXCSR bits that exist, DAZ among them. */
export const MXCSR_MASK: u32 = 0xffff

/** Bytes of an environment: 14 or 28. */
export function environmentBytes(format: u32): u32 {
  return (format & WIDE) != 0 ? 28 : 14
}

/** Builds FNSTENV's image without changing the state. @param format as in fnstenv */
export function environmentImage(format: u32): i32 {
  writeEnvironment(format)
  return 0
}

/** What FNSTENV does to the state. */
export function maskExceptions(): i32 {
  setControl(load<u32>(FPU_CONTROL) | 0x3f)
  return 0
}

/** Builds FNSAVE's image of 94 or 108 bytes without changing the state. @param format as in fnstenv */
export function stateImage(format: u32): i32 {
  writeEnvironment(format)
  let at: usize = FPU_SCRATCH + environmentBytes(format)
  for (let i: u32 = 0; i < 8; i++, at += 10) {
    const from = addressOf(physical(i))
    store<u64>(at, significand(from))
    store<u16>(at, <u16>signExponent(from), 8)
  }
  return 0
}

function writeEnvironment(format: u32): void {
  const at: usize = FPU_SCRATCH
  const control = load<u32>(FPU_CONTROL)
  const status = load<u32>(FPU_STATUS)
  const opcode = load<u32>(FPU_OPCODE) & 0x7ff
  let ip = load<u32>(FPU_IP)
  let dp = load<u32>(FPU_DP)
  const cs = load<u32>(FPU_CS) & 0xffff
  const ds = load<u32>(FPU_DS) & 0xffff
  const isProtected = (format & PROTECTED) != 0
  if (!isProtected) {
    ip += cs << 4
    dp += ds << 4
  }
  if ((format & WIDE) != 0) {
    const ones: u32 = 0xffff0000
    store<u32>(at, control | ones)
    store<u32>(at, status | ones, 4)
    store<u32>(at, tagWord() | ones, 8)
    store<u32>(at, isProtected ? ip : (ip & 0xffff) | ones, 12)
    store<u32>(at, isProtected ? cs | (opcode << 16) : ((ip >> 16) << 12) | opcode, 16)
    store<u32>(at, isProtected ? dp : (dp & 0xffff) | ones, 20)
    store<u32>(at, isProtected ? ds | ones : (dp >> 16) << 12, 24)
    return
  }
  store<u16>(at, <u16>control)
  store<u16>(at, <u16>status, 2)
  store<u16>(at, <u16>tagWord(), 4)
  store<u16>(at, <u16>ip, 6)
  store<u16>(at, <u16>(isProtected ? cs : ((ip >> 4) & 0xf000) | opcode), 8)
  store<u16>(at, <u16>dp, 10)
  store<u16>(at, <u16>(isProtected ? ds : (dp >> 4) & 0xf000), 12)
}

function readEnvironment(format: u32): void {
  const at: usize = FPU_SCRATCH
  const isProtected = (format & PROTECTED) != 0
  const isWide = (format & WIDE) != 0
  const control = load<u16>(at)
  const status: u32 = isWide ? load<u16>(at, 4) : load<u16>(at, 2)
  const tags: u32 = isWide ? load<u16>(at, 8) : load<u16>(at, 4)
  let ip: u32 = isWide ? load<u32>(at, 12) : load<u16>(at, 6)
  const selector: u32 = isWide ? load<u32>(at, 16) : load<u16>(at, 8)
  let dp: u32 = isWide ? load<u32>(at, 20) : load<u16>(at, 10)
  const dataSelector: u32 = isWide ? load<u32>(at, 24) : load<u16>(at, 12)
  if (!isProtected) {
    ip = (ip & 0xffff) | (isWide ? (selector & 0xffff000) << 4 : (selector & 0xf000) << 4)
    dp = (dp & 0xffff) | (isWide ? (dataSelector & 0xffff000) << 4 : (dataSelector & 0xf000) << 4)
  }
  store<u32>(FPU_IP, ip)
  store<u32>(FPU_DP, dp)
  store<u32>(FPU_CS, isProtected ? selector & 0xffff : 0)
  store<u32>(FPU_DS, isProtected ? dataSelector & 0xffff : 0)
  if (!isProtected) store<u32>(FPU_OPCODE, selector & 0x7ff)
  else if (isWide) store<u32>(FPU_OPCODE, (selector >> 16) & 0x7ff)
  setStatus(status)
  setTagWord(tags)
  setControl(control)
}

/** @param format 0 16-bit real, 1 16-bit protected, 2 32-bit real, 3 32-bit protected. All exceptions get masked. */
export function fnstenv(format: u32): i32 {
  writeEnvironment(format)
  return maskExceptions()
}

/** @param format as in fnstenv */
export function fldenv(format: u32): i32 {
  readEnvironment(format)
  return 0
}

/** @param format as in fnstenv */
export function fnsave(format: u32): i32 {
  stateImage(format)
  return fninit()
}

/** @param format as in fnstenv */
export function frstor(format: u32): i32 {
  readEnvironment(format)
  let at: usize = FPU_SCRATCH + environmentBytes(format)
  for (let i: u32 = 0; i < 8; i++, at += 10) put(addressOf(physical(i)), load<u64>(at), load<u16>(at, 8))
  return 0
}

/** Builds the first 288 bytes of the FXSAVE image; the processor leaves the rest of the 512 as it is. */
export function fxsave(): i32 {
  const at: usize = FPU_SCRATCH
  let used: u32 = 0
  for (let register: u32 = 0; register < 8; register++) {
    if (((load<u32>(FPU_TAG) >> (register << 1)) & 3) != 3) used |= 1 << register
  }
  store<u16>(at, <u16>load<u32>(FPU_CONTROL))
  store<u16>(at, <u16>load<u32>(FPU_STATUS), 2)
  store<u16>(at, <u16>used, 4)
  store<u16>(at, <u16>(load<u32>(FPU_OPCODE) & 0x7ff), 6)
  store<u32>(at, load<u32>(FPU_IP), 8)
  store<u32>(at, load<u32>(FPU_CS) & 0xffff, 12)
  store<u32>(at, load<u32>(FPU_DP), 16)
  store<u32>(at, load<u32>(FPU_DS) & 0xffff, 20)
  store<u32>(at, load<u32>(MXCSR), 24)
  store<u32>(at, MXCSR_MASK, 28)
  for (let i: u32 = 0; i < 8; i++) {
    const from = addressOf(physical(i))
    store<u64>(at + 32 + (i << 4), significand(from))
    store<u64>(at + 40 + (i << 4), signExponent(from))
  }
  memory.copy(at + 160, XMM, 128)
  return 0
}

/** Takes over the image. Returns 1, changing nothing, when MXCSR has a reserved bit set: #GP(0). */
export function fxrstor(): i32 {
  const at: usize = FPU_SCRATCH
  const mxcsr = load<u32>(at, 24)
  if ((mxcsr & ~MXCSR_MASK) != 0) return 1
  store<u32>(MXCSR, mxcsr)
  const used: u32 = load<u8>(at, 4)
  let tags: u32 = 0
  for (let register: u32 = 0; register < 8; register++) {
    if (((used >> register) & 1) == 0) tags |= 3 << (register << 1)
  }
  store<u32>(FPU_TAG, tags)
  store<u32>(FPU_OPCODE, load<u16>(at, 6) & 0x7ff)
  store<u32>(FPU_IP, load<u32>(at, 8))
  store<u32>(FPU_CS, load<u16>(at, 12))
  store<u32>(FPU_DP, load<u32>(at, 16))
  store<u32>(FPU_DS, load<u16>(at, 20))
  setStatus(load<u16>(at, 2))
  setControl(load<u16>(at))
  for (let i: u32 = 0; i < 8; i++) {
    put(addressOf(physical(i)), load<u64>(at + 32 + (i << 4)), load<u16>(at + 40 + (i << 4)))
  }
  memory.copy(XMM, at + 160, 128)
  return 0
}

import { beforeEach, describe, expect, it } from 'vitest'
import { FPU_DATA, State } from '../isa/state.ts'
import { type FpuExports, fpuModuleBytes, loadFpu } from './fpu.ts'

const bytes = fpuModuleBytes()
const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true })
const view = new DataView(memory.buffer)
const fpu: FpuExports = loadFpu(memory, bytes)

const IE = 1
const ZE = 4
const OE = 8
const PE = 0x20
const SF = 0x40
const ES_AND_B = 0x8080
const C1 = 0x200

const status = (): number => view.getUint32(State.FPU_STATUS, true)
const topOfStack = (): number => (status() >> 11) & 7
const exceptions = (): number => status() & 0x7f

function setControl(value: number): void {
  view.setUint16(State.FPU_SCRATCH, value, true)
  fpu.fldcw()
}

function load(value: number): void {
  view.setFloat64(State.FPU_SCRATCH, value, true)
  fpu.fldM64()
}

function store(): number {
  fpu.fstM64()
  return view.getFloat64(State.FPU_SCRATCH, true)
}

/** Sign and exponent, and significand, of ST(i). */
function register(i: number): string {
  const at = State.FPU + ((topOfStack() + i) & 7) * 16
  return `${view.getUint16(at + 8, true).toString(16)}.${view.getBigUint64(at, true).toString(16)}`
}

beforeEach(() => {
  fpu.fninit()
  view.setUint32(State.FPU_TRAP, 0, true)
  view.setUint32(State.MXCSR, 0x1f80, true)
})

describe('the register stack', () => {
  it('is empty after FNINIT, with all exceptions masked and full precision', () => {
    expect(view.getUint32(State.FPU_CONTROL, true)).toBe(0x37f)
    expect(status()).toBe(0)
    expect(fpu.tagWord()).toBe(0xffff)
  })

  it('grows downwards and tells what the registers hold', () => {
    load(1)
    load(0)
    load(Infinity)
    expect(topOfStack()).toBe(5)
    // R7 valid, R6 zero, R5 special.
    expect(fpu.tagWord()).toBe(0b00_01_10_1111111111)
  })

  it('reports overflow with C1 set and underflow with C1 clear', () => {
    for (let i = 0; i < 9; i++) load(1)
    expect(status() & (IE | SF | C1)).toBe(IE | SF | C1)
    expect(register(0)).toBe('ffff.c000000000000000')
    fpu.fninit()
    fpu.fadd(1)
    expect(status() & (IE | SF | C1)).toBe(IE | SF)
  })
})

describe('rounding', () => {
  it('follows precision control in arithmetic', () => {
    const third = (control: number): string => {
      fpu.fninit()
      setControl(control)
      load(1)
      load(3)
      fpu.fdivPop(1)
      return register(0)
    }
    expect(third(0x37f)).toBe('3ffd.aaaaaaaaaaaaaaab')
    expect(third(0x27f)).toBe('3ffd.aaaaaaaaaaaaa800')
    expect(third(0x07f)).toBe('3ffd.aaaaab0000000000')
    expect(exceptions()).toBe(PE)
  })

  it('follows rounding control in integer stores, and truncates in FISTTP', () => {
    const stored = (control: number, value: number, how: 'fistM32' | 'fisttpM32'): number => {
      fpu.fninit()
      setControl(control)
      load(value)
      fpu[how]()
      return view.getInt32(State.FPU_SCRATCH, true)
    }
    expect(stored(0x37f, 2.5, 'fistM32')).toBe(2)
    expect(stored(0x77f, -2.5, 'fistM32')).toBe(-3)
    expect(stored(0xb7f, 2.5, 'fistM32')).toBe(3)
    expect(stored(0xf7f, -2.5, 'fistM32')).toBe(-2)
    expect(stored(0x37f, 2.9, 'fisttpM32')).toBe(2)
    expect(stored(0x37f, 3e9, 'fistM32')).toBe(-0x80000000)
  })

  it('gives the constants rounded as RC says, without PE', () => {
    fpu.fldConstant(3)
    expect(register(0)).toBe('4000.c90fdaa22168c235')
    setControl(0xf7f)
    fpu.fldConstant(3)
    expect(register(0)).toBe('4000.c90fdaa22168c234')
    expect(exceptions()).toBe(0)
  })
})

describe('exceptions', () => {
  it('are pending only for the next waiting instruction, and leave the operands of a divide by zero', () => {
    setControl(0x37b)
    load(1)
    load(0)
    expect(fpu.fdivTo(1)).not.toBe(0)
    expect(status() & ES_AND_B).toBe(ES_AND_B)
    expect(exceptions()).toBe(ZE)
    expect(fpu.pending()).toBe(1)
    expect(register(1)).toBe('3fff.8000000000000000')
    expect(view.getUint32(State.FPU_TRAP, true)).toBe(0x13)
    fpu.fnclex()
    expect(fpu.pending()).toBe(0)
  })

  it('become pending when FLDCW unmasks one that is set', () => {
    load(1)
    load(0)
    fpu.fdivTo(1)
    expect(fpu.pending()).toBe(0)
    setControl(0x37b)
    expect(fpu.pending()).toBe(1)
  })

  it('withhold a store that overflows unmasked, and do not pop', () => {
    setControl(0x377)
    load(1e300)
    load(1e300)
    fpu.fmulPop(1)
    const before = topOfStack()
    expect(fpu.fstpM32()).not.toBe(0)
    expect(exceptions() & OE).toBe(OE)
    expect(topOfStack()).toBe(before)
  })
})

describe('images', () => {
  it('FNSAVE and FRSTOR keep a state; FNSAVE initialises', () => {
    load(1.5)
    load(-2)
    const saved = register(1)
    fpu.fnsave(3)
    expect(fpu.tagWord()).toBe(0xffff)
    fpu.frstor(3)
    expect(topOfStack()).toBe(6)
    expect(register(1)).toBe(saved)
    expect(store()).toBe(-2)
  })

  it('the real-mode environment holds linear pointers and the opcode', () => {
    view.setUint32(State.FPU_IP, 0x1234, true)
    view.setUint32(State.FPU_CS, 0xf000, true)
    view.setUint32(State.FPU_OPCODE, 0x1c9, true)
    fpu.fnstenv(0)
    expect(view.getUint16(State.FPU_SCRATCH + 6, true)).toBe(0x1234)
    expect(view.getUint16(State.FPU_SCRATCH + 8, true)).toBe(0xf1c9)
  })

  it('FXRSTOR refuses reserved bits of MXCSR and changes nothing', () => {
    load(7)
    fpu.fxsave()
    view.setUint32(State.FPU_SCRATCH + 24, 0x10000, true)
    fpu.fninit()
    expect(fpu.fxrstor()).toBe(1)
    expect(fpu.tagWord()).toBe(0xffff)
  })
})

describe('transcendental instructions', () => {
  const first = (run: () => void, ...values: number[]): string => {
    fpu.fninit()
    values.forEach(load)
    run()
    return register(0)
  }

  it('reduce angles with the pi of 66 bits that silicon has', () => {
    fpu.fldConstant(3)
    fpu.fsin()
    // Rounded to 64 bits pi is 2^-64 more than with 66.
    expect(register(0)).toBe('bfbf.8000000000000000')
  })

  it('say with C2 that an angle is out of range, which stays', () => {
    load(2 ** 63)
    fpu.fcos()
    expect(status() & 0x400).toBe(0x400)
    expect(store()).toBe(2 ** 63)
  })

  it('are exact where mathematics is', () => {
    expect(first(() => fpu.f2xm1(), -1)).toBe('bffe.8000000000000000')
    expect(first(() => fpu.fyl2x(), 3, 1024)).toBe('4003.f000000000000000')
    expect(first(() => fpu.fpatan(), 1, 1)).toBe('3ffe.c90fdaa22168c235')
    expect(first(() => fpu.fprem(), 3, 10)).toBe('3fff.8000000000000000')
  })
})

describe('SSE', () => {
  const A = State.XMM
  const B = State.XMM + 16
  const put = (at: number, value: number): void => view.setFloat64(at, value, true)
  const flags = (): number => view.getUint32(State.MXCSR, true) & 0x3f

  it('sets PE for a rounded sum and nothing for an exact one', () => {
    put(A, 1)
    put(B, 2)
    fpu.addsd(A, B)
    expect([view.getFloat64(A, true), flags()]).toEqual([3, 0])
    put(B, 1e-30)
    fpu.addsd(A, B)
    expect([view.getFloat64(A, true), flags()]).toEqual([3, PE])
  })

  it('rounds as MXCSR says', () => {
    view.setUint32(State.MXCSR, 0x5f80, true)
    put(A, 1)
    put(B, 1e-30)
    fpu.addsd(A, B)
    expect(view.getFloat64(A, true)).toBe(1 + 2 ** -52)
  })

  it('leaves the destination when an exception is unmasked', () => {
    view.setUint32(State.MXCSR, 0x1d80, true)
    put(A, 1)
    put(B, 0)
    expect(fpu.divsd(A, B)).toBe(ZE)
    expect([view.getFloat64(A, true), flags()]).toEqual([1, ZE])
  })

  it('flushes tiny results and takes denormals for zero when told to', () => {
    view.setUint32(State.MXCSR, 0x9fc0, true)
    put(A, 2 ** -1000)
    put(B, 2 ** -60)
    fpu.mulsd(A, B)
    expect(view.getFloat64(A, true)).toBe(0)
    put(A, 5e-324)
    put(B, 1)
    fpu.addsd(A, B)
    expect(view.getFloat64(A, true)).toBe(1)
  })

  it('approximates reciprocals to 12 bits', () => {
    for (let i = 1; i < 2000; i++) {
      const x = i * 0.37
      view.setFloat32(B, x, true)
      fpu.rcpss(A, B)
      expect(Math.abs(view.getFloat32(A, true) * Math.fround(x) - 1)).toBeLessThan(1.5 * 2 ** -12)
      fpu.rsqrtss(A, B)
      expect(Math.abs(view.getFloat32(A, true) * Math.sqrt(Math.fround(x)) - 1)).toBeLessThan(1.5 * 2 ** -12)
    }
  })
})

it('keeps its constants where the layout has room for them', () => {
  const first = view.getBigUint64(FPU_DATA, true) | view.getBigUint64(FPU_DATA + 8, true)
  expect(first).not.toBe(0n)
  // Nothing below: state that no instruction has touched is zero.
  expect(view.getBigUint64(State.END, true)).toBe(0n)
})

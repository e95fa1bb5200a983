import { beforeEach, describe, expect, it } from 'vitest'
import { EAX, EDI, EDX, CS, Segment, State, segmentAt } from '../../../engine/isa/state.ts'
import { GP, XM } from '../../../engine/isa/semantics.ts'
import { DEVICE_PAGE, OPERAND_PAGE, SingleInstructions } from './interpreter.ts'

const machine = new SingleInstructions()
const { view, state, operands } = machine
const SAFE = -1

beforeEach(() => {
  machine.run([0xdb, 0xe3])
  view.setUint32(State.MXCSR, 0x1f80, true)
  state.setGpr(EDX, OPERAND_PAGE)
})

describe('x87 instructions', () => {
  it('remember where they and their operands are, which control instructions do not', () => {
    view.setInt32(State.EIP_BASE, 0x401000, true)
    view.setInt32(segmentAt(CS) + Segment.SELECTOR, 0x1b, true)
    expect(machine.run([0xd9, 0x42, 0x08])).toBe(SAFE) // FLD dword [EDX + 8]
    expect(machine.run([0x9b])).toBe(SAFE)
    expect(machine.run([0xd9, 0x3a])).toBe(SAFE) // FNSTCW [EDX]
    expect(state.word(State.FPU_IP)).toBe(0x401000)
    expect(state.word(State.FPU_CS)).toBe(0x1b)
    expect(state.word(State.FPU_DP)).toBe(OPERAND_PAGE + 8)
    expect(view.getUint16(operands, true)).toBe(0x37f)
    machine.run([0xd8, 0xc1]) // FADD ST,ST(1)
    expect(state.word(State.FPU_OPCODE)).toBe(0x0c1)
  })

  it('FNSTSW AX leaves the upper half of EAX', () => {
    state.setGpr(EAX, 0x12345678)
    machine.run([0xd9, 0xe8]) // FLD1
    machine.run([0xdf, 0xe0])
    expect(state.gpr(EAX)).toBe(0x12343800)
  })

  it('FNSTENV writes 28 bytes with a 32-bit operand, 14 with a 16-bit one, and masks all exceptions', () => {
    for (const [prefix, bytes] of [
      [[], 28],
      [[0x66], 14],
    ] as const) {
      new Uint8Array(view.buffer, operands, 64).fill(0x55)
      machine.run([0xdb, 0xe3])
      view.setUint32(State.FPU_CONTROL, 0x340, true)
      expect(machine.run([...prefix, 0xd9, 0x32])).toBe(SAFE)
      expect(view.getUint16(operands, true)).toBe(0x340)
      expect(view.getUint8(operands + bytes - 1)).not.toBe(0x55)
      expect(view.getUint8(operands + bytes)).toBe(0x55)
      expect(state.word(State.FPU_CONTROL)).toBe(0x37f)
    }
  })
})

describe('MMX instructions', () => {
  it('set TOP to 0, fill all tags, and put ones into exponent and sign; EMMS empties the stack', () => {
    machine.run([0xd9, 0xe8])
    view.setInt32(operands, 0x11223344, true)
    expect(machine.run([0x0f, 0x6e, 0x0a])).toBe(SAFE) // MOVD MM1,[EDX]
    expect(view.getBigUint64(State.FPU + 16, true)).toBe(0x11223344n)
    expect(view.getUint16(State.FPU + 24, true)).toBe(0xffff)
    expect(state.word(State.FPU_TAG)).toBe(0)
    expect(state.word(State.FPU_STATUS) & 0x3800).toBe(0)
    expect(machine.run([0x0f, 0x77])).toBe(SAFE)
    expect(state.word(State.FPU_TAG)).toBe(0xffff)
  })

  it('MASKMOVQ writes the bytes whose mask is negative', () => {
    state.setGpr(EDI, OPERAND_PAGE)
    view.setBigUint64(State.FPU + 16, 0x1122334455667788n, true)
    view.setBigUint64(State.FPU + 32, 0x80007f00ff0080ffn, true)
    view.setBigUint64(operands, 0n, true)
    expect(machine.run([0x0f, 0xf7, 0xca])).toBe(SAFE)
    expect(view.getBigUint64(operands, true)).toBe(0x1100000055007788n)
  })
})

describe('SSE instructions', () => {
  it('refuse operands of 16 bytes that are not aligned, but for MOVUPS', () => {
    state.setGpr(EDX, OPERAND_PAGE + 8)
    expect(machine.run([0x0f, 0x58, 0x0a])).toBe(GP) // ADDPS XMM1,[EDX]
    expect(machine.run([0x0f, 0x29, 0x0a])).toBe(GP) // MOVAPS [EDX],XMM1
    expect(machine.run([0x66, 0x0f, 0xfc, 0x0a])).toBe(GP) // PADDB XMM1,[EDX]
    expect(machine.run([0x0f, 0x10, 0x0a])).toBe(SAFE) // MOVUPS XMM1,[EDX]
    expect(machine.run([0xf3, 0x0f, 0x58, 0x0a])).toBe(SAFE) // ADDSS XMM1,[EDX]
  })

  it('raise #XM with the destination as it was', () => {
    view.setUint32(State.MXCSR, 0x1d80, true)
    view.setFloat32(State.XMM + 16, 1, true)
    view.setFloat32(operands, 0, true)
    expect(machine.run([0xf3, 0x0f, 0x5e, 0x0a])).toBe(XM) // DIVSS XMM1,[EDX]
    expect(view.getFloat32(State.XMM + 16, true)).toBe(1)
    expect(state.word(State.MXCSR)).toBe(0x1d84)
  })

  it('LDMXCSR refuses bits that do not exist', () => {
    view.setUint32(operands, 0x10000, true)
    expect(machine.run([0x0f, 0xae, 0x12])).toBe(GP)
    view.setUint32(operands, 0x9fc0, true)
    expect(machine.run([0x0f, 0xae, 0x12])).toBe(SAFE)
    expect(state.word(State.MXCSR)).toBe(0x9fc0)
  })

  it('FXSAVE and FXRSTOR keep x87, XMM and MXCSR, and the end of the image', () => {
    machine.run([0xd9, 0xeb]) // FLDPI
    view.setBigUint64(State.XMM + 7 * 16, 0x0123456789abcdefn, true)
    new Uint8Array(view.buffer, operands, 512).fill(0x77)
    expect(machine.run([0x0f, 0xae, 0x02])).toBe(SAFE)
    expect(view.getUint8(operands + 4)).toBe(0x80)
    expect(view.getUint8(operands + 288)).toBe(0x77)
    machine.run([0xdb, 0xe3])
    view.setBigUint64(State.XMM + 7 * 16, 0n, true)
    expect(machine.run([0x0f, 0xae, 0x0a])).toBe(SAFE)
    expect(view.getBigUint64(State.XMM + 7 * 16, true)).toBe(0x0123456789abcdefn)
    expect(state.word(State.FPU_TAG)).toBe(0x3fff)
  })
})

describe('accesses that go through buffers', () => {
  const device = operands + DEVICE_PAGE - OPERAND_PAGE

  beforeEach(() => {
    state.setGpr(EDX, DEVICE_PAGE)
    new Uint8Array(view.buffer, device, 512).fill(0x55)
  })

  it('leave memory as it was when an unmasked exception withholds a store', () => {
    view.setUint32(State.FPU_CONTROL, 0x37e, true)
    expect(machine.run([0xdb, 0x3a])).toBe(SAFE) // FSTP tbyte [EDX] of an empty stack
    expect(new Uint8Array(view.buffer, device, 10).every((byte) => byte === 0x55)).toBe(true)
    view.setUint32(State.FPU_CONTROL, 0x37f, true)
    expect(machine.run([0xdb, 0x3a])).toBe(SAFE)
    expect(view.getUint16(device + 8, true)).toBe(0xffff)
  })

  it('keep the bytes that MASKMOVDQU does not choose', () => {
    state.setGpr(EDI, DEVICE_PAGE)
    view.setBigUint64(State.XMM + 32, 0x80n, true)
    view.setBigUint64(State.XMM + 40, 0n, true)
    view.setBigUint64(State.XMM + 16, 0x99n, true)
    expect(machine.run([0x66, 0x0f, 0xf7, 0xca])).toBe(SAFE)
    expect(view.getUint32(device, true)).toBe(0x55555599)
  })

  it('have room for a whole FXSAVE image', () => {
    machine.run([0xd9, 0xe8]) // FLD1
    expect(machine.run([0x0f, 0xae, 0x02])).toBe(SAFE)
    expect(view.getUint16(device, true)).toBe(0x37f)
    expect(view.getBigUint64(device + 32, true)).toBe(1n << 63n)
    expect(view.getUint8(device + 288)).toBe(0x55)
  })
})

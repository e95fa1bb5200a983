import { expect, it } from 'vitest'
import { CpuTarget } from '../../../engine/debugger/cpu-target.ts'
import { assemble } from '../../../tools/assembler/assemble.ts'
import { buildProcessor } from './processor.ts'

/** What a debugger sees and sets of x87 and SSE, against what the instructions of a guest make of it. */
function stoppedGuest(program: string) {
  const text = `org 0x1000\nbits 16\n${program}`
  const { bytes, symbols } = assemble('debugged.asm', {
    readText: () => text,
    readBytes: () => new Uint8Array(),
    find: (name) => (name === 'debugged.asm' ? name : null),
  })
  const { vcpu, memory, ram } = buildProcessor({ withFpu: true })
  memory.dmaWrite(0x1000, bytes)
  vcpu.reset()
  vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
  vcpu.state.eip = 0x1000
  const target = new CpuTarget(vcpu, memory)
  const names = target.features.flatMap(({ registers }) => registers.map(({ name }) => name))
  const index = (name: string): number => names.indexOf(name)
  return {
    target,
    read: (name: string): string => Buffer.from(target.readRegister(index(name))).toString('hex'),
    write: (name: string, hex: string): boolean => target.writeRegister(index(name), Buffer.from(hex, 'hex')),
    runTo: (label: string): void => {
      const at = Number(symbols.get(label))
      target.setPoint('breakpoint', at, 1)
      target.begin(false)
      expect(vcpu.run(10_000)).toBe('breakpoint')
      expect(target.stopReason()).toEqual({ kind: 'breakpoint', linear: at })
      target.clearPoint('breakpoint', at, 1)
    },
    run: () => vcpu.run(10_000),
    symbol: (name: string): number => Number(symbols.get(name)),
    memory: (at: number, count: number): string => Buffer.from(ram.subarray(at, at + count)).toString('hex'),
  }
}

const ONE = '0000000000000080ff3f'
const TWO = '00000000000000800040'

it('has the x87 stack in its order, tags, control and status', () => {
  const { read, runTo } = stoppedGuest(`
      fninit
      fldz
      fld1
      fldcw [rounding]
    seen:
      hlt
    rounding: dw 0x0f7f`)
  runTo('seen')
  expect([read('st0'), read('st1')]).toEqual([ONE, '00'.repeat(10)])
  // Top is 6: valid there, zero in 7, the others empty.
  expect([read('ftag'), read('fstat'), read('fctrl')]).toEqual(['ff4f0000', '00300000', '7f0f0000'])
})

it('sets x87 registers, rounding and tags as the guest then finds them', () => {
  const { memory, read, runTo, write } = stoppedGuest(`
      fninit
      fld1
    here:
      fld st0
      fistp dword [0x8000]
      fst qword [0x8010]
      fnstenv [0x8020]
    done:
      hlt`)
  runTo('here')
  expect(write('st0', '00000000000000a0ff3f')).toBe(true) // 1.25
  expect(write('fctrl', '7f0b0000')).toBe(true) // up
  runTo('done')
  expect([memory(0x8000, 4), memory(0x8010, 8)]).toEqual(['02000000', '000000000000f43f'])
  expect(write('ftag', 'ffff0000')).toBe(true)
  expect(read('ftag')).toBe('ffff0000')
  expect(write('st0', TWO)).toBe(true)
  expect(read('st0')).toBe(TWO)
})

it('has SSE registers and MXCSR, and sets them', () => {
  const { memory, read, runTo, write } = stoppedGuest(`
      mov eax, cr4
      or ax, 0x200
      mov cr4, eax
      db 0x0f, 0x10, 0x3e ; movups xmm7, [value]
      dw value
      db 0x0f, 0xae, 0x16 ; ldmxcsr [mxcsr]
      dw mxcsr
    here:
      db 0x0f, 0x11, 0x16 ; movups [0x8000], xmm2
      dw 0x8000
      db 0x0f, 0xae, 0x1e ; stmxcsr [0x8010]
      dw 0x8010
    done:
      hlt
    value: dd 1, 2, 3, 4
    mxcsr: dd 0x3f80`)
  runTo('here')
  expect([read('xmm7'), read('mxcsr')]).toEqual(['01000000020000000300000004000000', '803f0000'])
  expect(write('xmm2', '00112233445566778899aabbccddeeff')).toBe(true)
  expect(write('mxcsr', '805f0000')).toBe(true)
  runTo('done')
  expect([memory(0x8000, 16), memory(0x8010, 4)]).toEqual(['00112233445566778899aabbccddeeff', '805f0000'])
})

it.each([
  ['write', 'stored'],
  ['read', 'loaded'],
  ['access', 'stored'],
] as const)('stops behind a %s of watched memory', (kind, label) => {
  const { runTo, run, symbol, target } = stoppedGuest(`
    here:
      mov al, 0x77
      mov [0x8005], al
    stored:
      mov bl, [0x8005]
    loaded:
      hlt`)
  runTo('here')
  target.setPoint(kind, 0x8004, 4)
  target.begin(false)
  expect(run()).toBe('breakpoint')
  expect(target.stopReason()).toEqual({ kind: 'watchpoint', watch: kind, linear: 0x8005 })
  expect(Buffer.from(target.readRegister(8)).readUInt32LE()).toBe(symbol(label))
})

import { describe, expect } from 'vitest'
import { State } from '../../../engine/isa/state.ts'
import { itWithKvm, TestMachine } from '../../../engine/kvm/test-kvm.ts'
import { SoftwareTwin } from './software-twin.ts'

/** Sorts, multiplies and calls its way through 32-bit arithmetic; writes a checksum and halts. */
const WORK = [
  'mov ecx, 4000',
  'mov ebx, 12345678h',
  'mov di, 2000h',
  'fill: imul ebx, ebx, 1664525',
  'add ebx, 1013904223',
  'mov eax, ebx',
  'stosd',
  'cmp di, 6000h',
  'jb .on',
  'mov di, 2000h',
  '.on: dec ecx',
  'jnz fill',
  'mov si, 2000h',
  'mov cx, 4096',
  'xor edx, edx',
  'sum: lodsd',
  'rol edx, 1',
  'adc edx, eax',
  'push edx',
  'call mix',
  'pop eax',
  'loop sum',
  'out 10h, edx',
  'cli',
  'hlt',
  'mix: push bp',
  'mov bp, sp',
  'mov eax, [bp+4]',
  'xor edx, eax',
  'not edx',
  'pop bp',
  'ret',
].map((line) => line.replace('out 10h, edx', 'mov eax, edx\nout 10h, eax'))

const SLICE_NS = 300_000
const SLICE_INSTRUCTIONS = 500

/** Runs WORK on one processor alone. */
function onKvmAlone(): number[] {
  const machine = new TestMachine()
  try {
    machine.start(...WORK)
    machine.run()
    return machine.written
  } finally {
    machine.close()
  }
}

describe('a state', () => {
  itWithKvm('goes back and forth between KVM and the software processor in the middle of work', () => {
    const kvm = new TestMachine()
    const software = new SoftwareTwin()
    try {
      kvm.start(...WORK)
      let turns = 0
      for (; turns < 10_000; turns++) {
        if (kvm.run(SLICE_NS) === 'halt') break
        software.guest.ram.set(kvm.guest.ram)
        software.vcpu.memoryReplaced()
        software.vcpu.restore(kvm.vcpu.save())
        const exit = software.vcpu.run(SLICE_INSTRUCTIONS)
        kvm.guest.ram.set(software.guest.ram)
        kvm.vcpu.restore(software.vcpu.save())
        if (exit === 'halt') break
      }
      expect(turns).toBeGreaterThan(10)
      expect([...kvm.written, ...software.written]).toEqual(onKvmAlone())
    } finally {
      kvm.close()
    }
  })

  itWithKvm('has the same form whoever saved it', () => {
    const kvm = new TestMachine()
    const software = new SoftwareTwin()
    try {
      kvm.start('nop')
      const before = kvm.vcpu.save()
      software.vcpu.restore(before)
      const after = software.vcpu.save()
      kvm.vcpu.restore(after)
      expect(kvm.vcpu.save()).toEqual(after)
    } finally {
      kvm.close()
    }
  })

  itWithKvm('takes an interrupt along that nobody has taken yet', () => {
    const kvm = new TestMachine()
    const software = new SoftwareTwin()
    try {
      kvm.start(
        'cli',
        'mov word [4*33h], handler',
        'mov word [4*33h+2], 0',
        'spin: jmp spin',
        'handler: mov al, 33h',
        'out 10h, al',
        'cli',
        'hlt',
      )
      kvm.vcpu.setInterruptRequest(true)
      kvm.run(5_000_000)
      const saved = kvm.vcpu.save()
      expect(saved.interrupt).toBe(true)
      new DataView(saved.words.buffer).setUint32(State.EFLAGS_SYSTEM, 0x200, true)
      software.guest.ram.set(kvm.guest.ram)
      software.vectors.push(0x33)
      software.vcpu.restore(saved)
      expect(software.vcpu.run(10_000)).toBe('halt')
      expect(software.written).toEqual([0x33])
    } finally {
      kvm.close()
    }
  })
})

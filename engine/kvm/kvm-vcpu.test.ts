import { afterEach, describe, expect } from 'vitest'
import { State } from '../isa/state.ts'
import { CODE, TestMachine, itWithKvm } from './test-kvm.ts'

let machines: TestMachine[] = []
afterEach(() => {
  for (const machine of machines) machine.close()
  machines = []
})
function powerOn(): TestMachine {
  const machine = new TestMachine()
  machines.push(machine)
  return machine
}

describe('a processor of KVM', () => {
  itWithKvm('runs a real-mode program to its HLT', () => {
    const machine = powerOn()
    machine.start('mov ax, 6', 'mov bx, 7', 'mul bx', 'out 10h, ax', 'hlt')
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([42])
  })

  itWithKvm('gives back the state that it was given', () => {
    const machine = powerOn()
    const saved = machine.vcpu.save()
    for (const at of [State.XMM, State.FPU]) for (let i = 0; i < 128; i++) saved.words[at + i] = i * 3 + at
    machine.vcpu.restore(saved)
    const again = machine.vcpu.save()
    const different = [...again.words.keys()].filter((i) => saved.words[i] !== again.words[i]).map((i) => i.toString(16))
    expect(different).toEqual([])
    expect(again.msrs).toEqual(saved.msrs)
    expect(again).toEqual(saved)
  })
})

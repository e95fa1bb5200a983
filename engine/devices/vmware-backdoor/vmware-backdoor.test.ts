import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Mouse } from '../mouse/mouse.ts'
import { VmwareBackdoor } from './vmware-backdoor.ts'

const MAGIC = 0x564d5868

function powerOn() {
  const clock = new ManualClock()
  const mouse = new Mouse(clock)
  mouse.receive(0xf4)
  while (mouse.take() !== null);
  const backdoor = new VmwareBackdoor(mouse)
  const call = (command: number, ebx = 0, eax = MAGIC) => {
    const registers = { eax, ebx, ecx: command, edx: 0x5658, esi: 0x11, edi: 0x22 }
    backdoor.call(registers)
    return registers
  }
  const enable = () => {
    call(41, 0x45414552)
    call(39, 1)
    call(41, 0x53424152)
  }
  const ps2 = () => {
    const bytes: number[] = []
    clock.advance(100_000_000)
    for (let byte = mouse.take(); byte !== null; byte = mouse.take()) bytes.push(byte)
    return bytes
  }
  return { backdoor, call, enable, ps2 }
}

it('tells its version to those who know the magic number', () => {
  const { call } = powerOn()
  expect(call(10)).toMatchObject({ eax: 6, ebx: MAGIC, ecx: 2 })
  expect(call(10, 0, 0x12345678).eax).toBe(0xffffffff)
  expect(call(0x1234).eax).toBe(0xffffffff)
})

describe('absolute pointer', () => {
  it('is found by reading its id', () => {
    const { call, backdoor } = powerOn()
    expect(call(40).eax).toBe(0xffff0000)
    call(41, 0x45414552)
    expect(call(40).eax).toBe(1)
    expect(call(39, 1).eax).toBe(0x3442554a)
    expect(backdoor.absolute).toBe(false)
    call(41, 0x53424152)
    expect(backdoor.absolute).toBe(true)
  })

  it('delivers position, wheel and buttons, and wakes the driver by a PS/2 packet', () => {
    const { backdoor, call, enable, ps2 } = powerOn()
    enable()
    backdoor.moveTo(0x8000, 65535, -1, 3)

    expect(ps2()).toEqual([8, 0, 0])
    expect(call(40).eax).toBe(4)
    expect(call(39, 4)).toMatchObject({ eax: 0x30, ebx: 0x8000, ecx: 0xffff, edx: 0xffffffff, esi: 0x11 })
    expect(call(40).eax).toBe(0)
  })

  it('adds up motion that waits but keeps each change of buttons', () => {
    const { backdoor, call, enable } = powerOn()
    enable()
    for (let x = 0; x < 1000; x++) backdoor.moveTo(x, 5, 1, 0)
    backdoor.moveTo(999, 5, 0, 1)

    expect(call(40).eax).toBe(12)
    call(39, 4)
    expect(call(39, 4)).toMatchObject({ eax: 0, ebx: 999, edx: 127 })
    expect(call(39, 4).eax).toBe(0x20)
  })

  it('marks relative packets, up positive', () => {
    const { backdoor, call, enable } = powerOn()
    enable()
    backdoor.move(-2, 3, 0, 4)
    expect(call(39, 4)).toMatchObject({ eax: 0x10008, ebx: 0xfffffffe, ecx: 0xfffffffd, edx: 0 })
  })

  it.each([0, 7, 5])('ends the session when %i words are asked for that are not there', (count) => {
    const { backdoor, call, enable } = powerOn()
    enable()
    backdoor.moveTo(1, 1, 0, 0)
    call(39, count)
    expect(call(40).eax).toBe(0xffff0000)
    expect(backdoor.absolute).toBe(false)
  })

  it('never holds more than its queue', () => {
    const { backdoor, call, enable } = powerOn()
    enable()
    for (let click = 0; click < 2000; click++) backdoor.moveTo(1, 1, 0, click & 1)
    expect(call(40).eax).toBe(1024)
  })

  it('leaves the PS/2 mouse alone until a driver is ready, and after it is gone', () => {
    const { backdoor, call, enable, ps2 } = powerOn()
    backdoor.move(5, 0, 0, 0)
    expect(ps2()).toEqual([8, 5, 0])
    enable()
    call(41, 0xf5)
    backdoor.moveTo(5, 5, 0, 1)
    expect(ps2()).toEqual([9, 0, 0])
  })
})

it('restores what it saved', () => {
  const { backdoor, enable } = powerOn()
  enable()
  backdoor.moveTo(1, 2, 3, 1)
  const saved = structuredClone(backdoor.save())
  backdoor.reset()
  expect(backdoor.save()).not.toEqual(saved)

  backdoor.restore(saved)

  expect(backdoor.save()).toEqual(saved)
  expect(() => backdoor.restore({ ...saved, queue: [1.5] })).toThrow('state-invalid')
})

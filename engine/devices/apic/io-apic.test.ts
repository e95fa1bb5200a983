import { describe, expect, it } from 'vitest'
import { pulse } from '../../base/line.ts'
import { InterruptBus, type InterruptMessage } from './interrupt-bus.ts'
import { IoApic } from './io-apic.ts'

const MASKED = 0x10000
const LEVEL = 0x8000
const REMOTE_IRR = 0x4000

function powerOn() {
  const bus = new InterruptBus()
  const sent: InterruptMessage[] = []
  const receiver = { accepts: true }
  bus.attachReceiver({
    arbitrationPriority: 0,
    isAddressed: () => true,
    hasVector: () => false,
    receive: (message) => {
      if (receiver.accepts) sent.push(message)
      return receiver.accepts
    },
  })
  const apic = new IoApic(bus, 2)
  const get = (register: number) => {
    apic.write(0x00, register, 4)
    return apic.read(0x10, 4)
  }
  const put = (register: number, value: number) => {
    apic.write(0x00, register, 4)
    apic.write(0x10, value, 4)
  }
  const redirect = (pin: number, low: number, destination = 0) => {
    put(0x11 + pin * 2, destination << 24)
    put(0x10 + pin * 2, low)
  }
  return { bus, sent, receiver, apic, get, put, redirect }
}

it('identifies itself', () => {
  const { get, put } = powerOn()
  expect(get(0)).toBe(0x02000000)
  expect(get(1)).toBe(0x00170011)
  put(0, 0xff000000)
  expect(get(0)).toBe(0x0f000000)
  expect(get(2)).toBe(0x0f000000)
  expect(get(0x10)).toBe(MASKED)
  expect(get(0x40)).toBe(0)
})

describe('edge-triggered pins', () => {
  it('send one message per edge', () => {
    const { apic, sent, redirect } = powerOn()
    redirect(4, 0x0934, 0x03)
    apic.inputs[4]!.set(true)
    apic.inputs[4]!.set(true)
    expect(sent).toEqual([{ mode: 1, vector: 0x34, level: false, destination: 3, logical: true }])
    pulse(apic.inputs[4]!)
    expect(sent.length).toBe(2)
  })

  it('lose what happens while masked', () => {
    const { apic, sent, redirect } = powerOn()
    redirect(4, MASKED | 0x34)
    apic.inputs[4]!.set(true)
    redirect(4, 0x34)
    expect(sent).toEqual([])
  })

  it('deliver NMI and ExtINT by their modes', () => {
    const { apic, sent, redirect } = powerOn()
    redirect(0, 0x700)
    redirect(1, LEVEL | 0x400)
    apic.inputs[0]!.set(true)
    apic.inputs[1]!.set(true)
    expect(sent.map(({ mode, level }) => [mode, level])).toEqual([
      [7, false],
      [4, false],
    ])
  })
})

describe('level-triggered pins', () => {
  it('wait for the end of interrupt, then ask again while asserted', () => {
    const { apic, bus, sent, get, redirect } = powerOn()
    redirect(19, LEVEL | 0x51)
    apic.inputs[19]!.set(true)
    expect(get(0x10 + 38)).toBe(LEVEL | REMOTE_IRR | 0x51)
    apic.inputs[19]!.set(false)
    apic.inputs[19]!.set(true)
    expect(sent.length).toBe(1)
    bus.endOfInterrupt(0x50)
    expect(sent.length).toBe(1)
    bus.endOfInterrupt(0x51)
    expect(sent.length).toBe(2)
    apic.inputs[19]!.set(false)
    bus.endOfInterrupt(0x51)
    expect(sent.length).toBe(2)
    expect(get(0x10 + 38)).toBe(LEVEL | 0x51)
  })

  it('send when unmasked while asserted', () => {
    const { apic, sent, redirect } = powerOn()
    redirect(19, LEVEL | MASKED | 0x51)
    apic.inputs[19]!.set(true)
    expect(sent).toEqual([])
    redirect(19, LEVEL | 0x51)
    expect(sent.length).toBe(1)
  })

  it('forget remote IRR when made edge-triggered, the usual way out of a lost end of interrupt', () => {
    const { apic, sent, get, redirect } = powerOn()
    redirect(19, LEVEL | 0x51)
    apic.inputs[19]!.set(true)
    redirect(19, 0x51 | MASKED)
    expect(get(0x10 + 38)).toBe(0x51 | MASKED)
    redirect(19, LEVEL | 0x51)
    expect(sent.length).toBe(2)
  })

  it('are offered again once a processor can take them', () => {
    const { apic, bus, sent, receiver, get, redirect } = powerOn()
    receiver.accepts = false
    redirect(19, LEVEL | 0x51)
    apic.inputs[19]!.set(true)
    expect(get(0x10 + 38) & REMOTE_IRR).toBe(0)
    receiver.accepts = true
    bus.retry()
    expect(sent.length).toBe(1)
  })
})

it('restores what it saved, and is new after reset', () => {
  const { apic, put, redirect } = powerOn()
  put(0, 0x05000000)
  redirect(3, LEVEL | 0x44, 7)
  apic.inputs[3]!.set(true)
  const saved = structuredClone(apic.save())
  const other = powerOn()
  other.apic.restore(saved)
  expect(other.apic.save()).toEqual(saved)
  expect(other.sent).toEqual([])
  other.bus.endOfInterrupt(0x44)
  expect(other.sent.length).toBe(1)
  apic.reset()
  expect(apic.save()).toEqual(powerOn().apic.save())
  expect(() => apic.restore({ ...saved, low: [] })).toThrow('state-invalid')
})

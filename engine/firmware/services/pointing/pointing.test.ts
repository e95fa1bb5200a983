import { describe, expect, it } from 'vitest'
import { FLAG, type Registers } from '../../port/registers.ts'
import { TestGuest } from '../../port/test-guest.ts'
import { testContext } from '../../test-machine.ts'
import { int15 } from '../system/int15.ts'
import { mouseInterrupt } from './int15-c2.ts'

/** A controller that acknowledges each byte for the mouse, then gives `replies`. */
function powerOn(replies: readonly number[] = [], attached = true) {
  const guest = new TestGuest()
  const context = testContext()
  const sent: number[] = []
  const output: number[] = []
  let command = 0
  let commandByte = 0x65
  guest.ports.set(0x64, (value) => {
    if (value === undefined) return output.length ? 1 : 0
    command = value
    if (value === 0x20) output.push(commandByte)
    return 0
  })
  guest.ports.set(0x60, (value) => {
    if (value === undefined) return output.shift() ?? 0
    if (command === 0x60) commandByte = value
    else if (command === 0xd4 && attached) {
      sent.push(value)
      output.push(0xfa)
      if (value === 0xff || value === 0xf2 || value === 0xe9) output.push(...replies)
    }
    command = 0
    return 0
  })
  const call = (setup: Partial<Registers>) => guest.call((r) => int15(r, context), setup).r
  const packet = (...bytes: number[]) =>
    bytes.map((al) => guest.call((r) => mouseInterrupt(r, context), { al }).r).at(-1)
  return { call, packet, sent, commandByte: () => commandByte }
}

describe('INT 15h/C2h', () => {
  it('initialises, takes a handler and enables with the interrupt on', () => {
    const { call, sent, commandByte } = powerOn([0xaa, 0x00])
    const reset = call({ ax: 0xc205, bx: 0x0300 })
    expect([reset.flags & FLAG.carry, reset.ah, reset.bx]).toEqual([0, 0, 0x00aa])
    expect(call({ ax: 0xc200, bx: 0x0100 }).ah).toBe(5) // no handler yet
    call({ ax: 0xc207, es: 0x1234, bx: 0x5678 })
    expect(call({ ax: 0xc200, bx: 0x0100 }).ah).toBe(0)
    expect(sent).toEqual([0xff, 0xf4])
    expect(commandByte() & 0x22).toBe(0x02)
  })

  it('sets rate and resolution, and refuses what does not exist', () => {
    const { call, sent } = powerOn()
    call({ ax: 0xc202, bx: 0x0500 })
    call({ ax: 0xc203, bx: 0x0300 })
    expect(sent).toEqual([0xf3, 100, 0xe8, 3])
    expect(call({ ax: 0xc202, bx: 0x0700 }).ah).toBe(2)
    expect(call({ ax: 0xc2aa }).ah).toBe(1)
  })

  it('reports an interface error when there is no mouse', () => {
    const { call } = powerOn([], false)
    const r = call({ ax: 0xc201 })
    expect([r.flags & FLAG.carry, r.ah]).toEqual([1, 3])
  })
})

describe('packets', () => {
  it('reach the handler whole', () => {
    const { call, packet } = powerOn()
    call({ ax: 0xc207, es: 0x1234, bx: 0x5678 })
    expect(packet(0x09, 5).ah).toBe(0)
    const r = packet(0xfe)
    expect([r.ah, r.bx, r.cx, r.esi, r.edi]).toEqual([1, 0x1234, 0x5678, 0x00050009, 0x000000fe])
  })

  it('wait for a first byte after one was lost', () => {
    const { call, packet } = powerOn()
    call({ ax: 0xc207, es: 0x1234, bx: 0x5678 })
    expect(packet(0x05, 0x08, 1, 2).esi).toBe(0x00010008)
  })

  it('are dropped without a handler', () => {
    expect(powerOn().packet(8, 1, 2).ah).toBe(0)
  })
})

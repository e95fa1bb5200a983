import { describe, expect, it } from 'vitest'
import { Dma, type DmaMemory } from './dma.ts'

function powerOn() {
  const ram = new Uint8Array(1 << 24)
  const memory: DmaMemory = {
    dmaRead: (address, into) => into.set(ram.subarray(address, address + into.length)),
    dmaWrite: (address, from) => ram.set(from, address),
  }
  const dma = new Dma(memory)
  const out = (port: number, value: number) => {
    if (port < 0x10) dma.first.write(port, value, 1)
    else if (port < 0x90) dma.pages.write(port - 0x80, value, 1)
    else dma.second.write(port - 0xc0, value, 1)
  }
  const program = (channel: 1 | 2 | 5, mode: number, physical: number, transfers: number) => {
    const word = channel === 5
    const port = (register: number) => (word ? 0xc0 + register * 2 : register)
    const own = channel & 3
    const address = word ? (physical >> 1) & 0xffff : physical & 0xffff
    out(port(12), 0)
    out(port(11), mode | own)
    out(port(own * 2), address & 0xff)
    out(port(own * 2), address >> 8)
    out(port(own * 2 + 1), (transfers - 1) & 0xff)
    out(port(own * 2 + 1), (transfers - 1) >> 8)
    out({ 1: 0x83, 2: 0x81, 5: 0x8b }[channel], physical >> 16)
    out(port(10), own)
  }
  return { ram, dma, out, program }
}

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('transfers', () => {
  it('writes to memory and ends with the count', () => {
    const { ram, dma, program } = powerOn()
    program(2, 0x44, 0x1_2345, 4)
    const channel = dma.channel(2)
    expect(channel.ready).toBe(true)
    expect(channel.transfer(bytes(1, 2, 3), 'to-memory')).toBe(3)
    expect(channel.terminalCount).toBe(false)
    expect(channel.transfer(bytes(4, 5, 6), 'to-memory')).toBe(1)
    expect(channel.terminalCount).toBe(true)
    expect([...ram.subarray(0x1_2345, 0x1_234a)]).toEqual([1, 2, 3, 4, 0])
    expect(dma.first.read(8, 1)).toBe(0x04)
    expect(dma.first.read(8, 1)).toBe(0)
    expect(channel.ready).toBe(false)
    expect(channel.transfer(bytes(7), 'to-memory')).toBe(0)
  })

  it('reads from memory', () => {
    const { ram, dma, program } = powerOn()
    ram.set([9, 8, 7], 0xf_0000)
    program(2, 0x48, 0xf_0000, 512)
    const sector = new Uint8Array(3)
    expect(dma.channel(2).transfer(sector, 'from-memory')).toBe(3)
    expect([...sector]).toEqual([9, 8, 7])
  })

  it('wraps within its 64 KiB page', () => {
    const { ram, dma, program } = powerOn()
    program(2, 0x44, 0x3_fffe, 4)
    dma.channel(2).transfer(bytes(1, 2, 3, 4), 'to-memory')
    expect([...ram.subarray(0x3_fffe, 0x4_0000)]).toEqual([1, 2])
    expect([...ram.subarray(0x3_0000, 0x3_0002)]).toEqual([3, 4])
    expect(ram[0x4_0000]).toBe(0)
  })

  it('counts addresses down', () => {
    const { ram, dma, program } = powerOn()
    program(1, 0x64, 0x2_0001, 4)
    dma.channel(1).transfer(bytes(1, 2, 3, 4), 'to-memory')
    expect([...ram.subarray(0x2_0000, 0x2_0002)]).toEqual([2, 1])
    expect([...ram.subarray(0x2_fffe, 0x3_0000)]).toEqual([4, 3])
    program(1, 0x68, 0x2_0001, 4)
    const back = new Uint8Array(4)
    dma.channel(1).transfer(back, 'from-memory')
    expect([...back]).toEqual([1, 2, 3, 4])
  })

  it('moves words on channels 5 to 7, within 128 KiB', () => {
    const { ram, dma, program } = powerOn()
    program(5, 0x44, 0x5_fffe, 2)
    expect(dma.channel(5).transfer(bytes(1, 2, 3, 4, 5), 'to-memory')).toBe(4)
    expect([...ram.subarray(0x5_fffe, 0x6_0000)]).toEqual([1, 2])
    expect([...ram.subarray(0x4_0000, 0x4_0002)]).toEqual([3, 4])
    program(5, 0x68, 0x5_0002, 2)
    ram.set([1, 2, 3, 4], 0x5_0000)
    const words = new Uint8Array(4)
    dma.channel(5).transfer(words, 'from-memory')
    expect([...words]).toEqual([3, 4, 1, 2])
  })

  it('starts over by itself when told so', () => {
    const { ram, dma, program } = powerOn()
    program(1, 0x54, 0x1000, 2)
    const channel = dma.channel(1)
    channel.transfer(bytes(1, 2), 'to-memory')
    expect(channel.terminalCount).toBe(true)
    expect(channel.transfer(bytes(3), 'to-memory')).toBe(1)
    expect(channel.terminalCount).toBe(false)
    expect([...ram.subarray(0x1000, 0x1002)]).toEqual([3, 2])
  })

  it('verifies without touching memory', () => {
    const { ram, dma, program } = powerOn()
    program(2, 0x40, 0x1000, 2)
    expect(dma.channel(2).transfer(bytes(1, 2), 'to-memory')).toBe(2)
    expect(dma.channel(2).terminalCount).toBe(true)
    expect(ram[0x1000]).toBe(0)
  })

  it('moves nothing against the programmed direction', () => {
    const { ram, dma, program } = powerOn()
    program(2, 0x48, 0x1000, 2)
    expect(dma.channel(2).transfer(bytes(1, 2), 'to-memory')).toBe(2)
    expect(ram[0x1000]).toBe(0)
  })

  it('waits while the channel is masked, the controller disabled or the channel a cascade', () => {
    const { dma, out, program } = powerOn()
    const channel = dma.channel(2)
    expect(channel.transfer(bytes(1), 'to-memory')).toBe(0)
    program(2, 0x44, 0x1000, 8)
    out(0x08, 0x04)
    expect(channel.transfer(bytes(1), 'to-memory')).toBe(0)
    out(0x08, 0x00)
    out(0x0a, 0x06)
    expect(channel.transfer(bytes(1), 'to-memory')).toBe(0)
    out(0x0f, 0x0b)
    expect(channel.transfer(bytes(1), 'to-memory')).toBe(1)
    out(0x0b, 0xc2)
    expect(channel.ready).toBe(false)
  })
})

describe('registers', () => {
  it('give current address and count, low byte first', () => {
    const { dma, out, program } = powerOn()
    program(2, 0x44, 0x1234, 0x1000)
    dma.channel(2).transfer(new Uint8Array(0x10), 'to-memory')
    out(0x0c, 0)
    const read = (port: number) => dma.first.read(port, 1)
    expect([read(4), read(4), read(5), read(5)]).toEqual([0x44, 0x12, 0xef, 0x0f])
  })

  it('are masked and start with the low byte after a master clear', () => {
    const { dma, out, program } = powerOn()
    program(2, 0x44, 0x1234, 0x1000)
    dma.first.read(4, 1)
    out(0x0d, 0)
    expect(dma.first.read(15, 1)).toBe(0xff)
    expect(dma.first.read(4, 1)).toBe(0x34)
    out(0x0e, 0)
    expect(dma.first.read(15, 1)).toBe(0xf0)
  })

  it('keep all sixteen page bytes', () => {
    const { dma } = powerOn()
    for (let port = 0; port < 16; port++) dma.pages.write(port, 0xa0 + port, 1)
    for (let port = 0; port < 16; port++) expect(dma.pages.read(port, 1)).toBe(0xa0 + port)
  })

  it('show requests, and the end of one that a program made', () => {
    const { dma, out, program } = powerOn()
    dma.channel(3).setRequest(true)
    program(1, 0x84, 0x1000, 0x100)
    out(0x09, 0x05)
    expect(dma.first.read(8, 1)).toBe(0x82)
    expect(dma.channel(1).ready).toBe(false)
  })
})

describe('state', () => {
  it('goes on after a restore', () => {
    const { dma, program } = powerOn()
    program(1, 0x54, 0x1000, 10)
    dma.channel(1).transfer(new Uint8Array(3), 'to-memory')
    const saved = structuredClone(dma.save())
    const other = powerOn()
    other.dma.restore(saved)
    expect(other.dma.save()).toEqual(saved)
    expect(other.dma.channel(1).transfer(new Uint8Array(20), 'to-memory')).toBe(7)
    other.dma.reset()
    expect(other.dma.save()).toEqual(powerOn().dma.save())
  })

  it('refuses a state with a field out of range', () => {
    const { dma } = powerOn()
    const saved = dma.save()
    expect(() => dma.restore({ ...saved, pages: [1] })).toThrow('state-invalid')
    expect(() => dma.restore({ ...saved, terminal: 256 })).toThrow('state-invalid')
  })
})

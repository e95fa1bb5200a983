import { describe, expect, it } from 'vitest'
import { MemoryMap } from '../../bus/memory-map.ts'
import { PortMap } from '../../bus/port-map.ts'
import { GuestMemory } from '../../memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../../memory/layout.ts'
import { in32, in8, out32, protectedCopy } from './protocol.ts'
import { carryOutWide } from './wide-commands.ts'

function access() {
  const ports = new PortMap()
  const written: number[] = []
  ports.map(
    { name: 'register', base: 0xcf8, length: 4, width: 4 },
    { read: () => 0x89abcdef, write: (_offset, value) => void written.push(value >>> 0) },
  )
  const memory = new MemoryMap(new GuestMemory(2))
  const backing = { offset: RAM_BASE }
  memory.map({ name: 'ram', base: 0, length: 2 * MIB, read: backing, write: backing, priority: 0 })
  return { ports, memory, written }
}

describe('what a ROM of 16 bits has done for it', () => {
  it('ports of 32 bits in one access', () => {
    const wide = access()
    expect(carryOutWide(wide, in32(0xcf8).next().value as never)).toEqual(
      Uint8Array.of(0xef, 0xcd, 0xab, 0x89),
    )
    expect(carryOutWide(wide, out32(0xcf8, 0x80001234).next().value as never)).toEqual(new Uint8Array(0))
    expect(wide.written).toEqual([0x80001234])
  })

  it('copies to and from memory above 1 MiB', () => {
    const wide = access()
    wide.memory.dmaWrite(0x500, Uint8Array.of(1, 2, 3))
    expect(carryOutWide(wide, protectedCopy(0x500, 0x112345, 3).next().value as never)).toEqual(
      Uint8Array.of(0),
    )
    const copied = new Uint8Array(3)
    wide.memory.dmaRead(0x112345, copied)
    expect(copied).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('and nothing else', () => {
    expect(carryOutWide(access(), in8(0x20).next().value as never)).toBeNull()
  })
})

import { describe, expect, it } from 'vitest'
import { AddressSpaces } from './address-spaces.ts'

/** Physical memory by address, and PAE's pointers. */
const tables = new Map<number, number>()
const pdpt = [1, 2, 3, 4]
const reader = { pdpt, readPhysical: (physical: number) => tables.get(physical) ?? 0 }

describe('address spaces', () => {
  it('is the same again after others, as long as the entries that led to code are', () => {
    const spaces = new AddressSpaces(reader)
    spaces.enter(0x1000)
    const first = spaces.current
    tables.set(0x1004, 0x2025).set(0x2008, 0x3025)
    spaces.note(0x1004)
    spaces.note(0x2008)
    spaces.enter(0x5000)
    expect(spaces.current).not.toBe(first)
    spaces.enter(0x1000)
    expect(spaces.current).toBe(first)
    // Dirty says nothing about where an entry leads.
    tables.set(0x2008, 0x3065)
    spaces.enter(0x1000)
    expect(spaces.current).toBe(first)
  })

  it.each([
    ['leads elsewhere', 0x4025],
    ['is gone', 0],
    ['must be marked accessed again', 0x3005],
    ['is for the supervisor', 0x3021],
  ])('is another one once an entry %s', (_what, entry) => {
    const spaces = new AddressSpaces(reader)
    spaces.enter(0x1000)
    const first = spaces.current
    tables.set(0x2008, 0x3025)
    spaces.note(0x2008)
    tables.set(0x2008, entry)
    spaces.enter(0x1000)
    expect(spaces.current).not.toBe(first)
  })

  it('is another one under other page-directory pointers', () => {
    let pointers = [0x1001, 0, 0, 0]
    const spaces = new AddressSpaces({
      ...reader,
      get pdpt() {
        return [...pointers]
      },
    })
    spaces.enter(0x1000)
    const first = spaces.current
    pointers = [0x2001, 0, 0, 0]
    spaces.enter(0x1000)
    expect(spaces.current).not.toBe(first)
  })
})

import { describe, expect, it } from 'vitest'
import { knownReason, REASONS, reasonOf, type ReasonKey } from './reasons.ts'

describe('reasons of everyday use', () => {
  it.each(Object.keys(REASONS) as ReasonKey[])('%s is known again, with what differs in it', (key) => {
    const names = [...REASONS[key].matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
    const values = Object.fromEntries(names.map((name, at) => [name, `some (${name}) ${at}.`]))
    expect(knownReason(reasonOf(key, values))).toEqual({ key, values })
  })

  it('leaves others alone', () => {
    expect(knownReason('its L2 table is damaged')).toBeNull()
    expect(knownReason('')).toBeNull()
  })
})

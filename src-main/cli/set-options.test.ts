import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { withSettings } from './set-options.ts'

const record = v.parse(VmRecord, {
  version: 1,
  name: 'DOS',
  machine: { version: 1, knobs: { cpuidLimit: 2 } },
})

describe('vitrine set', () => {
  it('changes what it names and nothing else', () => {
    const changed = withSettings(record, [
      'memory=24',
      'tags=games, 1993',
      'localTime=true',
      'boot=cdrom,disk',
    ])
    expect(changed).toEqual({
      ...record,
      tags: ['games', '1993'],
      machine: {
        ...record.machine,
        memoryMiB: 24,
        boot: ['cdrom', 'disk'],
        knobs: { cpuidLimit: 2, localTime: true },
      },
    })
    expect(record.machine.memoryMiB).toBe(128)
  })

  it('takes an optional setting away', () =>
    expect(withSettings(record, ['cpuidLimit=']).machine.knobs).toEqual({}))

  it.each([
    [['colour=red'], /NAME is one of name, notes/],
    [['memory'], /memory: the value is missing/],
    [['memory=lots'], /machine.memoryMiB: memory in MiB is not a number/],
    [['memory=5000'], /5000 is too much/],
    [['name='], /name: /],
    [['__proto__=x'], /NAME is one of/],
  ])('refuses %s in one line', (settings, reason) =>
    expect(() => withSettings(record, settings)).toThrow(reason),
  )
})

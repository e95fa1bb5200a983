import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { because, gapsOf, inWords, isReason, Reason, REASONS, technical, type ReasonKey } from './reasons.ts'
import { accelerators } from './reasons/accelerators.ts'
import { exports } from './reasons/exports.ts'
import { files } from './reasons/files.ts'
import { images } from './reasons/images.ts'
import { imports } from './reasons/imports.ts'
import { machines } from './reasons/machines.ts'
import { volumes } from './reasons/volumes.ts'
import { discs } from './reasons/discs.ts'
import { states } from './reasons/states.ts'
import { kernels } from './reasons/kernels.ts'
import { requests } from './reasons/requests.ts'
import { media } from './reasons/media.ts'
import { snapshots } from './reasons/snapshots.ts'

describe('reasons', () => {
  it('have words in which their values stand', () => {
    expect(inWords(because('record-newer', { format: 7 }))).toBe(
      'vm.json was written by a newer version of Vitrine (format 7)',
    )
  })

  it('hold others as their cause', () => {
    const full = because('of-file', { path: '/a.img', reason: because('disk-full') })
    expect(inWords(full)).toBe('/a.img: no room is left on its disk')
    expect(v.parse(Reason, structuredClone(full))).toEqual(full)
  })

  it('say what is technical as it is', () => {
    expect(inWords(technical('0x2a {odd}'))).toBe('0x2a {odd}')
  })

  it('have each its own key, whatever their subject', () => {
    const subjects = [
      accelerators,
      exports,
      files,
      images,
      imports,
      machines,
      volumes,
      discs,
      states,
      kernels,
      requests,
      media,
      snapshots,
    ]
    expect(subjects.flatMap((words) => Object.keys(words)).toSorted()).toEqual(
      Object.keys(REASONS).toSorted(),
    )
  })

  it.each(Object.keys(REASONS) as ReasonKey[])('%s crosses with its values, and not without', (key) => {
    const values = Object.fromEntries([...gapsOf(REASONS[key])].map((name) => [name, 'x']))
    expect(isReason({ key, values })).toBe(true)
    for (const name of gapsOf(REASONS[key])) {
      const { [name]: _, ...fewer } = values
      expect(isReason({ key, values: fewer })).toBe(false)
    }
  })

  it.each([
    null,
    'words',
    { key: 'disk-full' },
    { key: 'no-such', values: {} },
    { key: 'toString', values: {} },
    { key: 'technical', values: { text: { deep: 1 } } },
    { key: 'technical', values: { text: null } },
  ])('are not taken from %j', (value) => {
    expect(v.is(Reason, value)).toBe(false)
  })

  it('are not taken from what is nested without end', () => {
    let value: unknown = technical('x')
    for (let depth = 0; depth < 10_000; depth++)
      value = { key: 'of-file', values: { path: '', reason: value } }
    expect(v.is(Reason, value)).toBe(false)
  })
})

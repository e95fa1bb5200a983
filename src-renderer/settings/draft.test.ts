import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { MachineConfig, Knobs } from '../../engine/protocol/machine-config.ts'
import { VmDisplay, VmSettings } from '../../engine/protocol/vm.ts'
import { liesAt, problemsOf, readAt, writeAt } from './draft.ts'
import { FIELDS } from './fields.ts'

const fresh = () => v.parse(VmSettings, { name: 'DOS', machine: { version: 1 } })
const t = (key: string): string => key

describe('draft of settings', () => {
  it('reads, writes and takes away by path', () => {
    const draft = fresh()
    writeAt(draft, ['machine', 'kernel', 'path'], 'media:vmlinuz')
    expect(draft.machine.kernel).toEqual({ path: 'media:vmlinuz' })
    writeAt(draft, ['machine', 'kernel'], undefined)
    expect(draft).toEqual(fresh())
    expect(readAt(draft, ['machine', 'kernel', 'path'])).toBeUndefined()
  })

  it('says what does not fit, and where', () => {
    const draft = fresh()
    expect(problemsOf(draft, t)).toEqual([])
    writeAt(draft, ['machine', 'memoryMiB'], 5000)
    const problems = problemsOf(draft, t)
    expect(problems).toHaveLength(1)
    expect(liesAt(problems[0]!, ['machine', 'memoryMiB'])).toBe(true)
    expect(problems[0]!.text).toBe('problem.tooMuch')
    writeAt(draft, ['name'], '  ')
    writeAt(draft, ['group'], 'a//')
    writeAt(draft, ['machine', 'cpuModel'], 'z80')
    expect(problemsOf(draft, t).every(({ text }) => text.startsWith('problem.'))).toBe(true)
  })
})

describe('table of settings', () => {
  /** What is shown elsewhere or is no setting: the version, what only vm.json sets, drives below their own row. */
  const ELSEWHERE = new Set(['machine.version', 'machine.debug', 'machine.kernel', 'machine.knobs'])

  it('has a row for every field of the configuration', () => {
    const rows = new Set(FIELDS.map(({ at }) => at.join('.')))
    const of = (schema: { entries: object }, prefix: string) =>
      Object.keys(schema.entries).map((key) => prefix + key)
    const wanted = [
      ...of(MachineConfig.pipe[0], 'machine.'),
      ...of(Knobs, 'machine.knobs.'),
      ...of(VmDisplay, 'display.'),
    ].concat('name', 'notes', 'icon', 'group', 'tags', 'serial')
    const missing = wanted.filter((field) => !rows.has(field) && !ELSEWHERE.has(field))
    expect(missing, 'they need a row in fields.ts, and words in both catalogues').toEqual([])
  })
})

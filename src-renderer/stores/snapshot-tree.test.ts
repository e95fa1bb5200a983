import { expect, it } from 'vitest'
import type { SnapshotSummary } from '../../engine/protocol/snapshot.ts'
import { rowsWith, treeRows } from './snapshot-tree.ts'

const snapshot = (name: string, parent: string | null): SnapshotSummary => ({
  id: name,
  parent,
  name,
  notes: '',
  takenAtMs: 0,
  memoryMiB: 16,
  hasState: false,
  hasPicture: false,
  isAutomatic: false,
  problem: null,
  warning: null,
})

it('draws lines straight and branches further in, each below what it came from', () => {
  const snapshots = [
    snapshot('a', null),
    snapshot('b', 'a'),
    snapshot('c', 'b'),
    snapshot('d', 'b'),
    snapshot('e', 'c'),
    snapshot('lost', 'gone'),
  ]
  expect(
    treeRows({ snapshots, current: null, startFrom: null }).map(
      ({ snapshot: { name }, depth }) => `${' '.repeat(depth)}${name}`,
    ),
  ).toEqual(['a', 'b', ' c', ' e', ' d', 'lost'])
})

it('leads a line to each snapshot: straight on, or turning off to a branch', () => {
  const snapshots = [
    snapshot('a', null),
    snapshot('b', 'a'),
    snapshot('c', 'b'),
    snapshot('d', 'b'),
    snapshot('e', 'c'),
  ]
  const drawn = { none: ' ', pass: '│', turn: '├', 'last-turn': '└' }
  expect(
    treeRows({ snapshots, current: null, startFrom: null }).map(
      ({ snapshot: { name }, guides, above, below }) =>
        `${guides.map((guide) => drawn[guide]).join('')}${above ? '↑' : ''}${name}${below ? '↓' : ''}`,
    ),
  ).toEqual(['a↓', '↑b↓', '├c↓', '│↑e', '└d'])
})

it('takes hundreds in a row', () => {
  const snapshots = Array.from({ length: 400 }, (_, at) => snapshot(`s${at}`, at === 0 ? null : `s${at - 1}`))
  expect(treeRows({ snapshots, current: null, startFrom: null })).toHaveLength(400)
})

it('finds snapshots by name and notes', () => {
  const snapshots = [
    snapshot('Base', null),
    { ...snapshot('b', 'Base'), notes: 'with the BASE drivers' },
    snapshot('c', 'b'),
  ]
  const rows = treeRows({ snapshots, current: null, startFrom: null })
  expect(rowsWith(rows, ' base').map(({ snapshot: { name } }) => name)).toEqual(['Base', 'b'])
  expect(rowsWith(rows, ' ')).toBe(rows)
})

it('is as quick with hundreds of snapshots in branches off branches', () => {
  // The most that a machine can have: each of them on a branch of the one before.
  const snapshots = Array.from({ length: 500 }, (_, at) =>
    snapshot(`${at}`, at === 0 ? null : `${at - (at % 2 === 0 ? 2 : 1)}`),
  )
  const began = performance.now()
  const rows = treeRows({ snapshots, current: null, startFrom: null })
  expect(rows).toHaveLength(500)
  expect(rows.at(-1)!.depth).toBeGreaterThan(200)
  expect(performance.now() - began).toBeLessThan(500)
})

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { because } from '../protocol/reasons.ts'
import type { DiskError } from '../storage/block-image.ts'
import { DebugFile } from './debug-file.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'vitrine-debug-'))))
afterEach(() => rmSync(folder, { recursive: true }))

it('takes what the guest says, from the start or behind what there is', () => {
  const path = join(folder, 'log')
  for (const [mode, text] of [
    ['append', 'one '],
    ['append', 'two '],
  ] as const) {
    const file = new DebugFile(path, mode, () => {})
    file.write(Buffer.from(text))
    file.close()
  }
  expect(readFileSync(path, 'utf8')).toBe('one two ')
  new DebugFile(path, 'fresh', () => {}).close()
  expect(readFileSync(path, 'utf8')).toBe('')
})

it('tells once that its disk is full, and lets the guest go on', ({ skip }) => {
  if (!existsSync('/dev/full')) skip('this system has no /dev/full')
  const failures: DiskError[] = []
  const file = new DebugFile('/dev/full', 'append', (error) => failures.push(error))
  file.write(Uint8Array.of(1))
  file.write(Uint8Array.of(2))
  file.close()
  expect(failures.map(({ kind, path, reason }) => [kind, path, reason])).toEqual([
    ['full', '/dev/full', because('disk-full')],
  ])
})

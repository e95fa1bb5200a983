import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { zipOf } from '../../../src-renderer/files/zip.ts'

/** What a reader of another make finds: name, size, time and contents of each entry. */
const READER = `import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
  assert archive.testzip() is None
  print(json.dumps([[i.filename, i.file_size, list(i.date_time), archive.read(i).decode()] for i in archive.infolist()]))`

const hasPython = (() => {
  try {
    execFileSync('python3', ['--version'])
    return true
  } catch {
    process.stderr.write('skipped: archives read by another program: python3 is not installed\n')
    return false
  }
})()

describe.skipIf(!hasPython)('an archive', () => {
  it('is read by another program', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitrine-zip-'))
    try {
      const when = new Date(1999, 11, 31, 23, 59, 58).getTime()
      const archive = await zipOf([
        { path: 'sub', modifiedMs: null, contents: null },
        { path: 'sub/grüße.txt', modifiedMs: when, contents: new Blob(['hello ', 'there']) },
        { path: 'empty', modifiedMs: when, contents: new Blob([]) },
      ])
      writeFileSync(join(folder, 'a.zip'), Buffer.from(await archive.arrayBuffer()))
      const found: unknown = JSON.parse(
        execFileSync('python3', ['-c', READER, join(folder, 'a.zip')], { encoding: 'utf8' }),
      )
      expect(found).toEqual([
        ['sub/', 0, [1980, 1, 1, 0, 0, 0], ''],
        ['sub/grüße.txt', 11, [1999, 12, 31, 23, 59, 58], 'hello there'],
        ['empty', 0, [1999, 12, 31, 23, 59, 58], ''],
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 60_000)
})

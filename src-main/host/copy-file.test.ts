import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exists } from './exists.ts'
import { copyFile } from './copy-file.ts'
import { UNWATCHED } from './task.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-copy-'))
})
afterEach(() => rm(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

describe('copying a file', () => {
  it('gives the same bytes, tells how far it is, and leaves what is zero a hole', async () => {
    const contents = Buffer.alloc(20 << 20)
    contents.fill(1, 9 << 20, 9.5 * 2 ** 20)
    contents.write('end', contents.length - 3)
    await writeFile(at('a'), contents)
    const told: number[] = []
    await copyFile(at('a'), at('b'), { ...UNWATCHED, progress: (part) => void told.push(part) })
    expect((await readFile(at('b'))).equals(contents)).toBe(true)
    // Where blocks are shared there is nothing to tell.
    if (told.length > 0) {
      expect(told.at(-1)).toBe(1)
      expect((await stat(at('b'))).blocks * 512).toBeLessThan(12 << 20)
    }
  })

  it('replaces nothing', async () => {
    await writeFile(at('a'), 'new')
    await writeFile(at('b'), 'old')
    await expect(copyFile(at('a'), at('b'), UNWATCHED)).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(at('b'), 'utf8')).toBe('old')
  })

  it('leaves nothing when it is cancelled, or has nothing to copy', async () => {
    await writeFile(at('a'), Buffer.alloc(12 << 20, 1))
    const stop = new AbortController()
    const cancelled = copyFile(at('a'), at('b'), { signal: stop.signal, progress: () => stop.abort() })
    // Where blocks are shared it is done before anybody can cancel it.
    const done = await cancelled.then(
      () => true,
      (error: { code: string }) => expect(error.code).toBe('cancelled'),
    )
    if (!done) expect(await exists(at('b'))).toBe(false)
    await expect(copyFile(at('none'), at('c'), UNWATCHED)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await exists(at('c'))).toBe(false)
  })
})

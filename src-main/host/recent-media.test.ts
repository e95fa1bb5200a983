import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, describe, it } from 'vitest'
import { RecentMedia } from './recent-media.ts'

let folder: string
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'vitrine-recent-'))))
afterEach(() => rm(folder, { recursive: true }))
const file = () => join(folder, 'recent-media.json')

describe('recent media', () => {
  it('are there again, the latest first and each once', async () => {
    const recent = await RecentMedia.open(file())
    await recent.note('/a.img', 1)
    await recent.note('/b.iso', 2)
    await recent.note('/a.img', 3)
    const again = await RecentMedia.open(file())
    expect(again.entries).toEqual([
      { path: '/a.img', atMs: 3 },
      { path: '/b.iso', atMs: 2 },
    ])
  })

  it('are at most sixteen', async () => {
    const recent = await RecentMedia.open(file())
    for (let n = 0; n < 20; n++) await recent.note(`/${n}.img`, n)
    expect(recent.entries.map(({ path }) => path).slice(0, 2)).toEqual(['/19.img', '/18.img'])
    expect(recent.entries).toHaveLength(16)
  })

  it.each(['{', '[{"path": "relative.img", "atMs": 1}]', '7'])(
    'start anew after a file with %s',
    async (text) => {
      await writeFile(file(), text)
      expect((await RecentMedia.open(file())).entries).toEqual([])
    },
  )
})

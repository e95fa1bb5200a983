import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { Random } from '../../../test/support/storage/random.ts'
import { CODECS } from '../discs/chd/codecs.ts'
import { unpackZstd } from './zstd.ts'

const isInstalled = spawnSync('zstd', ['--version']).status === 0
if (!isInstalled) process.stderr.write('skipped: zstd is not installed\n')

const pack = (bytes: Uint8Array, ...options: string[]): Buffer =>
  execFileSync('zstd', ['-q', '-c', ...options], {
    maxBuffer: 2 ** 24,
    ...(bytes.length > 0 ? { input: bytes } : { stdio: ['ignore', 'pipe', 'ignore'] }),
  })

const random = new Random(3)
const words = Array.from({ length: 300 }, () => Buffer.from(random.bytes(1 + random.below(12))))
const CONTENTS: [string, Uint8Array][] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(7)],
  ['zeros', new Uint8Array(300_000)],
  ['noise', random.bytes(140_000)],
  ['four letters', random.bytes(70_000).map((byte) => 65 + (byte & 3))],
  ['words', Buffer.concat(Array.from({ length: 40_000 }, () => random.pick(words)))],
  ['a slope', new Uint8Array(200_000).map((_, index) => (index >> 5) + (index % 7))],
]

describe.skipIf(!isInstalled)('what zstd packed', () => {
  it.each(CONTENTS)('is unpacked: %s', (_, bytes) => {
    for (const level of ['-1', '-3', '-9', '-19', '--fast=3']) {
      const into = new Uint8Array(bytes.length)
      expect(unpackZstd(pack(bytes, level), into), level).toBe(bytes.length)
      expect(Buffer.compare(into, bytes), level).toBe(0)
    }
  })

  it('is unpacked no further than there is room', () => {
    const packed = pack(Buffer.alloc(100, 'abc'))
    expect(unpackZstd(packed, new Uint8Array(99))).toBeNull()
    expect(unpackZstd(packed.subarray(0, -5), new Uint8Array(100))).toBeNull()
    expect(unpackZstd(Buffer.concat([packed, Buffer.from('more')]), new Uint8Array(200))).toBe(100)
  })

  it('and was damaged ends in nothing, or in other bytes', () => {
    const bytes = CONTENTS.find(([name]) => name === 'words')![1].subarray(0, 20_000)
    const packed = pack(bytes, '-9')
    const into = new Uint8Array(bytes.length)
    for (let attempt = 0; attempt < 500; attempt++) {
      const damaged = Buffer.from(packed)
      for (let count = 1 + random.below(3); count > 0; count--)
        damaged[random.below(damaged.length)]! ^= 1 << random.below(8)
      const filled = unpackZstd(damaged, into)
      if (filled !== null) expect(filled).toBeLessThanOrEqual(into.length)
    }
  })

  it('in a CHD of a CD is its sectors and their sub-channels', () => {
    const frames = 8
    const sectors = random.bytes(frames * 2352).map((byte) => byte & 0x11)
    const subcodes = new Uint8Array(frames * 96).fill(5)
    const packed = pack(sectors)
    const length = Uint8Array.of(packed.length >> 8, packed.length & 0xff)
    const into = new Uint8Array(frames * 2448)
    expect(CODECS['cdzs']!(Buffer.concat([Uint8Array.of(0), length, packed, pack(subcodes)]), into)).toBe(
      true,
    )
    for (let frame = 0; frame < frames; frame++) {
      const own = into.subarray(frame * 2448, (frame + 1) * 2448)
      expect(Buffer.compare(own.subarray(0, 2352), sectors.subarray(frame * 2352, (frame + 1) * 2352))).toBe(
        0,
      )
      expect(own.subarray(2352).every((byte) => byte === 5)).toBe(true)
    }
  })
})

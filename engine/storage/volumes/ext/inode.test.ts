import { describe, expect, it } from 'vitest'
import { MemoryImage } from '../../memory-image.ts'
import { ByteWindow } from '../byte-window.ts'
import { type Inode, inodeContents } from './inode.ts'
import type { ExtLayout } from './superblock.ts'

const LAYOUT: ExtLayout = {
  kind: 'ext4',
  label: '',
  blockBytes: 1024,
  blockCount: 64,
  inodeBytes: 256,
  inodeCount: 16,
  inodesPerGroup: 16,
  groupsStart: 2048,
  groupBytes: 32,
}

/** A file with extents: the block of the file that each begins with, where it lies, and its blocks. */
function fileOf(
  bytes: number,
  extents: readonly (readonly [logical: number, start: number, count: number])[],
): Inode {
  const map = new DataView(new ArrayBuffer(60))
  map.setUint16(0, 0xf30a, true)
  map.setUint16(2, extents.length, true)
  for (const [index, [logical, start, count]] of extents.entries()) {
    map.setUint32(12 + index * 12, logical, true)
    map.setUint16(16 + index * 12, count, true)
    map.setUint32(20 + index * 12, start, true)
  }
  return { number: 12, type: 'file', bytes, modifiedMs: 0, flags: 0x8_0000, map }
}

/** What the blocks of a file hold: the numbers of the volume's blocks, 0 for holes. */
function contents(inode: Inode): { bytes: number; blocks: number[] } {
  const medium = new Uint8Array(64 * 1024)
  for (let block = 0; block < 64; block++) medium.fill(block, block * 1024, (block + 1) * 1024)
  const all = Buffer.concat([...inodeContents(new ByteWindow(new MemoryImage(medium)), LAYOUT, inode)])
  const blocks = Array.from({ length: Math.ceil(all.length / 1024) }, (_, block) => all[block * 1024]!)
  return { bytes: all.length, blocks }
}

describe('a file of extents', () => {
  it('is as long as it says, with zeros between them and behind the last', () => {
    expect(contents(fileOf(5000, [[1, 20, 2]]))).toEqual({ bytes: 5000, blocks: [0, 20, 21, 0, 0] })
    expect(contents(fileOf(3000, [[0, 30, 9]]))).toEqual({ bytes: 3000, blocks: [30, 31, 32] })
  })

  it('is as long as it says where an extent begins behind its end', () => {
    expect(contents(fileOf(2400, [[0x80, 20, 1]]))).toEqual({ bytes: 2400, blocks: [0, 0, 0] })
    expect(
      contents(
        fileOf(2400, [
          [0, 20, 1],
          [9, 30, 1],
        ]),
      ),
    ).toEqual({ bytes: 2400, blocks: [20, 0, 0] })
  })
})

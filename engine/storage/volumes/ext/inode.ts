import type { ByteWindow } from '../byte-window.ts'
import { damaged, PIECE_BYTES } from '../volume.ts'
import type { ExtLayout } from './superblock.ts'

const TYPE_MASK = 0xf000
const TYPES: Record<number, Inode['type']> = { 0x4000: 'folder', 0x8000: 'file', 0xa000: 'link' }
const FLAG = { encrypted: 0x800, extents: 0x8_0000, inline: 0x1000_0000 } as const
const EXTENT_MAGIC = 0xf30a
const MAX_EXTENT_DEPTH = 5
/** An extent that is longer was set aside and not written: it reads as zeros. */
const MAX_WRITTEN = 32_768
const DIRECT_BLOCKS = 12

export interface Inode {
  readonly number: number
  readonly type: 'file' | 'folder' | 'link' | 'other'
  readonly bytes: number
  readonly modifiedMs: number
  readonly flags: number
  /** The 60 bytes that say where its contents are, or are its contents. */
  readonly map: DataView
}

/** Blocks of a file that lie in a row; a hole has no start. */
interface Run {
  logical: number
  start: number | null
  count: number
}

/** Throws `file-unusable` for a number that no inode has. */
export function readInode(volume: ByteWindow, layout: ExtLayout, number: number): Inode {
  if (number < 1 || number > layout.inodeCount) throw damaged(volume.name, `there is no inode ${number}`)
  const group = Math.floor((number - 1) / layout.inodesPerGroup)
  const descriptor = volume.view(layout.groupsStart + group * layout.groupBytes, layout.groupBytes)
  const high = layout.groupBytes >= 64 ? descriptor.getUint32(0x28, true) : 0
  const table = (descriptor.getUint32(8, true) + high * 2 ** 32) * layout.blockBytes
  const at = table + ((number - 1) % layout.inodesPerGroup) * layout.inodeBytes
  if (at + 128 > volume.sizeBytes) throw damaged(volume.name, `inode ${number} does not lie in it`)
  const view = volume.view(at, 128)
  return {
    number,
    type: TYPES[view.getUint16(0, true) & TYPE_MASK] ?? 'other',
    bytes: view.getUint32(4, true) + view.getUint32(108, true) * 2 ** 32,
    modifiedMs: view.getInt32(16, true) * 1000,
    flags: view.getUint32(32, true),
    map: new DataView(view.buffer, 40, 60),
  }
}

/** The bytes of a file from a position on, holes as zeros, in pieces. Throws `file-unusable`, `DiskError`. */
export function* inodeContents(
  volume: ByteWindow,
  layout: ExtLayout,
  inode: Inode,
  position = 0,
): Generator<Uint8Array> {
  const { blockBytes } = layout
  const name = `inode ${inode.number}`
  if (inode.flags & FLAG.encrypted) throw damaged(volume.name, `${name} is encrypted`)
  if (inode.flags & FLAG.inline) {
    if (inode.bytes > 60) throw damaged(volume.name, `${name} lies in its attributes, which are not read`)
    yield new Uint8Array(inode.map.buffer, inode.map.byteOffset, inode.bytes).subarray(position)
    return
  }
  // A hole costs its maker nothing and the host as much as it claims.
  if (inode.bytes > volume.sizeBytes)
    throw damaged(volume.name, `${name} claims more bytes than the volume has`)
  const blocks = Math.ceil(inode.bytes / blockBytes)
  const most = Math.max(1, PIECE_BYTES / blockBytes)
  const first = Math.floor(position / blockBytes)
  let skipped = position - first * blockBytes
  for (const run of runsTo(
    inode.flags & FLAG.extents
      ? extentRuns(volume, layout, inode)
      : mappedRuns(volume, layout, inode, first, blocks),
    blocks,
  )) {
    for (let at = Math.max(0, first - run.logical); at < run.count; at += most) {
      const count = Math.min(most, run.count - at)
      const bytes = Math.min(count * blockBytes, inode.bytes - (run.logical + at) * blockBytes)
      const from = run.start === null ? null : (run.start + at) * blockBytes
      if (from !== null && from + bytes > volume.sizeBytes)
        throw damaged(volume.name, `${name} does not lie in it`)
      const piece = from === null ? new Uint8Array(bytes) : volume.read(from, bytes)
      yield piece.subarray(skipped)
      skipped = 0
    }
  }
}

/** Runs with the holes between them filled, up to so many blocks. */
function* runsTo(runs: Iterable<Run>, blocks: number): Generator<Run> {
  let next = 0
  for (const run of runs) {
    if (next >= blocks) return
    if (run.logical > next) {
      const end = Math.min(run.logical, blocks)
      yield { logical: next, start: null, count: end - next }
      next = end
    }
    const skipped = Math.max(0, next - run.logical)
    const count = Math.min(run.logical + run.count, blocks) - Math.max(run.logical, next)
    if (count <= 0) continue
    yield { logical: run.logical + skipped, start: run.start === null ? null : run.start + skipped, count }
    next = run.logical + skipped + count
  }
  if (next < blocks) yield { logical: next, start: null, count: blocks - next }
}

function* extentRuns(volume: ByteWindow, layout: ExtLayout, inode: Inode): Generator<Run> {
  // Nodes are as many as the file has blocks at most: a tree that leads back into itself is seen by that.
  const budget = { nodes: Math.ceil(inode.bytes / layout.blockBytes) + MAX_EXTENT_DEPTH }
  yield* extentNode(volume, layout, inode, inode.map, MAX_EXTENT_DEPTH, budget)
}

function* extentNode(
  volume: ByteWindow,
  layout: ExtLayout,
  inode: Inode,
  node: DataView,
  maxDepth: number,
  budget: { nodes: number },
): Generator<Run> {
  const [count, depth] = [node.getUint16(2, true), node.getUint16(6, true)]
  const isSound =
    node.getUint16(0, true) === EXTENT_MAGIC && 12 + count * 12 <= node.byteLength && depth <= maxDepth
  if (!isSound || budget.nodes-- <= 0) throw damaged(volume.name, `the extents of inode ${inode.number}`)
  for (let at = 12; at < 12 + count * 12; at += 12) {
    if (depth > 0) {
      const block = node.getUint32(at + 4, true) + node.getUint16(at + 8, true) * 2 ** 32
      const child = blockView(volume, layout, block, inode)
      yield* extentNode(volume, layout, inode, child, depth - 1, budget)
      continue
    }
    const length = node.getUint16(at + 4, true)
    const isWritten = length <= MAX_WRITTEN
    const start = node.getUint32(at + 8, true) + node.getUint16(at + 6, true) * 2 ** 32
    yield {
      logical: node.getUint32(at, true),
      start: isWritten ? start : null,
      count: isWritten ? length : length - MAX_WRITTEN,
    }
  }
}

/** The blocks of ext2 and ext3 from one on: twelve direct ones, then by way of one, two and three tables. */
function* mappedRuns(
  volume: ByteWindow,
  layout: ExtLayout,
  inode: Inode,
  from: number,
  blocks: number,
): Generator<Run> {
  const perTable = layout.blockBytes / 4
  for (let index = 0; index < DIRECT_BLOCKS; index++)
    yield single(index, inode.map.getUint32(index * 4, true))
  let logical = DIRECT_BLOCKS
  for (let level = 1; level <= 3 && logical < blocks; level++) {
    yield* tableRuns(
      volume,
      layout,
      inode,
      inode.map.getUint32((DIRECT_BLOCKS + level - 1) * 4, true),
      level,
      logical,
      { from, blocks },
    )
    logical += perTable ** level
  }
}

const single = (logical: number, block: number): Run => ({
  logical,
  start: block === 0 ? null : block,
  count: 1,
})

function* tableRuns(
  volume: ByteWindow,
  layout: ExtLayout,
  inode: Inode,
  block: number,
  level: number,
  first: number,
  wanted: { from: number; blocks: number },
): Generator<Run> {
  const span = (layout.blockBytes / 4) ** level
  if (first + span <= wanted.from) return // what is before it shows as a hole, and is not asked for
  if (block === 0) return yield { logical: first, start: null, count: span }
  const table = blockView(volume, layout, block, inode)
  const step = span / (layout.blockBytes / 4)
  for (let index = 0; index < layout.blockBytes / 4; index++) {
    const logical = first + index * step
    if (logical >= wanted.blocks) return
    const entry = table.getUint32(index * 4, true)
    if (level === 1) yield single(logical, entry)
    else yield* tableRuns(volume, layout, inode, entry, level - 1, logical, wanted)
  }
}

function blockView(volume: ByteWindow, { blockBytes }: ExtLayout, block: number, inode: Inode): DataView {
  if ((block + 1) * blockBytes > volume.sizeBytes)
    throw damaged(volume.name, `inode ${inode.number} does not lie in it`)
  return volume.view(block * blockBytes, blockBytes)
}

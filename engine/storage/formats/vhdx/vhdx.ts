import { unusable } from '../../host-file.ts'
import { type DiskFormat, SECTOR_BYTES } from '../disk-image.ts'
import { asciiAt, readPart, viewOf } from '../fields.ts'
import { ABSENT, MappedImage, ZEROS } from '../mapped-image.ts'
import { ReadOnlyMap } from '../read-only-map.ts'
import { readVhdxLayout } from './structures.ts'

const MIB = 1024 ** 2

/** States of a block in its table. */
const BLOCK = { notPresent: 0, undefined: 1, zero: 2, unmapped: 3, fullyPresent: 6 } as const

/** Hyper-V's disk of today, fixed or dynamic, to be read. */
export const vhdx: DiskFormat = {
  name: 'vhdx',
  variants: [],

  recognises: (first) => asciiAt(first, 0, 8) === 'vhdxfile',

  open(file) {
    const { sizeBytes, blockBytes, chunkRatio, tablePosition, tableBytes } = readVhdxLayout(file)
    const blocks = Math.ceil(sizeBytes / blockBytes)
    const entries = blocks + Math.floor((blocks - 1) / chunkRatio)
    if (entries * 8 > tableBytes) throw unusable(file.path, 'its block table is too short for its disk')
    const view = viewOf(readPart(file, tablePosition, entries * 8, 'block table'))
    const table = Float64Array.from({ length: blocks }, (_, block) => {
      const at = (block + Math.floor(block / chunkRatio)) * 8
      const state = view.getUint8(at) & 7
      // Bits 20 to 63 are the position in MiB.
      const position = Math.floor(Number(view.getBigUint64(at, true) >> 20n)) * MIB
      if (state === BLOCK.fullyPresent) return position
      if (state === BLOCK.notPresent || state === BLOCK.undefined) return ABSENT
      if (state === BLOCK.zero || state === BLOCK.unmapped) return ZEROS
      throw unusable(file.path, `its block table is damaged: a block of state ${state}`)
    })
    if (table.some((position) => position >= file.size))
      throw unusable(file.path, 'its block table leads out of the file')
    return new MappedImage(
      file,
      new ReadOnlyMap(file, (block) => table[block]!),
      sizeBytes / SECTOR_BYTES,
      blockBytes,
      {
        format: 'vhdx',
        variant: 'dynamic',
        clusterBytes: blockBytes,
        backingFile: null,
        identity: null,
        snapshots: [],
        files: [file.path],
      },
      null,
    )
  },
}

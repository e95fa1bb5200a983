import { basename, dirname, resolve } from 'node:path'
import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { type DiskFormat, type DiskImage, type OpenContext, SECTOR_BYTES } from '../disk-image.ts'
import { asciiAt } from '../fields.ts'
import { MappedImage } from '../mapped-image.ts'
import { ReadOnlyMap } from '../read-only-map.ts'
import { PIECE_BYTES, VhdxBlocks } from './block-map.ts'
import { replayLog } from './log.ts'
import type { ParentLocator } from './parent-locator.ts'
import { readVhdxHeader, readVhdxLayout } from './structures.ts'

/** Hyper-V's disk of today, fixed, dynamic or differencing, to be read; one that was not closed as its log has it. */
export const vhdx: DiskFormat = {
  name: 'vhdx',
  variants: [],

  recognises: (first) => asciiAt(first, 0, 8) === 'vhdxfile',

  open(opened, context) {
    const header = readVhdxHeader(opened)
    const file = header.log === null ? opened : replayLog(opened, header.log)
    const layout = readVhdxLayout(file)
    const parent = layout.parent && openParent(file, layout.parent, context)
    try {
      const blocks = new VhdxBlocks(file, layout, parent?.image ?? null)
      const map = new ReadOnlyMap(
        file,
        (piece) => blocks.locate(piece),
        (piece, into) => blocks.unpack(piece, into),
      )
      return new MappedImage(
        file,
        map,
        layout.sizeBytes / SECTOR_BYTES,
        PIECE_BYTES,
        {
          format: 'vhdx',
          variant: parent ? 'differencing' : 'dynamic',
          clusterBytes: layout.blockBytes,
          backingFile: parent?.name ?? null,
          identity: header.dataGuid,
          snapshots: [],
          files: [file.path],
        },
        parent?.image ?? null,
      )
    } catch (error) {
      parent?.image.close()
      throw error
    }
  },
}

function openParent(
  { path }: HostFile,
  { linkage, names }: ParentLocator,
  context: OpenContext,
): { name: string; image: DiskImage } {
  const { files } = context
  const folder = dirname(files.realPath(path) ?? path)
  // A path of another computer is of no use but for the name of the file.
  const likely = names.map((name) => (/^([a-z]:|\/\/)/i.test(name) ? basename(name) : name))
  const name = likely.find((one) => files.realPath(resolve(folder, one)) !== null) ?? likely[0]
  if (name === undefined) throw unusable(path, because('parent-name-missing'))
  const image = context.openBacking(name, 'vhdx')
  if (image.details.identity === linkage) return { name, image }
  image.close()
  throw unusable(path, because('parent-other-or-written', { name: JSON.stringify(name) }))
}

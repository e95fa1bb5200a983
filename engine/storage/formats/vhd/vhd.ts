import { basename, dirname, resolve } from 'node:path'
import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { type DiskFormat, type DiskImage, type OpenContext, SECTOR_BYTES } from '../disk-image.ts'
import { readPart, readUpTo, roundUp } from '../fields.ts'
import { MappedImage } from '../mapped-image.ts'
import { FlatImage } from '../raw/raw.ts'
import { VhdMap } from './block-map.ts'
import {
  encodeFooter,
  encodeHeader,
  encodeLocator,
  FOOTER_BYTES,
  HEADER_BYTES,
  isFooter,
  parseFooter,
  readVhdHeader,
  type VhdHeader,
} from './structures.ts'

const BLOCK_BYTES = 2 * 1024 ** 2
/** 2040 GiB: sectors of the file are counted in 32 bits. */
const MAX_BYTES = 2040 * 1024 ** 3

/** Virtual PC's and Hyper-V's disk: fixed, dynamic, and differencing over a parent. */
export const vhd: DiskFormat = {
  name: 'vhd',
  variants: ['dynamic', 'fixed', 'differencing'],

  recognises: (first, last) => isFooter(first) || (last.length === FOOTER_BYTES && isFooter(last)),

  open(file, context) {
    const footerBytes = readFooter(file)
    const footer = parseFooter(file, footerBytes)
    const details = {
      format: 'vhd',
      variant: footer.type,
      identity: footer.uuid,
      snapshots: [],
      files: [file.path],
    } as const
    if (footer.type === 'fixed') {
      if (footer.sizeBytes > file.size - FOOTER_BYTES) throw unusable(file.path, because('cut-short'))
      const plain = { ...details, clusterBytes: null, backingFile: null }
      return new FlatImage(file, 0, footer.sizeBytes / SECTOR_BYTES, plain)
    }
    const header = readVhdHeader(file, footer)
    const parent = footer.type === 'differencing' ? openParent(file.path, header, context) : null
    try {
      return new MappedImage(
        file,
        new VhdMap(file, header, footerBytes, parent?.image ?? null),
        footer.sizeBytes / SECTOR_BYTES,
        header.blockBytes,
        { ...details, clusterBytes: header.blockBytes, backingFile: parent?.name ?? null },
        parent?.image ?? null,
      )
    } catch (error) {
      parent?.image.close()
      throw error
    }
  },

  create(file, { sizeBytes, variant, clusterBytes = BLOCK_BYTES, backing }) {
    if (clusterBytes !== BLOCK_BYTES) throw unusable(file.path, because('vhd-blocks'))
    if (sizeBytes > MAX_BYTES) throw unusable(file.path, because('vhd-too-large'))
    if (variant === 'fixed' && !backing) {
      file.truncate(sizeBytes)
      file.writeAt(sizeBytes, encodeFooter('fixed', sizeBytes, 0))
      return
    }
    const { identity = null, format } = backing?.image.details ?? {}
    if (backing && (format !== 'vhd' || identity === null))
      throw unusable(file.path, because('vhd-parent-format'))
    const locatorPosition = FOOTER_BYTES + HEADER_BYTES
    const tablePosition = locatorPosition + SECTOR_BYTES
    const tableEntries = Math.ceil(sizeBytes / BLOCK_BYTES)
    const footer = encodeFooter(backing ? 'differencing' : 'dynamic', sizeBytes, FOOTER_BYTES)
    const parent =
      backing && identity !== null ? { uuid: identity, name: backing.name, locatorPosition } : null
    file.writeAt(0, footer)
    file.writeAt(FOOTER_BYTES, encodeHeader({ tablePosition, tableEntries, blockBytes: BLOCK_BYTES, parent }))
    if (parent) file.writeAt(locatorPosition, encodeLocator(parent.name))
    const table = new Uint8Array(roundUp(tableEntries * 4, SECTOR_BYTES)).fill(0xff)
    file.writeAt(tablePosition, table)
    file.writeAt(tablePosition + table.length, footer)
  },
}

/** The copy at the start, which only fixed disks lack, or the footer at the end. Throws `file-unusable`. */
function readFooter(file: HostFile): Uint8Array {
  const copy = readUpTo(file, 0, FOOTER_BYTES)
  if (isFooter(copy)) return copy
  return readPart(file, file.size - FOOTER_BYTES, FOOTER_BYTES, 'footer')
}

function openParent(
  path: string,
  header: VhdHeader,
  context: OpenContext,
): { name: string; image: DiskImage } {
  const { files } = context
  const folder = dirname(files.realPath(path) ?? path)
  // A path of another machine's drive is of no use but for the name of the file.
  const names = header.parentNames.map((name) => (/^[a-z]:/i.test(name) ? basename(name) : name))
  const name = names.find((name) => files.realPath(resolve(folder, name)) !== null) ?? names[0]
  if (name === undefined) throw unusable(path, because('parent-name-missing'))
  const image = context.openBacking(name, 'vhd')
  if (image.details.identity === header.parentUuid) return { name, image }
  image.close()
  throw unusable(path, because('parent-other', { name: JSON.stringify(name) }))
}

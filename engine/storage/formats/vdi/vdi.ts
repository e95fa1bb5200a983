import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { EngineError } from '../../../base/errors.ts'
import { because } from '../../../protocol/reasons.ts'
import { unusable } from '../../host-file.ts'
import type { ImageFiles } from '../../image-files.ts'
import { type DiskFormat, type DiskImage, type OpenContext, SECTOR_BYTES } from '../disk-image.ts'
import { readUpTo, roundUp } from '../fields.ts'
import { MappedImage } from '../mapped-image.ts'
import { VdiMap } from './block-map.ts'
import { encodeVdiHeader, isVdi, readVdiHeader, type VdiHeader, vdiUuid } from './header.ts'

const BLOCK_BYTES = 1024 ** 2

/** VirtualBox's disk image: dynamic, fixed, and differencing over a parent. */
export const vdi: DiskFormat = {
  name: 'vdi',
  variants: ['dynamic', 'fixed', 'differencing'],

  recognises: isVdi,

  open(file, context) {
    const header = readVdiHeader(file)
    if (header.sizeBytes % SECTOR_BYTES !== 0)
      throw unusable(file.path, because('disk-size-odd', { bytes: header.sizeBytes }))
    const map = new VdiMap(file, header)
    if (context.writable && !context.repairing && !map.check(true).repaired)
      throw unusable(file.path, because('block-map-damaged'))
    const parent = header.parentUuid === null ? null : openParent(file.path, header, context)
    return new MappedImage(
      file,
      map,
      header.sizeBytes / SECTOR_BYTES,
      header.blockBytes,
      {
        format: 'vdi',
        variant: header.variant,
        clusterBytes: header.blockBytes,
        backingFile: parent?.name ?? null,
        identity: header.modificationUuid,
        snapshots: [],
        files: [file.path],
      },
      parent?.image ?? null,
    )
  },

  create(file, { sizeBytes, variant, clusterBytes = BLOCK_BYTES, backing }, files) {
    if (clusterBytes !== BLOCK_BYTES) throw unusable(file.path, because('vdi-blocks'))
    const blocks = Math.ceil(sizeBytes / BLOCK_BYTES)
    const isFixed = variant === 'fixed'
    const header: VdiHeader = {
      variant: backing ? 'differencing' : isFixed ? 'fixed' : 'dynamic',
      mapPosition: SECTOR_BYTES,
      dataPosition: roundUp(SECTOR_BYTES + blocks * 4, BLOCK_BYTES),
      sizeBytes,
      blockBytes: BLOCK_BYTES,
      extraBytes: 0,
      blocks,
      blocksAllocated: isFixed ? blocks : 0,
      uuid: randomBytes(16).toString('hex'),
      modificationUuid: randomBytes(16).toString('hex'),
      parentUuid: backing ? uuidOf(files, join(dirname(file.path), backing.name)) : null,
      parentModificationUuid: backing?.image.details.identity ?? '0'.repeat(32),
    }
    if (backing && header.parentUuid === null) throw unusable(file.path, because('vdi-parent-format'))
    file.writeAt(0, encodeVdiHeader(header))
    const map = new Uint32Array(blocks).fill(0xffffffff)
    if (isFixed) for (let block = 0; block < blocks; block++) map[block] = block
    const bytes = new Uint8Array(blocks * 4)
    const view = new DataView(bytes.buffer)
    for (let block = 0; block < blocks; block++) view.setUint32(block * 4, map[block]!, true)
    file.writeAt(header.mapPosition, bytes)
    file.truncate(header.dataPosition + header.blocksAllocated * BLOCK_BYTES)
  },
}

/** A VDI knows its parent by UUID only: it has to lie beside it. */
function openParent(
  path: string,
  header: VdiHeader,
  context: OpenContext,
): { name: string; image: DiskImage } {
  const { files } = context
  const folder = dirname(files.realPath(path) ?? path)
  const name = files.namesIn(folder).find((name) => {
    return name !== basename(path) && uuidOf(files, join(folder, name)) === header.parentUuid
  })
  if (name === undefined)
    throw unusable(path, because('vdi-parent-missing', { uuid: dashed(header.parentUuid!) }))
  const image = context.openBacking(name, 'vdi')
  if (image.details.identity !== header.parentModificationUuid) {
    image.close()
    throw unusable(path, because('parent-changed', { name: JSON.stringify(name) }))
  }
  return { name, image }
}

/** UUID of the VDI in a file; null when it is none or cannot be opened. */
function uuidOf(files: ImageFiles, path: string): string | null {
  try {
    const file = files.open(path, false)
    try {
      return vdiUuid(readUpTo(file, 0, SECTOR_BYTES))
    } finally {
      file.close()
    }
  } catch (error) {
    if (error instanceof EngineError) return null
    throw error
  }
}

/** The usual way to write it; the first three fields are little-endian. */
function dashed(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

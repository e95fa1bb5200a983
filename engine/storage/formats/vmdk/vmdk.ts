import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { childPath } from '../child-path.ts'
import {
  type DiskFormat,
  type DiskImage,
  type ImageDetails,
  type OpenContext,
  SECTOR_BYTES,
} from '../disk-image.ts'
import { asciiAt, readUpTo } from '../fields.ts'
import { JoinedImage, type Part, SliceImage, ZeroImage } from '../joined-image.ts'
import { MappedImage } from '../mapped-image.ts'
import { FlatImage } from '../raw/raw.ts'
import { CREATE_TYPES, createVmdk, VMDK_VARIANTS, type VmdkVariant } from './create.ts'
import {
  DESCRIPTOR_MARK,
  type ExtentLine,
  newContentId,
  parseDescriptor,
  type VmdkDescriptor,
} from './descriptor.ts'
import { GrainMap } from './grain-map.ts'
import { isSparse, readSparseHeader, type SparseHeader } from './sparse-header.ts'
import { StreamWriter } from './stream-writer.ts'

const MAX_DESCRIPTOR_BYTES = 64 * 1024

/** VMware's disk: one sparse or flat file, split into files of 2 GB, or compressed as a stream. */
export const vmdk: DiskFormat = {
  name: 'vmdk',
  variants: VMDK_VARIANTS,

  recognises: (first) => isSparse(first) || asciiAt(first, 0, DESCRIPTOR_MARK.length) === DESCRIPTOR_MARK,

  open(file, context) {
    const header = isSparse(readUpTo(file, 0, SECTOR_BYTES)) ? readSparseHeader(file) : null
    if (header && header.descriptorBytes === 0) throw unusable(file.path, because('vmdk-part'))
    const textAt = header?.descriptorPosition ?? 0
    const text = readText(file, textAt, header?.descriptorBytes ?? MAX_DESCRIPTOR_BYTES)
    const descriptor = parseDescriptor(file.path, text)
    const backing = openParent(file.path, descriptor, context)
    const opened: DiskImage[] = []
    const details: ImageDetails = {
      format: 'vmdk',
      variant: variantOf(descriptor.createType),
      clusterBytes: header?.grainBytes ?? null,
      backingFile: descriptor.parentName,
      identity: descriptor.contentId,
      snapshots: [],
      files: [file.path],
    }
    try {
      const parts = header
        ? [
            {
              start: 0,
              image: sparseExtent(
                file,
                header,
                context,
                backing && new SliceImage(backing, 0, header.sectors),
                details,
              ),
            },
          ]
        : openExtents(file, descriptor, context, backing, details, opened)
      const names = header ? [] : parts.map(({ image }) => image.name)
      return new VmdkImage(
        file,
        header === null,
        textAt + descriptor.contentIdAt,
        parts,
        { ...details, files: [file.path, ...names] },
        backing,
      )
    } catch (error) {
      for (const image of opened) image.close()
      backing?.close()
      throw error
    }
  },

  create(file, request, files) {
    const variant = VMDK_VARIANTS.find((name) => name === request.variant) ?? 'sparse'
    if (variant === 'stream') new StreamWriter(file, request).finish()
    else createVmdk(file, variant, request, files)
  },

  compressor: (file, request) => new StreamWriter(file, request),
}

/** The descriptor's text: up to the first zero byte. */
function readText(file: HostFile, position: number, bytes: number): string {
  const text = readUpTo(file, position, Math.min(bytes, MAX_DESCRIPTOR_BYTES))
  const end = text.indexOf(0)
  return Buffer.from(end < 0 ? text : text.subarray(0, end)).toString('latin1')
}

function variantOf(createType: string): string {
  return VMDK_VARIANTS.find((variant: VmdkVariant) => CREATE_TYPES[variant] === createType) ?? createType
}

function openParent(path: string, descriptor: VmdkDescriptor, context: OpenContext): DiskImage | null {
  const { parentName, parentContentId } = descriptor
  if (parentContentId === null || parentName === null) return null
  const name = Buffer.from(parentName, 'latin1').toString('utf8')
  const parent = context.openBacking(name, 'vmdk')
  if (parent.details.identity === parentContentId) return parent
  parent.close()
  throw unusable(path, because('parent-changed', { name: JSON.stringify(name) }))
}

function sparseExtent(
  file: HostFile,
  header: SparseHeader,
  context: OpenContext,
  backing: DiskImage | null,
  details: ImageDetails,
): DiskImage {
  if (context.writable && header.isCompressed) throw unusable(file.path, because('vmdk-stream-only-read'))
  const map = new GrainMap(file, header)
  return new MappedImage(
    file,
    map,
    header.sectors,
    header.grainBytes,
    { ...details, clusterBytes: header.grainBytes },
    backing,
  )
}

/** @param opened gets every image as soon as it is open, for whoever has to close them after a failure */
function openExtents(
  file: HostFile,
  descriptor: VmdkDescriptor,
  context: OpenContext,
  backing: DiskImage | null,
  details: ImageDetails,
  opened: DiskImage[],
): Part[] {
  const parts: Part[] = []
  let start = 0
  for (const line of descriptor.extents) {
    const below = backing && new SliceImage(backing, start, line.sectors)
    const image = openExtent(file.path, line, context, below, details)
    opened.push(image)
    if (image.sectorCount < line.sectors) throw unusable(image.name, because('vmdk-shorter'))
    if (image.sectorCount > line.sectors) throw unusable(image.name, because('vmdk-longer'))
    parts.push({ start, image })
    start += line.sectors
  }
  return parts
}

function openExtent(
  path: string,
  line: ExtentLine,
  context: OpenContext,
  below: DiskImage | null,
  details: ImageDetails,
): DiskImage {
  if (line.kind === 'zero') return new ZeroImage(path, line.sectors, details)
  const name = Buffer.from(line.name, 'latin1').toString('utf8')
  const { files, confirmed, writable } = context
  const file = files.open(childPath(files, path, name, 'extent', confirmed), writable && !line.isReadonly)
  try {
    if (line.kind === 'sparse') return sparseExtent(file, readSparseHeader(file), context, below, details)
    const start = line.startSector * SECTOR_BYTES
    if (start + line.sectors * SECTOR_BYTES > file.size) throw unusable(file.path, because('vmdk-shorter'))
    return new FlatImage(file, start, line.sectors, details)
  } catch (error) {
    file.close()
    throw error
  }
}

/** The joined extents, and the identity that changes with them. */
class VmdkImage extends JoinedImage {
  /** @param ownsFile whether the file is the descriptor alone, which no part closes */
  constructor(
    private readonly file: HostFile,
    private readonly ownsFile: boolean,
    contentIdPosition: number,
    parts: readonly Part[],
    details: ImageDetails,
    backing: DiskImage | null,
  ) {
    super(file.path, parts, details, backing, () => {
      file.writeAt(contentIdPosition, Buffer.from(newContentId(details.identity ?? undefined), 'latin1'))
    })
  }

  override flush(): void {
    super.flush()
    if (this.ownsFile && this.file.writable && !this.readonly) this.file.sync()
  }

  override close(): void {
    try {
      super.close()
    } finally {
      if (this.ownsFile) this.file.close()
    }
  }
}

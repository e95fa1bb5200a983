import { deflateRawSync } from 'node:zlib'
import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import {
  type DiskFormat,
  type DiskImage,
  FORMAT_NAMES,
  type FormatName,
  type OpenContext,
  SECTOR_BYTES,
} from '../disk-image.ts'
import { readPadded, viewOf } from '../fields.ts'
import { LUKS_HEADER_BYTES, type LuksHeader, readLuksHeader } from '../luks/header.ts'
import { encryptionOf, unlock } from '../luks/luks.ts'
import { MappedImage } from '../mapped-image.ts'
import { Qcow2Map } from './cluster-map.ts'
import { type DataFile, openDataFile } from './data-file.ts'
import { SubclusterMap } from './subcluster-map.ts'
import { encodeHeader, MAX_L1_BYTES, type Qcow2Header, QCOW2_MAGIC, readQcow2Header } from './header.ts'

const DEFAULT_CLUSTER_BYTES = 64 * 1024

/** QEMU's copy-on-write format, versions 2 and 3. */
export const qcow2: DiskFormat = {
  name: 'qcow2',
  variants: ['v3', 'v2'],

  recognises: (first) => first.length >= 4 && viewOf(first).getUint32(0) === QCOW2_MAGIC,

  open: (file, context) => openQcow2(file, context).image,

  create(file, { sizeBytes, variant, clusterBytes = DEFAULT_CLUSTER_BYTES, backing, encryption }) {
    const clusterBits = Math.log2(clusterBytes)
    if (!Number.isInteger(clusterBits) || clusterBits < 9 || clusterBits > 21)
      throw unusable(file.path, because('qcow-clusters', { bytes: clusterBytes }))
    const l1Entries = Math.max(1, Math.ceil(sizeBytes / (clusterBytes * (clusterBytes / 8))))
    const l1Clusters = Math.ceil((l1Entries * 8) / clusterBytes)
    const keyClusters = Math.ceil((encryption?.area.length ?? 0) / clusterBytes)
    // Header, refcount table, blocks of counts of 16 bits, L1 table, keys.
    let blocks = 1
    while (blocks * (clusterBytes / 2) < 2 + blocks + l1Clusters + keyClusters) blocks++
    if (l1Entries * 8 > MAX_L1_BYTES || blocks > clusterBytes / 8)
      throw unusable(file.path, because('qcow-clusters-too-small'))
    const keysAt = (2 + blocks + l1Clusters) * clusterBytes
    const total = 2 + blocks + l1Clusters + keyClusters
    const tableAt = clusterBytes
    const blockAt = 2 * clusterBytes
    const start = new Uint8Array(total * clusterBytes)
    const view = viewOf(start)
    start.set(
      encodeHeader({
        version: variant === 'v2' ? 2 : 3,
        clusterBits,
        sizeBytes,
        l1Entries,
        l1Position: (2 + blocks) * clusterBytes,
        refcountTablePosition: tableAt,
        backing: backing ? { name: backing.name, format: qemuName(backing.format) } : null,
        encryption: encryption ? { position: keysAt, bytes: encryption.area.length } : null,
      }),
    )
    for (let block = 0; block < blocks; block++)
      view.setBigUint64(tableAt + block * 8, BigInt(blockAt + block * clusterBytes))
    for (let cluster = 0; cluster < total; cluster++) view.setUint16(blockAt + cluster * 2, 1)
    if (encryption) start.set(encryption.area, keysAt)
    file.writeAt(0, start)
  },

  compressor(file, request, files) {
    if (request.encryption) throw unusable(file.path, because('compressed-or-encrypted'))
    this.create!(file, request, files)
    const { image, map, header } = openQcow2(file, {
      files,
      confirmed: [],
      writable: true,
      repairing: false,
      keyring: null,
      isLocked: false,
      openBacking: () => {
        throw unusable(file.path, because('compressed-alone'))
      },
    })
    const clusterBytes = 2 ** header.clusterBits
    return {
      clusterBytes,
      add(cluster, bytes) {
        const packed = deflateRawSync(bytes, { windowBits: 12 })
        if (packed.length < bytes.length) map.addPacked(cluster, packed)
        else {
          const sector = (cluster * clusterBytes) / SECTOR_BYTES
          const count = Math.min(bytes.length / SECTOR_BYTES, image.sectorCount - sector)
          image.write(sector, count, bytes.subarray(0, count * SECTOR_BYTES))
        }
        if (map.crowded) map.commit()
      },
      finish: () => image.flush(),
    }
  },
}

function openQcow2(
  file: HostFile,
  context: OpenContext,
): { image: DiskImage; map: Qcow2Map; header: Qcow2Header } {
  const header = readQcow2Header(file)
  if (header.sizeBytes % SECTOR_BYTES !== 0)
    throw unusable(file.path, because('disk-size-odd', { bytes: header.sizeBytes }))
  if (context.writable && header.isCorrupt && !context.repairing)
    throw unusable(file.path, because('tables-found-damaged'))
  const dataFile = openDataFile(file, header, context)
  try {
    return openParts(file, header, dataFile, context)
  } catch (error) {
    dataFile?.close()
    throw error
  }
}

function openParts(
  file: HostFile,
  header: Qcow2Header,
  dataFile: DataFile | null,
  context: OpenContext,
): { image: DiskImage; map: Qcow2Map; header: Qcow2Header } {
  const keys = header.encryption && readKeys(file, header.encryption)
  const place = keys && { position: keys.position, start: 0, data: dataFile ?? file }
  const data = place ? unlock(file, keys.header, place, context) : (dataFile ?? file)
  const map = new Qcow2Map(file, header, dataFile)
  const { backingFile, backingFormat } = header
  const backing = backingFile === null ? null : context.openBacking(backingFile, formatOf(backingFormat))
  const clusterBytes = 2 ** header.clusterBits
  const parts = header.hasSubclusters ? new SubclusterMap(data, map, clusterBytes) : null
  const image = new MappedImage(
    data,
    parts ?? map,
    header.sizeBytes / SECTOR_BYTES,
    parts?.partBytes ?? clusterBytes,
    {
      format: 'qcow2',
      variant: `v${header.version}`,
      clusterBytes,
      backingFile,
      identity: null,
      snapshots: header.snapshots.map(({ id, name, createdAt, stateBytes }) => ({
        id,
        name,
        createdAt,
        stateBytes,
      })),
      files: dataFile ? [file.path, dataFile.ownPath] : [file.path],
      encryption: keys ? encryptionOf(file, keys.header, keys) : undefined,
    },
    backing,
  )
  // Its counts were not kept up to date: nothing may be allocated before they are right again.
  if (context.writable && header.isDirty && !context.repairing && !image.check(true).repaired) {
    image.close()
    throw unusable(file.path, because('not-closed-properly'))
  }
  return { image, map, header }
}

/** Sectors are encrypted by their place in the file, so that all that an image needs to know lies in clear. */
function readKeys(
  file: HostFile,
  { position, bytes }: { position: number; bytes: number },
): { header: LuksHeader; position: number; bytes: number } {
  const start = new Uint8Array(Math.min(bytes, LUKS_HEADER_BYTES))
  readPadded(file, position, start)
  return { header: readLuksHeader(file.path, start), position, bytes }
}

/** What QEMU calls a format. */
export const qemuName = (format: FormatName): string => (format === 'vhd' ? 'vpc' : format)

/** The format that QEMU calls so; what it does not say is told by content. */
function formatOf(name: string | null): FormatName | null {
  if (name === null) return null
  if (name === 'vpc') return 'vhd'
  return FORMAT_NAMES.find((known) => known === name) ?? null
}

import { because } from '../../protocol/reasons.ts'
import { checkRange, DiskError } from '../block-image.ts'
import { FLOPPY_GEOMETRIES, type FloppyGeometry } from '../floppy-geometry.ts'
import { type HostFile, unusable } from '../host-file.ts'
import { f86 } from './86f/86f.ts'
import { copyQm } from './copyqm/copyqm.ts'
import {
  type CheckReport,
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from './disk-image.ts'
import { readUpTo } from './fields.ts'
import type { FloppyFormat, StoredSector } from './floppy-format.ts'
import { imd } from './imd/imd.ts'
import { td0 } from './td0/td0.ts'

const FORMATS: readonly FloppyFormat[] = [imd, td0, copyQm, f86]
/** More than an archive of any floppy has that keeps no more than its sectors. */
const MAX_BYTES = 8 * 1024 ** 2

/** The format of an archive that starts so, or null. */
export function floppyFormatOf(start: Uint8Array): FloppyFormat | null {
  return FORMATS.find((format) => format.recognises(start)) ?? null
}

/** A floppy out of an archive: unpacked in memory, and read only. Takes over the file. Throws `file-unusable`. */
export function unpackFloppy(file: HostFile, format: FloppyFormat): UnpackedFloppy {
  const { path, size } = file
  if (size > (format.maxBytes ?? MAX_BYTES)) throw unusable(path, because('floppy-archive-too-large'))
  const sectors = format.decode(path, readUpTo(file, 0, size))
  return new UnpackedFloppy(file, format.name, geometryOf(path, sectors), sectors)
}

/** The known format that the sectors fill: of 512 bytes, numbered from 1 on, on tracks of one kind. */
function geometryOf(path: string, sectors: readonly StoredSector[]): FloppyGeometry {
  const odd = sectors.find(({ bytes }) => bytes.length !== SECTOR_BYTES)
  if (odd) throw unusable(path, because('floppy-sector-size', { bytes: odd.bytes.length }))
  const most = (of: (sector: StoredSector) => number): number =>
    sectors.reduce((highest, sector) => Math.max(highest, of(sector)), 0)
  const [tracks, heads, perTrack] = [
    most((s) => s.cylinder) + 1,
    most((s) => s.head) + 1,
    most((s) => s.number),
  ]
  const found = [...FLOPPY_GEOMETRIES.values()]
    .filter((known) => known.heads === heads && known.sectors === perTrack && known.tracks >= tracks)
    .sort((a, b) => a.tracks - b.tracks)[0]
  if (!found) throw unusable(path, because('floppy-format-unknown', { tracks, heads, sectors: perTrack }))
  return found
}

/** Sectors in memory; one that the archive lacks, or could not be read when it was made, fails as on the floppy. */
export class UnpackedFloppy implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly readonly = true
  readonly backing = null
  readonly name: string
  readonly sectorCount: number
  readonly details: ImageDetails
  readonly #sectors = new Map<number, StoredSector>()

  constructor(
    private readonly file: HostFile,
    format: ImageDetails['format'],
    readonly geometry: FloppyGeometry,
    sectors: readonly StoredSector[],
  ) {
    const { tracks, heads, sectors: perTrack } = geometry
    this.name = file.path
    this.sectorCount = tracks * heads * perTrack
    this.details = {
      format,
      variant: `${tracks} tracks, ${heads} sides, ${perTrack} sectors`,
      clusterBytes: null,
      backingFile: null,
      identity: null,
      snapshots: [],
      files: [file.path],
    }
    for (const sector of sectors) {
      const { cylinder, head, number } = sector
      const index = (cylinder * heads + head) * perTrack + number - 1
      // Of two with one number, the first that can be read counts.
      if (number >= 1 && !this.#sectors.get(index)?.isGood) this.#sectors.set(index, sector)
    }
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    for (let index = 0; index < count; index++) {
      const stored = this.#sectors.get(sector + index)
      if (!stored?.isGood)
        throw new DiskError('io', this.name, because('floppy-sector-unreadable', { sector: sector + index }))
      into.set(stored.bytes, index * SECTOR_BYTES)
    }
  }

  write(): void {
    throw new DiskError('readonly', this.name, because('floppy-archive-only-read'))
  }

  extentAt(_sector: number, limit: number): Extent {
    return { sectors: limit, holds: 'data' }
  }

  check(): CheckReport {
    const lost = Array.from({ length: this.sectorCount }, (_, index) => this.#sectors.get(index)).filter(
      (sector) => !sector?.isGood,
    ).length
    const damage = lost > 0 ? [`${lost} sectors could not be read from the floppy`] : []
    return { damage, leakedBytes: 0, repaired: false }
  }

  flush(): void {}

  close(): void {
    this.file.close()
  }
}

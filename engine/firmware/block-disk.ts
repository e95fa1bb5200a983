import { asDiskError, type BlockImage, type DiskError } from '../storage/block-image.ts'
import type { FloppyGeometry } from '../storage/floppy-geometry.ts'
import { findSector, sectorsOfTrack } from '../storage/floppy-track.ts'
import type { FirmwareDisk, Geometry } from './disk.ts'

/** A medium and its geometry, null while the drive is empty. */
export interface DriveContents {
  image: BlockImage
  geometry: Geometry | null
  /** How a floppy is formatted. */
  floppy?: FloppyGeometry | null
}

/** A drive of the machine, as the firmware reads it: whatever medium is in it at the time. */
export class BlockDisk implements FirmwareDisk {
  readonly kind: FirmwareDisk['kind']
  readonly driveType?: number
  readonly ide?: { channel: number; slave: boolean }
  /** The medium that was there when somebody last took note of it; undefined when that is another one. */
  #last: BlockImage | null | undefined = null

  /** @param contents asked at each access, so that a medium that was changed is seen */
  constructor(
    options: Pick<FirmwareDisk, 'kind' | 'driveType' | 'ide'>,
    private readonly contents: () => DriveContents | null,
    /** Told when the host fails an access; the guest gets an error status. */
    private readonly onFault: (operation: 'read' | 'write', error: DiskError) => void = () => {},
  ) {
    this.kind = options.kind
    if (options.driveType !== undefined) this.driveType = options.driveType
    if (options.ide) this.ide = options.ide
  }

  get name(): string {
    return this.contents()?.image.name.split(/[/\\]/).pop() ?? 'empty'
  }
  get sectorBytes(): number {
    return this.contents()?.image.sectorBytes ?? (this.kind === 'cdrom' ? 2048 : 512)
  }
  get sectorCount(): number {
    return this.contents()?.image.sectorCount ?? 0
  }
  get geometry(): Geometry | null {
    return this.contents()?.geometry ?? null
  }
  get placeOf(): FirmwareDisk['placeOf'] {
    const floppy = this.contents()?.floppy
    if (floppy?.layout === undefined) return undefined
    return (cylinder, head, id, sizeCode) =>
      cylinder < floppy.tracks && head < floppy.heads
        ? (findSector(sectorsOfTrack(floppy, cylinder, head), id, sizeCode)?.block ?? null)
        : null
  }
  get readonly(): boolean {
    return this.kind === 'cdrom' || (this.contents()?.image.readonly ?? false)
  }

  get changed(): boolean {
    // What the guest cannot take out is always the same.
    return this.kind !== 'disk' && this.#last !== this.#current
  }
  set changed(changed: boolean) {
    this.#last = changed ? undefined : this.#current
  }

  takeChanged(): boolean {
    const { changed } = this
    this.changed = false
    return changed
  }

  read(sector: number, count: number, into: Uint8Array): void {
    this.#guarded('read', (image) => image.read(sector, count, into))
  }
  write(sector: number, count: number, from: Uint8Array): void {
    this.#guarded('write', (image) => image.write(sector, count, from))
  }

  get #current(): BlockImage | null {
    return this.contents()?.image ?? null
  }

  #guarded(operation: 'read' | 'write', access: (image: BlockImage) => void): void {
    const image = this.#image()
    try {
      access(image)
    } catch (cause) {
      const error = asDiskError(cause, image.name)
      // What the guest asks wrongly is no fault of the host.
      if (error.kind !== 'range' && error.kind !== 'readonly') this.onFault(operation, error)
      throw error
    }
  }

  #image(): BlockImage {
    const contents = this.contents()
    if (!contents) throw new RangeError('no medium')
    return contents.image
  }
}

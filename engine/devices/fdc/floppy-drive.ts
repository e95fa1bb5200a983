import type { FloppyGeometry } from '../../storage/floppy-geometry.ts'
import type { FloppyImage } from '../../storage/floppy-image.ts'
import { type FloppySector, sectorsOfTrack } from '../../storage/floppy-track.ts'

/** Kinds of drive, as the CMOS of an AT tells them apart. */
export const FLOPPY_DRIVE_TYPES = ['none', '360K', '1.2M', '720K', '1.44M', '2.88M'] as const
export type FloppyDriveType = (typeof FLOPPY_DRIVE_TYPES)[number]

/** The drive of the time that a medium belongs into. */
export function driveTypeFor({ inches, density }: FloppyGeometry): FloppyDriveType {
  if (density === 'ED') return '2.88M'
  if (inches === 5.25) return density === 'HD' ? '1.2M' : '360K'
  return '1.44M'
}

export interface SavedFloppyDrive {
  track: number
  changed: boolean
  rotation: number
}

const LAST_TRACK_OF_40 = 42
const LAST_TRACK_OF_80 = 84

/** One drive: its mechanics, and the medium in it. */
export class FloppyDrive {
  /** Where the head is, in steps of the drive. */
  #track = 0
  /** The disk-change latch: set by taking the medium out, cleared by a step with a medium in place. */
  #changed = true
  /** Index of the sector whose header comes next, where time does not say. */
  rotation = 0
  #medium: FloppyImage | null = null
  /** What `sectors` gave last. */
  #passing: {
    geometry: FloppyGeometry | null
    track: number
    head: number
    sectors: readonly FloppySector[]
  } = { geometry: null, track: 0, head: 0, sectors: [] }

  /** @param id shown to the user: floppy0, floppy1 */
  constructor(
    readonly id: string,
    readonly type: FloppyDriveType,
  ) {}

  get present(): boolean {
    return this.type !== 'none'
  }

  get medium(): FloppyImage | null {
    return this.present ? this.#medium : null
  }

  /** Puts a medium in. The caller flushes and closes the one that this gives back. */
  insert(medium: FloppyImage | null): FloppyImage | null {
    const old = this.#medium
    this.#medium = medium
    this.#changed = true
    this.rotation = 0
    return old
  }

  get track(): number {
    return this.#track
  }

  get atTrack0(): boolean {
    return this.present && this.#track === 0
  }

  /** The DSKCHG line. An absent drive does not drive it. */
  get diskChanged(): boolean {
    return this.present && (this.#changed || !this.#medium)
  }

  get writeProtected(): boolean {
    return this.medium?.image.readonly ?? false
  }

  /** @param steps tracks inward (up), negative outward; the end stops hold the head */
  step(steps: number): void {
    if (!this.present || steps === 0) return
    const last = this.type === '360K' ? LAST_TRACK_OF_40 : LAST_TRACK_OF_80
    this.#track = Math.max(0, Math.min(last, this.#track + steps))
    if (this.#medium) this.#changed = false
  }

  /** One turn, in ns: 1.2M drives turn at 360 rpm whatever is in them, the others at 300. */
  get revolutionNs(): number {
    return this.type === '1.2M' ? 60e9 / 360 : 60e9 / 300
  }

  /**
   * The medium's track under the head, or null where it has none. A 1.2M drive makes two steps from one track of
   * a 40-track medium to the next, and reads nothing in between.
   */
  get mediumTrack(): number | null {
    const medium = this.medium
    if (!medium) return null
    const doubleStep = this.type === '1.2M' && medium.geometry.tracks < 80
    const track = doubleStep ? this.#track / 2 : this.#track
    return Number.isInteger(track) && track < medium.geometry.tracks ? track : null
  }

  /** The sectors that pass that head in one turn, from the index on; none where the medium has no track. */
  sectors(head: number): readonly FloppySector[] {
    const geometry = this.medium?.geometry
    const track = this.mediumTrack
    if (!geometry || track === null || head >= geometry.heads) return []
    if (this.#passing.geometry !== geometry || this.#passing.track !== track || this.#passing.head !== head)
      this.#passing = { geometry, track, head, sectors: sectorsOfTrack(geometry, track, head) }
    return this.#passing.sectors
  }

  /** The data rate, in kbit/s, at which the medium passes the head in this drive; null when it cannot be read. */
  get mediumRateKbps(): number | null {
    const density = this.medium?.geometry.density
    if (density === 'DD') return this.type === '1.2M' ? 300 : 250
    if (density === 'HD') return this.type === '360K' || this.type === '720K' ? null : 500
    if (density === 'ED') return this.type === '2.88M' ? 1000 : null
    return null
  }

  /** Power-on: the head stays where it was left, which nobody knows; here at track 0. */
  reset(): void {
    this.#track = 0
    this.#changed = true
    this.rotation = 0
  }

  save(): SavedFloppyDrive {
    return { track: this.#track, changed: this.#changed, rotation: this.rotation }
  }

  restore(saved: SavedFloppyDrive): void {
    this.#track = saved.track
    this.#changed = saved.changed
    this.rotation = saved.rotation
  }
}

import * as v from 'valibot'
import type { BlockImage } from '../../storage/block-image.ts'
import { type CdTrack, type CdTrackKind, trackAt } from '../../storage/cd-image.ts'

export const CD_SECTOR_BYTES = 2048
/** More than this is no CD but a DVD. */
const LARGEST_CD_SECTORS = 450_000

const ONE_TRACK: readonly CdTrack[] = [{ number: 1, kind: 'mode1', start: 0 }]

export const cdMediumSchema = v.strictObject({
  trayOpen: v.boolean(),
  locked: v.boolean(),
  changed: v.boolean(),
  mediaEvent: v.picklist(['none', 'new-media', 'media-removal']),
})

export type SavedCdMedium = v.InferOutput<typeof cdMediumSchema>

/** The tray and what lies in it. */
export class CdMedium {
  /** The guest opened the tray; the image stays in it, unreadable, until it is closed or another put in. */
  trayOpen = false
  /** PREVENT MEDIUM REMOVAL: the guest's START STOP UNIT cannot open it; the host's user still can. */
  locked = false
  /** A UNIT ATTENTION is due. */
  changed = false
  /** For GET EVENT STATUS NOTIFICATION. */
  mediaEvent: SavedCdMedium['mediaEvent'] = 'none'
  #image: BlockImage | null

  /** @param onGone the disc that was in it is not in reach any more */
  constructor(
    image: BlockImage | null,
    private readonly onGone: () => void = () => {},
  ) {
    this.#image = image
  }

  /** The disc in the tray, read or not. */
  get inserted(): BlockImage | null {
    return this.#image
  }

  /** The disc that can be read. */
  get image(): BlockImage | null {
    return this.trayOpen ? null : this.#image
  }

  get sectorCount(): number {
    return this.image?.sectorCount ?? 0
  }

  /** Of the disc that can be read; a plain image is one track of data. */
  get tracks(): readonly CdTrack[] {
    return this.image?.disc?.tracks ?? ONE_TRACK
  }

  /** Whether all sectors are in tracks of one kind, and of which; null when they are not. */
  kindOf(lba: number, count: number): CdTrackKind | null {
    const first = trackAt(this.tracks, lba)
    const isMixed = this.tracks.some(
      ({ start, kind }) => start > lba && start < lba + count && kind !== first.kind,
    )
    return isMixed ? null : first.kind
  }

  get isDvd(): boolean {
    return this.sectorCount > LARGEST_CD_SECTORS
  }

  /** Puts a disc in, or with null takes it out. The caller closes the one that this gives back. */
  insert(image: BlockImage | null): BlockImage | null {
    const old = this.#image
    this.onGone()
    this.#image = image
    this.trayOpen = false
    this.changed = image !== null
    this.mediaEvent = image ? 'new-media' : 'media-removal'
    return old
  }

  openTray(): void {
    if (this.trayOpen) return
    this.onGone()
    this.trayOpen = true
    this.changed = false
    this.mediaEvent = 'media-removal'
  }

  closeTray(): void {
    if (!this.trayOpen) return
    this.trayOpen = false
    if (!this.#image) return
    this.changed = true
    this.mediaEvent = 'new-media'
  }

  reset(): void {
    this.trayOpen = false
    this.locked = false
    this.changed = false
    this.mediaEvent = 'none'
  }

  save(): SavedCdMedium {
    const { trayOpen, locked, changed, mediaEvent } = this
    return { trayOpen, locked, changed, mediaEvent }
  }

  restore(saved: SavedCdMedium): void {
    Object.assign(this, saved)
  }
}

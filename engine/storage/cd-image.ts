/** A sector as it lies on a disc: sync, header, data and error correction, or 1/75 s of sound. */
export const RAW_CD_SECTOR_BYTES = 2352

/** Mode 2 is that of CD-ROM XA in form 1, whose sectors have 2048 bytes of data as those of mode 1 do. */
export type CdTrackKind = 'audio' | 'mode1' | 'mode2'

export interface CdTrack {
  /** 1 to 99. */
  readonly number: number
  readonly kind: CdTrackKind
  /** Sector in which its contents begin (index 1). */
  readonly start: number
}

/** What there is on a disc besides its data. */
export interface CdDisc {
  /** By their numbers, one at least. */
  readonly tracks: readonly CdTrack[]
  /** A whole sector, in 2352 bytes. Throws `DiskError`. */
  readRaw(sector: number, into: Uint8Array): void
}

/** The track that a sector is in: the gap before a track belongs to the one before it. */
export function trackAt(tracks: readonly CdTrack[], sector: number): CdTrack {
  return tracks.findLast(({ start }) => start <= sector) ?? tracks[0]!
}

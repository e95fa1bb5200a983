/** How a floppy is formatted: MFM sectors, of 512 bytes and numbered from 1 unless `layout` says otherwise. */
export interface FloppyGeometry {
  tracks: number
  heads: number
  /** Sectors per track; where sizes are mixed, what the image has for one, in units of 512 bytes. */
  sectors: number
  /** 5.25 or 3.5 inches: what drive it fits in by nature. */
  inches: 5.25 | 3.5
  /** DD: 250 kbit/s at 300 rpm; HD: 500 kbit/s; ED: 1 Mbit/s, recorded perpendicularly. */
  density: 'DD' | 'HD' | 'ED'
  /** XDF: sectors of mixed sizes; see floppy-track.ts. */
  layout?: 'xdf'
}

type Row = [tracks: number[], heads: number, sectors: number, inches: 5.25 | 3.5, density: 'DD' | 'HD' | 'ED']

// Tracks past 40 and 80 are what copy programs squeezed out of the drives' end stops. Where two formats have the
// same size, the first row wins.
const FORMATS: Row[] = [
  [[40], 1, 8, 5.25, 'DD'], // 160K
  [[40], 1, 9, 5.25, 'DD'], // 180K
  [[40, 41, 42], 2, 8, 5.25, 'DD'], // 320K
  [[40, 41, 42], 2, 9, 5.25, 'DD'], // 360K
  [[40, 41, 42], 2, 10, 5.25, 'DD'], // 400K
  [[80], 2, 8, 3.5, 'DD'], // 640K
  [[80, 81, 82, 83], 2, 9, 3.5, 'DD'], // 720K
  [[80, 81, 82, 83], 2, 10, 3.5, 'DD'], // 800K, 820K
  [[80, 81, 82, 83], 2, 15, 5.25, 'HD'], // 1.2M
  [[80], 2, 16, 3.5, 'HD'],
  [[80, 81, 82, 83], 2, 18, 3.5, 'HD'], // 1.44M
  [[80], 2, 20, 3.5, 'HD'], // 1600K, as OPENSTEP has it
  [[80, 81, 82, 83], 2, 21, 3.5, 'HD'], // 1.68M (DMF), 1.72M, 1.74M
  [[80, 81, 82, 83], 2, 22, 3.5, 'HD'], // 1760K
  [[80], 2, 24, 3.5, 'HD'],
  [[80, 82], 2, 36, 3.5, 'ED'], // 2.88M
  [[80], 2, 39, 3.5, 'ED'],
  [[80], 2, 40, 3.5, 'ED'],
]

/** IBM's eXtended Density Format: no other format has this size. */
const XDF_BYTES = 80 * 2 * 23 * 512

/** Every known format, by its size in bytes. */
export const FLOPPY_GEOMETRIES: ReadonlyMap<number, FloppyGeometry> = buildTable()

function buildTable(): Map<number, FloppyGeometry> {
  const table = new Map<number, FloppyGeometry>()
  for (const [trackCounts, heads, sectors, inches, density] of FORMATS)
    for (const tracks of trackCounts) {
      const bytes = tracks * heads * sectors * 512
      if (!table.has(bytes)) table.set(bytes, { tracks, heads, sectors, inches, density })
    }
  return table.set(XDF_BYTES, {
    tracks: 80,
    heads: 2,
    sectors: 23,
    inches: 3.5,
    density: 'HD',
    layout: 'xdf',
  })
}

/** Size of the largest known format, in bytes. */
export const MAX_FLOPPY_BYTES = Math.max(...FLOPPY_GEOMETRIES.keys())

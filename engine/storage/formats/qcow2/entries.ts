/** Entries of the L1 and L2 tables of qcow2: a position with flags in the bits that a position leaves over. */

const HIGH = 2 ** 32
/** The cluster is used once, so that it may be overwritten in place. */
export const COPIED = 0x80000000
const COMPRESSED = 0x40000000
/** In the low half; the cluster reads as zeros (v3). */
const ALL_ZERO = 1

export const isCopied = (view: DataView, at: number): boolean => (view.getUint32(at) & COPIED) !== 0

export const isCompressed = (view: DataView, at: number): boolean => (view.getUint32(at) & COMPRESSED) !== 0

export const isZero = (view: DataView, at: number): boolean =>
  !isCompressed(view, at) && (view.getUint32(at + 4) & ALL_ZERO) !== 0

/** Position that an entry of either table points to, 0 for none. */
export const positionAt = (view: DataView, at: number): number =>
  (view.getUint32(at) & 0x00ffffff) * HIGH + ((view.getUint32(at + 4) & 0xfffffe00) >>> 0)

/** Whether an entry has a cluster: only a data file has one at its beginning, and the flag tells of it. */
export const hasPlace = (view: DataView, at: number, isDataFile: boolean): boolean =>
  positionAt(view, at) !== 0 || (isDataFile && isCopied(view, at))

export function setEntry(view: DataView, at: number, position: number): void {
  view.setUint32(at, (Math.floor(position / HIGH) | COPIED) >>> 0)
  view.setUint32(at + 4, position >>> 0)
}

export const SUBCLUSTERS = 32

/** Parts of a cluster whose bytes lie where the entry points, a bit for each; of an entry of 16 bytes. */
export const allocatedParts = (view: DataView, at: number): number => view.getUint32(at + 12)

/** Parts that read as zeros. */
export const zeroParts = (view: DataView, at: number): number => view.getUint32(at + 8)

export function setParts(view: DataView, at: number, allocated: number, zeros: number): void {
  view.setUint32(at + 8, zeros >>> 0)
  view.setUint32(at + 12, allocated >>> 0)
}

/** Whether an entry of 16 bytes says two things of a part, or that it lies where nothing is. */
export const isContradiction = (view: DataView, at: number, isPlaced: boolean): boolean =>
  !isCompressed(view, at) &&
  ((allocatedParts(view, at) & zeroParts(view, at)) !== 0 || (!isPlaced && allocatedParts(view, at) !== 0))

/** Where a compressed cluster lies: from any byte on, up to the end of a 512-byte sector. */
export interface PackedPlace {
  position: number
  /** Bytes that may belong to it; the rest after its end is of no account. */
  bytes: number
}

export function packedAt(view: DataView, at: number, clusterBits: number): PackedPlace {
  // The position has 62 − (clusterBits − 8) bits; above it is the number of further sectors.
  const sectorBits = clusterBits - 8
  const entry = view.getBigUint64(at) & 0x3fffffffffffffffn
  const positionBits = BigInt(62 - sectorBits)
  const position = Number(entry & ((1n << positionBits) - 1n))
  const sectors = Number(entry >> positionBits) + 1
  return { position, bytes: sectors * 512 - (position % 512) }
}

export function setPacked(view: DataView, at: number, clusterBits: number, place: PackedPlace): void {
  const sectors = Math.ceil(((place.position % 512) + place.bytes) / 512) - 1
  const positionBits = BigInt(62 - (clusterBits - 8))
  view.setBigUint64(at, (1n << 62n) | (BigInt(sectors) << positionBits) | BigInt(place.position))
}

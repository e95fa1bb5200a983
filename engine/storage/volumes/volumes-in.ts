import { EngineError } from '../../base/errors.ts'
import { because, type Reason } from '../../protocol/reasons.ts'
import { type BlockImage, DiskError } from '../block-image.ts'
import { unusable } from '../host-file.ts'
import { ByteWindow } from './byte-window.ts'
import { ExtVolume } from './ext/ext-volume.ts'
import { FatVolume } from './fat/fat-volume.ts'
import { IsoVolume } from './iso/iso-volume.ts'
import { partitionsOf } from './partitions.ts'
import type { Volume } from './volume.ts'

/** A place of an image that may hold a file system. */
export interface VolumePlace {
  /** Of the partition; 0 where the image has no table and is the volume. */
  readonly number: number
  readonly sizeBytes: number
  /** Null where none is that can be read. */
  readonly volume: Volume | null
  /** Why there is none that can be read, when something is known of it. */
  readonly problem: Reason | null
}

/** The file systems of a floppy, CD or disk, of its partitions where it has them. Throws `DiskError`. */
export function volumesIn(image: BlockImage): VolumePlace[] {
  const disk = new ByteWindow(image)
  // A CD that boots from a stick as well has a table too: what it is as a whole comes first.
  const whole = placeAt(disk, 0)
  if (whole.volume || whole.problem) return [whole]
  return partitionsOf(disk).map(({ number, startBytes, sizeBytes }) =>
    placeAt(disk.part(startBytes, sizeBytes), number),
  )
}

function placeAt(bytes: ByteWindow, number: number): VolumePlace {
  const { sizeBytes } = bytes
  try {
    const volume = IsoVolume.open(bytes) ?? ExtVolume.open(bytes) ?? FatVolume.open(bytes)
    return { number, sizeBytes, volume, problem: null }
  } catch (error) {
    return { number, sizeBytes, volume: null, problem: reasonOf(error) }
  }
}

/** Throws what is no fault of the image. */
function reasonOf(error: unknown): Reason {
  if (error instanceof DiskError) return error.reason
  if (error instanceof EngineError && 'reason' in error.details) return error.details.reason
  throw error
}

/**
 * The volume of a number, or the only one that there is. Throws `file-unusable`, saying which there are.
 * @param number of the partition; null for the only one
 */
export function chooseVolume(image: BlockImage, number: number | null): Volume {
  const places = volumesIn(image)
  const readable = places.filter(({ volume }) => volume !== null)
  const [place] = number === null ? readable : places.filter((found) => found.number === number)
  if (number === null && readable.length > 1)
    throw unusable(
      image.name,
      because('several-volumes', { partitions: readable.map((found) => found.number).join(', ') }),
    )
  if (place?.volume) return place.volume
  const problem = place?.problem ?? places.find((found) => found.problem)?.problem
  throw unusable(image.name, problem ?? because('no-file-system'))
}

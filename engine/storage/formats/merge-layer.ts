import { DiskError } from '../block-image.ts'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { type DiskImage, type FormatName, SECTOR_BYTES } from './disk-image.ts'
import { isAllZero } from './fields.ts'
import type { Keyring } from './luks/keyring.ts'
import { openDisk } from './open-disk.ts'
import { createOverlay } from './overlay.ts'
import { qcow2, qemuName } from './qcow2/qcow2.ts'
import { rebaseQcow2 } from './qcow2/rebase.ts'

/** Sectors that are written down at a time: 256 KiB, which keep nobody waiting. */
const PIECE_SECTORS = 512
/** Sectors at most whose tables are looked through at a time: 1 GiB. */
const LOOK_SECTORS = 2 * 1024 ** 2

interface LowerLayer {
  path: string
  format: FormatName | 'auto'
  /** Files outside of its folder that it may build on. */
  confirmed?: readonly string[]
  /** What opens both where they are encrypted. */
  keyring?: Keyring | null | undefined
}

/** Sectors of the disk gone through so far, of how many. */
export interface MergeProgress {
  done: number
  total: number
}

/**
 * Writes what a qcow2 layer holds into the image below it, which then shows the same as the layer does. Nothing else
 * may be over the lower image. The layer shows the same throughout, so whatever stops this in the middle loses
 * nothing, and it can be done again from the beginning. Throws `file-unusable`.
 */
export function* mergeLayer(
  files: ImageFiles,
  layerPath: string,
  lower: LowerLayer,
): Generator<MergeProgress, void> {
  const below = openDisk(files, lower.path, {
    format: lower.format,
    writable: true,
    confirmed: lower.confirmed ?? [],
    keyring: lower.keyring,
  })
  let layer: DiskImage
  try {
    layer = openAlone(files, layerPath, below, [], lower.keyring)
  } catch (error) {
    below.close()
    throw error
  }
  try {
    yield* copyDown(layer, below)
    below.flush()
  } catch (error) {
    throw error instanceof DiskError ? unusable(error.path, error.reason, error) : error
  } finally {
    // Closes its backing image as well.
    layer.close()
  }
}

/** The layer over an image that is open already. */
function openAlone(
  files: ImageFiles,
  path: string,
  below: DiskImage,
  confirmed: readonly string[],
  keyring: Keyring | null = null,
): DiskImage {
  const file = files.open(path, false)
  try {
    return qcow2.open(file, {
      files,
      writable: false,
      repairing: false,
      confirmed,
      keyring,
      isLocked: keyring === null,
      openBacking: () => below,
    })
  } catch (error) {
    file.close()
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  }
}

/**
 * Writes what a layer holds into an image that it is over, a piece at a time. What the layer holds is asked anew for each
 * piece, so that it may be written in between; writes behind the progress that was told are the caller's to pass on.
 */
export function* copyDown(layer: DiskImage, below: DiskImage): Generator<MergeProgress, void> {
  const total = Math.min(layer.sectorCount, below.sectorCount)
  const bytes = new Uint8Array(PIECE_SECTORS * SECTOR_BYTES)
  for (let done = 0; done < total;) {
    const { sectors, holds } = layer.extentAt(done, Math.min(LOOK_SECTORS, total - done))
    if (holds === 'nothing') {
      done += sectors
      yield { done, total }
      continue
    }
    const count = Math.min(PIECE_SECTORS, sectors)
    const piece = bytes.subarray(0, count * SECTOR_BYTES)
    if (holds === 'data' || !readsAsZeros(below, done, piece)) {
      layer.read(done, count, piece)
      below.write(done, count, piece)
    }
    done += count
    yield { done, total }
  }
}

function readsAsZeros(image: DiskImage, sector: number, into: Uint8Array): boolean {
  image.read(sector, into.length / SECTOR_BYTES, into)
  return isAllZero(into)
}

/**
 * A qcow2 layer without what it is over, for what it holds itself, but for contents where it is encrypted. Throws
 * `file-unusable`.
 * @param allowed files outside of its folder that it may keep its data in
 */
export function openLayerAlone(files: ImageFiles, path: string, allowed: readonly string[] = []): DiskImage {
  return openAlone(files, path, NOTHING, allowed)
}

/** A disk as a new layer is to be over it. */
export interface BelowLayer {
  path: string
  /** As the layer is to call it. */
  name: string
  format: FormatName | 'auto'
  /** Files outside of its folder that it may build on. */
  allowed: readonly string[]
}

/** Makes an empty layer over a disk that nobody writes, whole and on the host's disk. Throws `file-unusable`. */
export function makeLayer(
  files: ImageFiles,
  { path, name, format, allowed }: BelowLayer,
  layerPath: string,
): void {
  // A chain of hundreds is not opened only to learn how large the disk is.
  const image =
    format === 'qcow2'
      ? openLayerAlone(files, path, allowed)
      : openDisk(files, path, { format, writable: false, confirmed: allowed, isLocked: true })
  try {
    createOverlay(files, image, name, layerPath)
  } finally {
    image.close()
  }
}

/** Whether a layer holds nothing of its own: it can go, and nothing is lost. */
export function isEmptyLayer(files: ImageFiles, path: string): boolean {
  const layer = openLayerAlone(files, path)
  try {
    const { sectors, holds } = layer.extentAt(0, layer.sectorCount)
    return holds === 'nothing' && sectors === layer.sectorCount
  } finally {
    layer.close()
  }
}

/** What lies below does not matter for what a layer itself holds. */
export const NOTHING: DiskImage = {
  name: 'nothing',
  sectorBytes: SECTOR_BYTES,
  sectorCount: 0,
  readonly: true,
  details: {
    format: 'raw',
    variant: 'flat',
    clusterBytes: null,
    backingFile: null,
    identity: null,
    snapshots: [],
    files: [],
  },
  backing: null,
  extentAt: (_, sectors) => ({ sectors, holds: 'nothing' }),
  check: () => ({ damage: [], leakedBytes: 0, repaired: false }),
  read: (_, __, into) => void into.fill(0),
  write() {},
  flush() {},
  close() {},
}

/** Gives a layer another image below it, which shows the same. Throws `file-unusable`. */
export function rebaseLayer(
  files: ImageFiles,
  path: string,
  backing: { name: string; format: FormatName },
): void {
  const file = files.open(path, true)
  try {
    rebaseQcow2(file, { name: backing.name, format: qemuName(backing.format) })
  } catch (error) {
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  } finally {
    file.close()
  }
}

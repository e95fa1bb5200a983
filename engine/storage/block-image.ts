import { because, inWords, technicalOf, type Reason } from '../protocol/reasons.ts'
import type { HostFault } from '../protocol/vm.ts'
import type { CdDisc } from './cd-image.ts'

/**
 * What a drive reads and writes: sectors of a medium, wherever they are kept. Calls are synchronous, in the
 * thread of the virtual CPU; a hit in the host's page cache takes about 10 µs.
 */
export interface BlockImage {
  /** Shown to the user in messages: the path of the file. */
  readonly name: string
  /** 512 for floppies and hard disks, 2048 for CDs. */
  readonly sectorBytes: number
  readonly sectorCount: number
  /** True when `write` can only fail. */
  readonly readonly: boolean
  /**
   * Fills `into`, of `count` × `sectorBytes` bytes, from sector `sector` on. Throws `DiskError`, after which
   * the contents of `into` are undefined.
   */
  read(sector: number, count: number, into: Uint8Array): void
  /** Writes `count` whole sectors. Throws `DiskError`; some of the sectors may then have been written. */
  write(sector: number, count: number, from: Uint8Array): void
  /** Returns when what was written is on the host's disk. Throws `DiskError`. */
  flush(): void
  /** Whether the image keeps in memory what a `flush` would write, such as tables of where things are. */
  readonly holdsBack?: boolean
  /** Tracks and whole sectors of a disc; absent where all of it is one track of data. */
  readonly disc?: CdDisc | undefined
  /** Gives file and lock back; later calls of anything else throw `DiskError`. */
  close(): void
}

export type DiskErrorKind = HostFault['kind']

/** A failed access to an image. Drives turn it into what the guest sees and tell their fault listener. */
export class DiskError extends Error {
  constructor(
    readonly kind: DiskErrorKind,
    readonly path: string,
    readonly reason: Reason,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${inWords(reason)}`, options)
    this.name = 'DiskError'
  }
}

/** What the user is told when the host fails a drive. `drive` is the drive's id, such as floppy0 or ide0-master. */
export interface DiskFault {
  drive: string
  operation: 'read' | 'write' | 'flush'
  error: DiskError
}

export type DiskFaultListener = (fault: DiskFault) => void

/** Any failure as a `DiskError`, so that a faulty back end cannot throw something else through a device. */
export function asDiskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error
  return new DiskError('io', path, technicalOf(error), {
    cause: error,
  })
}

/** Throws `range` unless the sectors exist and the buffer has their size. */
export function checkRange(image: BlockImage, sector: number, count: number, bytes: number): void {
  const inside =
    Number.isInteger(sector) &&
    Number.isInteger(count) &&
    sector >= 0 &&
    count >= 0 &&
    sector + count <= image.sectorCount &&
    bytes === count * image.sectorBytes
  if (!inside) throw new DiskError('range', image.name, because('sectors-outside', { sector, count, bytes }))
}

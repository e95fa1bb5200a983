import { because } from '../../../protocol/reasons.ts'
import { damagedImage, type HostFile, unusable } from '../../host-file.ts'
import { childPath } from '../child-path.ts'
import type { OpenContext } from '../disk-image.ts'
import { readPadded } from '../fields.ts'
import type { Qcow2Header } from './header.ts'

/**
 * The file in which a qcow2 image keeps the contents of its clusters, each at its place on the disk. It is as long as
 * the disk: what it lacks reads as zeros, and what would lie behind the end of the disk is not written.
 * Source: QEMU, docs/interop/qcow2.txt, "External data file name string".
 */
export class DataFile implements HostFile {
  /** Takes over the file, and closes the image's own file with it. @param size of the disk, in bytes */
  constructor(
    private readonly file: HostFile,
    private readonly image: HostFile,
    readonly size: number,
  ) {}

  /** Of the image: it is known by that. */
  get path(): string {
    return this.image.path
  }

  get writable(): boolean {
    return this.file.writable
  }

  get identity(): string {
    return this.image.identity
  }

  /** Where the contents really lie. */
  get ownPath(): string {
    return this.file.path
  }

  readAt(position: number, into: Uint8Array): void {
    readPadded(this.file, position, into)
  }

  writeAt(position: number, from: Uint8Array): void {
    const bytes = Math.min(from.length, this.size - position)
    if (bytes > 0) this.file.writeAt(position, from.subarray(0, bytes))
  }

  /** What lay behind the end of the disk is no part of a larger one. */
  truncate(bytes: number): void {
    if (this.file.size > this.size) this.file.truncate(this.size)
    this.file.truncate(bytes)
  }

  sync(): void {
    this.file.sync()
  }

  close(): void {
    try {
      this.file.close()
    } finally {
      this.image.close()
    }
  }
}

/** Throws `file-unusable` for one that is missing, or that neither lies in the image's folder nor was allowed. */
export function openDataFile(
  image: HostFile,
  { dataFile, isDataRaw, sizeBytes, backingFile, snapshots }: Qcow2Header,
  { files, confirmed, writable }: Pick<OpenContext, 'files' | 'confirmed' | 'writable'>,
): DataFile | null {
  if (dataFile === null) return null
  if (snapshots.length > 0)
    throw damagedImage(image.path, 'qcow2', 'it has snapshots, and its data in another file')
  if (isDataRaw && backingFile !== null)
    throw damagedImage(image.path, 'qcow2', 'its data file is all of the disk, and it has a backing file')
  const file = files.open(childPath(files, image.path, dataFile, 'data-file', confirmed), writable)
  if (file.identity !== image.identity) return new DataFile(file, image, sizeBytes)
  file.close()
  throw unusable(image.path, because('data-file-itself'))
}

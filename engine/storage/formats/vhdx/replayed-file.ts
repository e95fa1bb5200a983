import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import type { HostFile } from '../../host-file.ts'
import { readPadded } from '../fields.ts'

export const UPDATE_BYTES = 4096

/** A file as it will be once its log is replayed, for reading: what the log changes is in memory, and the file stays as it is. */
export class ReplayedFile implements HostFile {
  readonly writable = false
  readonly size: number
  /** By their numbers. */
  readonly #pages = new Map<number, Uint8Array>()
  readonly #zeros: { from: number; to: number }[] = []

  /** @param sizeBytes that it has at least */
  constructor(
    private readonly file: HostFile,
    sizeBytes: number,
  ) {
    this.size = Math.max(file.size, sizeBytes)
  }

  get path(): string {
    return this.file.path
  }

  get identity(): string {
    return this.file.identity
  }

  /** @param position a multiple of 4 KiB @param bytes 4 KiB */
  put(position: number, bytes: Uint8Array): void {
    this.#pages.set(position / UPDATE_BYTES, bytes)
  }

  /** Both are multiples of 4 KiB. */
  zero(position: number, bytes: number): void {
    for (const page of this.#pages.keys()) {
      const at = page * UPDATE_BYTES
      if (at >= position && at < position + bytes) this.#pages.delete(page)
    }
    this.#zeros.push({ from: position, to: position + bytes })
  }

  readAt(position: number, into: Uint8Array): void {
    if (position + into.length > this.size) throw new DiskError('gone', this.path, because('file-cut-short'))
    readPadded(this.file, position, into)
    const end = position + into.length
    for (const { from, to } of this.#zeros)
      if (from < end && to > position)
        into.fill(0, Math.max(0, from - position), Math.min(to, end) - position)
    const last = Math.floor((end - 1) / UPDATE_BYTES)
    for (let page = Math.floor(position / UPDATE_BYTES); page <= last; page++) {
      const bytes = this.#pages.get(page)
      if (!bytes) continue
      const at = page * UPDATE_BYTES - position
      into.set(bytes.subarray(Math.max(0, -at), into.length - at), Math.max(0, at))
    }
  }

  writeAt(): void {
    throw this.#refusal()
  }

  truncate(): void {
    throw this.#refusal()
  }

  sync(): void {}

  close(): void {
    this.file.close()
  }

  #refusal(): DiskError {
    return new DiskError('readonly', this.path, because('opened-read-only'))
  }
}

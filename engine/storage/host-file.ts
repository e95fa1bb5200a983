import * as fs from 'node:fs'
import { EngineError } from '../base/errors.ts'
import { because, technical, type Reason } from '../protocol/reasons.ts'
import { DiskError, type DiskErrorKind } from './block-image.ts'

/** A file of the host, opened once, read and written at byte positions. */
export interface HostFile {
  readonly path: string
  /** In bytes; writes past the end and `truncate` change it. */
  readonly size: number
  readonly writable: boolean
  /** Identity of the file whatever its path: device and inode number. */
  readonly identity: string
  /** What was never written does not read as zeros: it is encrypted. */
  readonly holesAreNoise?: boolean
  /** Fills the buffer. Throws `DiskError`, of kind `gone` when the file has become too short. */
  readAt(position: number, into: Uint8Array): void
  /**
   * A write past the end makes the file longer; what lies between reads as zeros. Throws `DiskError`, also when the
   * file has been deleted for some moments: what it holds will be lost.
   */
  writeAt(position: number, from: Uint8Array): void
  /** Cuts the file, or makes it longer with zeros. */
  truncate(bytes: number): void
  /**
   * Throws `DiskError` too when the file has been deleted: what it holds will be lost. Once the host failed to
   * keep what was written, every later call fails as well: it may have forgotten what it could not write.
   */
  sync(): void
  close(): void
}

const OPEN_REASONS: Record<string, Reason> = {
  ENOENT: because('file-missing'),
  ENOTDIR: because('file-below-file'),
  EEXIST: because('file-there'),
  ENOSPC: because('disk-full'),
  EACCES: because('file-forbidden'),
  EPERM: because('file-forbidden'),
  EROFS: because('file-system-read-only'),
  ELOOP: because('file-link-circle'),
  ENAMETOOLONG: because('file-name-long'),
  EMFILE: because('files-too-many-open'),
  ETXTBSY: because('file-running'),
  EOVERFLOW: because('file-too-large-here'),
  EFBIG: because('file-too-large-here'),
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error'

/** `file-unusable` with what to do about it. */
export function unusable(path: string, reason: Reason, cause?: unknown): EngineError<'file-unusable'> {
  return new EngineError('file-unusable', { path, reason }, cause === undefined ? undefined : { cause })
}

/**
 * `file-unusable` for what is damaged inside of a format.
 * @param detail for those who know the format; it stays English
 */
export const damagedImage = (path: string, format: string, detail: string): EngineError<'file-unusable'> =>
  unusable(path, because('image-damaged', { format, detail: technical(detail) }))

/**
 * Opens an image, creating and changing nothing. Throws `file-unusable` for what is missing, not a plain file,
 * empty or not accessible.
 */
export function openHostFile(path: string, writable: boolean): HostFile {
  return opened(path, writable, () => {
    // Looked at before it is opened, because opening a named pipe waits for its other end.
    const stats = fs.statSync(path)
    checkPlainFile(path, stats)
    if (stats.size === 0) throw unusable(path, because('file-empty'))
    return fs.openSync(path, writable ? 'r+' : 'r')
  })
}

/** Makes a new, empty file. Throws `file-unusable`, also when there is one of this name. */
export function createHostFile(path: string): HostFile {
  return opened(path, true, () => fs.openSync(path, 'wx+'))
}

function opened(path: string, writable: boolean, open: () => number): HostFile {
  let fd: number | null = null
  try {
    fd = open()
    const stats = fs.fstatSync(fd, { bigint: true })
    checkPlainFile(path, stats)
    if (stats.size > BigInt(Number.MAX_SAFE_INTEGER))
      throw unusable(path, because('file-size-impossible', { bytes: String(stats.size) }))
    return new OpenFile(fd, path, Number(stats.size), writable, `${stats.dev}-${stats.ino}`)
  } catch (error) {
    if (fd !== null) fs.closeSync(fd)
    if (error instanceof EngineError) throw error
    const code = codeOf(error)
    throw unusable(path, OPEN_REASONS[code] ?? because('file-not-opened', { code }), error)
  }
}

function checkPlainFile(path: string, stats: fs.StatsBase<number> | fs.StatsBase<bigint>): void {
  if (stats.isDirectory()) throw unusable(path, because('file-is-folder'))
  if (!stats.isFile()) throw unusable(path, because('file-is-device'))
}

const GONE = new Set(['ESTALE', 'ENODEV', 'ENXIO', 'EBADF', 'ENOENT', 'ENOTCONN', 'EHOSTDOWN'])
const FULL = new Set(['ENOSPC', 'EDQUOT'])

function kindOf(code: string): DiskErrorKind {
  if (code === 'EFBIG') return 'limit'
  return FULL.has(code) ? 'full' : GONE.has(code) ? 'gone' : code === 'EROFS' ? 'readonly' : 'io'
}

const REASONS_IN_USE: Partial<Record<DiskErrorKind, Reason>> = {
  full: because('disk-full'),
  limit: because('file-grown'),
}

/** What the host did not do with a file, each with the system's code. */
export type HostFailureKey =
  | 'file-not-read'
  | 'file-not-written'
  | 'file-written-no-more'
  | 'file-not-resized'
  | 'file-not-flushed'
  | 'file-not-closed'

/** Why the host failed a file. */
export function hostFailure(error: unknown, path: string, what: HostFailureKey): DiskError {
  if (error instanceof DiskError) return error
  const code = codeOf(error)
  const kind = kindOf(code)
  const reason = REASONS_IN_USE[kind] ?? because(what, { code })
  return new DiskError(kind, path, reason, { cause: error })
}

/** How often a file that is written is asked whether it still has a name. */
const LOOK_MS = 500

class OpenFile implements HostFile {
  #fd: number | null
  #size: number
  #syncFailure: DiskError | null = null
  #lookedMs = -Infinity

  constructor(
    fd: number,
    readonly path: string,
    size: number,
    readonly writable: boolean,
    readonly identity: string,
  ) {
    this.#fd = fd
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  readAt(position: number, into: Uint8Array): void {
    const fd = this.#open()
    this.#guarded('file-not-read', () => {
      for (let done = 0; done < into.length;) {
        const count = fs.readSync(fd, into, done, into.length - done, position + done)
        if (count === 0) throw new DiskError('gone', this.path, because('file-cut-short'))
        done += count
      }
    })
  }

  writeAt(position: number, from: Uint8Array): void {
    const fd = this.#open()
    this.#guarded('file-not-written', () => {
      if (performance.now() - this.#lookedMs > LOOK_MS) this.#checkNamed(fd)
      for (let done = 0; done < from.length;) {
        const count = fs.writeSync(fd, from, done, from.length - done, position + done)
        if (count === 0) throw new DiskError('full', this.path, because('host-wrote-nothing'))
        done += count
        this.#size = Math.max(this.#size, position + done)
      }
    })
  }

  truncate(bytes: number): void {
    const fd = this.#open()
    this.#guarded('file-not-resized', () => fs.ftruncateSync(fd, bytes))
    this.#size = bytes
  }

  sync(): void {
    const fd = this.#open()
    if (this.#syncFailure) throw this.#syncFailure
    try {
      this.#guarded('file-not-flushed', () => {
        fs.fdatasyncSync(fd)
        this.#checkNamed(fd)
      })
    } catch (error) {
      if (!(error instanceof DiskError) || error.kind === 'gone') throw error
      // Also for want of room: what could not be written is forgotten, so making room does not bring it back.
      const { path, reason } = error
      this.#syncFailure = new DiskError('io', path, reason, { cause: error })
      throw this.#syncFailure
    }
  }

  #checkNamed(fd: number): void {
    if (fs.fstatSync(fd).nlink === 0) throw new DiskError('gone', this.path, because('file-deleted'))
    this.#lookedMs = performance.now()
  }

  close(): void {
    const fd = this.#fd
    this.#fd = null
    if (fd !== null) this.#guarded('file-not-closed', () => fs.closeSync(fd))
  }

  #open(): number {
    if (this.#fd === null) throw new DiskError('gone', this.path, because('file-closed'))
    return this.#fd
  }

  #guarded(what: HostFailureKey, action: () => void): void {
    try {
      action()
    } catch (error) {
      throw hostFailure(error, this.path, what)
    }
  }
}

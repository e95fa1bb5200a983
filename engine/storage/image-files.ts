import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { because } from '../protocol/reasons.ts'
import { createHostFile, type HostFile, openHostFile, unusable } from './host-file.ts'
import { type ImageLock, lockImage } from './image-lock.ts'

/** The files that images are made of. A test puts a simulated disk in place of the host's. */
export interface ImageFiles {
  /** Opens and locks: for itself when it is to be written, against writers otherwise. Throws `file-unusable`. */
  open(path: string, writable: boolean): HostFile
  /** A new, empty, locked file. Throws `file-unusable`, also when there is one of this name. */
  create(path: string): HostFile
  /** The path without symbolic links, or null when there is no such file. */
  realPath(path: string): string | null
  /** Names of the plain files in a folder, in no order; at most `MAX_SIBLINGS`. */
  namesIn(folder: string): string[]
  /** Puts a file in place of another, whole and for good. Throws `file-unusable`. */
  replace(from: string, to: string): void
  /** Gives a file that nothing writes any more a second name, for good. Throws `file-unusable`. */
  link(from: string, to: string): void
  /** Removes a file that may not exist. */
  remove(path: string): void
}

const MAX_SIBLINGS = 1000

/** The files of the host. */
export class HostImageFiles implements ImageFiles {
  /**
   * @param lockFolder where lock notes are kept; see image-lock.ts
   * @param besideOwn files that this process has open can be opened once more: it sees to itself that they stay whole
   */
  constructor(
    private readonly lockFolder?: string,
    private readonly besideOwn = false,
  ) {}

  open(path: string, writable: boolean): HostFile {
    return this.#locked(openHostFile(path, writable))
  }

  create(path: string): HostFile {
    return this.#locked(createHostFile(path))
  }

  #locked(file: HostFile): HostFile {
    try {
      const mode = file.writable ? 'exclusive' : 'shared'
      return new LockedFile(file, lockImage(file, mode, this.lockFolder, this.besideOwn))
    } catch (error) {
      file.close()
      throw error
    }
  }

  realPath(path: string): string | null {
    try {
      return fs.realpathSync(path)
    } catch {
      return null
    }
  }

  namesIn(folder: string): string[] {
    const names: string[] = []
    const listing = fs.opendirSync(folder)
    try {
      for (let entry = listing.readSync(); entry && names.length < MAX_SIBLINGS; entry = listing.readSync())
        if (entry.isFile()) names.push(entry.name)
    } finally {
      listing.closeSync()
    }
    return names
  }

  replace(from: string, to: string): void {
    try {
      fs.renameSync(from, to)
      syncFolder(dirname(to))
    } catch (error) {
      throw unusable(to, because('file-not-placed'), error)
    }
  }

  link(from: string, to: string): void {
    try {
      fs.linkSync(from, to)
      syncFolder(dirname(to))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && NO_LINKS.has(String(error.code))))
        throw unusable(to, because('file-not-placed'), error)
      this.#copy(from, to)
    }
  }

  /** For file systems without second names. */
  #copy(from: string, to: string): void {
    const temporary = `${to}.part`
    try {
      fs.copyFileSync(from, temporary)
      const file = fs.openSync(temporary, 'r+')
      try {
        fs.fsyncSync(file)
      } finally {
        fs.closeSync(file)
      }
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw unusable(to, because('file-not-copied'), error)
    }
    this.replace(temporary, to)
  }

  remove(path: string): void {
    fs.rmSync(path, { force: true })
  }
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'])

/** Windows cannot open folders, and needs no such sync. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(folder)
  } finally {
    fs.closeSync(folder)
  }
}

/** A file that gives its lock back when it is closed. */
class LockedFile implements HostFile {
  readonly path: string
  readonly writable: boolean
  readonly identity: string

  constructor(
    private readonly file: HostFile,
    private readonly lock: ImageLock,
  ) {
    this.path = file.path
    this.writable = file.writable
    this.identity = file.identity
  }

  get size(): number {
    return this.file.size
  }

  readAt(position: number, into: Uint8Array): void {
    this.file.readAt(position, into)
  }

  writeAt(position: number, from: Uint8Array): void {
    this.file.writeAt(position, from)
  }

  truncate(bytes: number): void {
    this.file.truncate(bytes)
  }

  sync(): void {
    this.file.sync()
  }

  close(): void {
    try {
      this.file.close()
    } finally {
      this.lock.release()
    }
  }
}

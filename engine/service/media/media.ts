import * as fs from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { EngineError } from '../../base/errors.ts'
import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import { discFormatOf } from '../../storage/discs/open-disc.ts'
import { MAX_DISK_BYTES } from '../../storage/formats/create-disk.ts'
import {
  type BackingReference,
  type CheckReport,
  type DiskImage,
  type DiscFormatName,
  type FloppyArchiveName,
  type FormatName,
  FORMAT_NAMES,
  type InternalSnapshot,
  SECTOR_BYTES,
} from '../../storage/formats/disk-image.ts'
import { formatNamed, formatOfFile } from '../../storage/formats/formats.ts'
import type { Keyring } from '../../storage/formats/luks/keyring.ts'
import { openDisk } from '../../storage/formats/open-disk.ts'
import { readUpTo } from '../../storage/formats/fields.ts'
import { floppyFormatOf } from '../../storage/formats/floppy-archive.ts'
import { type HostFile, unusable } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import type { Progress } from './copy-disk.ts'
import { WithoutFreeSpace } from './free-space.ts'
import { makeImage } from './new-image.ts'
import { type Access, openMedium, type SourceOptions } from './open-medium.ts'

export type { Progress } from './copy-disk.ts'
export type { SourceOptions } from './open-medium.ts'
export { Keyring } from '../../storage/formats/luks/keyring.ts'

/** What there is to know of an image, for `vitrine media info --json` and the media manager. */
export interface MediaInfo {
  path: string
  format: FormatName | FloppyArchiveName | DiscFormatName
  variant: string
  /** Size of the disk that a guest sees. */
  sizeBytes: number
  /** Space that its files take on the host. */
  storedBytes: number
  clusterBytes: number | null
  /** How it is encrypted, such as `LUKS aes-xts-plain64`; null when it is not. */
  encryption: string | null
  files: string[]
  snapshots: InternalSnapshot[]
  /** What it builds on; null when it stands alone. */
  backing: MediaInfo | null
}

export interface TargetOptions {
  format: FormatName
  variant?: string | undefined
  clusterBytes?: number | undefined
  compress?: boolean | undefined
  /** Whether a file of the name is replaced. */
  replaces?: boolean | undefined
  backing?: { path: string; format?: FormatName | undefined } | undefined
  /** The new image is encrypted, and its passphrase opens it. */
  keyring?: Keyring | undefined
}

/** Work on images that no machine uses. All throw `file-unusable`, leaving every file as it was. */
export class Media {
  constructor(private readonly files: ImageFiles = new HostImageFiles()) {}

  info(path: string, options: SourceOptions = {}): MediaInfo {
    const image = this.#open(path, options, { writable: false, isLocked: true })
    try {
      return describe(image)
    } finally {
      image.close()
    }
  }

  /** Whether an image has nothing of its own: all that it shows is what lies below, or zeros. False for what cannot be looked into. */
  isEmpty(path: string, options: SourceOptions = {}): boolean {
    return this.#is(path, options, holdsNothing)
  }

  /** Whether a disk is not in its file alone, but in a data file or extents. False for what cannot be looked into. */
  isInSeveralFiles(path: string, options: SourceOptions = {}): boolean {
    return this.#is(path, options, ({ details }) => details.files.length > 1)
  }

  #is(path: string, options: SourceOptions, so: (image: DiskImage) => boolean): boolean {
    try {
      const image = this.#open(path, options, { writable: false, isLocked: true })
      try {
        return so(image)
      } finally {
        image.close()
      }
    } catch (error) {
      if (error instanceof EngineError || error instanceof DiskError) return false
      throw error
    }
  }

  /** What a file's contents are, to be noted before any guest writes them; null for one that cannot be read now. */
  formatOf(path: string): FormatName | null {
    try {
      const file = this.files.open(path, false)
      try {
        return formatOfFile(file).name
      } finally {
        file.close()
      }
    } catch (error) {
      if (error instanceof EngineError || error instanceof DiskError) return null
      throw error
    }
  }

  /** Whether a file describes a disc with tracks, by its contents; false for one that cannot be read now. */
  isDisc(path: string): boolean {
    return this.#looksLike(path, (file) => discFormatOf(file) !== null)
  }

  /** Whether a file is an archive of a floppy, by its contents; false for one that cannot be read now. */
  isFloppyArchive(path: string): boolean {
    return this.#looksLike(path, (file) => floppyFormatOf(readUpTo(file, 0, SECTOR_BYTES)) !== null)
  }

  #looksLike(path: string, look: (file: HostFile) => boolean): boolean {
    try {
      const file = this.files.open(path, false)
      try {
        return look(file)
      } finally {
        file.close()
      }
    } catch (error) {
      if (error instanceof EngineError || error instanceof DiskError) return false
      throw error
    }
  }

  /** @param sizeBytes of the disk; the backing file's size when null */
  *create(
    path: string,
    sizeBytes: number | null,
    target: TargetOptions,
    options: SourceOptions = {},
  ): Generator<Progress, void> {
    const backing = target.backing ? this.#backing(path, target.backing, options) : undefined
    try {
      const size = sizeBytes ?? (backing ? backing.image.sectorCount * SECTOR_BYTES : null)
      if (size === null) throw unusable(path, because('size-missing'))
      yield* this.#make(path, size, target, backing, null, options)
    } finally {
      backing?.image.close()
    }
  }

  *convert(
    from: string,
    to: string,
    target: TargetOptions,
    options: SourceOptions = {},
  ): Generator<Progress, void> {
    const source = this.#open(from, options, { writable: false })
    try {
      const backing = target.backing ? this.#backing(to, target.backing, options) : undefined
      try {
        yield* this.#make(to, source.sectorCount * SECTOR_BYTES, target, backing, source, options)
      } finally {
        backing?.image.close()
      }
    } finally {
      source.close()
    }
  }

  /**
   * Gives a disk another size; what is new reads as zeros.
   * @param mayCut whether the end of the disk may be lost
   */
  *resize(
    path: string,
    sizeBytes: number,
    mayCut: boolean,
    options: SourceOptions = {},
  ): Generator<Progress, void> {
    if (sizeBytes <= 0 || sizeBytes % SECTOR_BYTES !== 0 || sizeBytes > MAX_DISK_BYTES)
      throw unusable(path, because('disk-size', { bytes: sizeBytes }))
    const image = this.#open(path, options, { writable: true })
    try {
      const now = image.sectorCount * SECTOR_BYTES
      if (sizeBytes < now && !mayCut) throw unusable(path, because('disk-would-be-cut', { bytes: now }))
      if (sizeBytes === now || image.resize?.(sizeBytes)) return
      yield* this.#rewrite(path, image, sizeBytes, false, options)
    } finally {
      image.close()
    }
  }

  /**
   * Writes an image anew without what reads as zeros or as its backing file anyway.
   * @param wish whether clusters are compressed, and whether what FAT volumes do not use is left out too
   */
  *compact(
    path: string,
    { compress = false, free = false }: { compress?: boolean | undefined; free?: boolean | undefined },
    options: SourceOptions = {},
  ): Generator<Progress, void> {
    const image = this.#open(path, options, { writable: !compress })
    try {
      const source = free ? new WithoutFreeSpace(image) : image
      yield* this.#rewrite(path, source, image.sectorCount * SECTOR_BYTES, compress, options)
    } finally {
      image.close()
    }
  }

  /**
   * Gives an encrypted image another passphrase; what it builds on keeps its own. Throws `passphrase-wrong`.
   * @param from has the passphrase that is to go @param to the one that takes its place
   */
  changePassphrase(path: string, from: Keyring, to: Keyring, options: SourceOptions = {}): void {
    const image = this.#open(path, { ...options, keyring: undefined }, { writable: true, isLocked: true })
    try {
      const { encryption } = image.details
      if (!encryption) throw unusable(path, because('not-encrypted'))
      encryption.changePassphrase(from, to)
    } catch (error) {
      throw error instanceof DiskError ? unusable(path, error.reason, error) : error
    } finally {
      image.close()
    }
  }

  check(path: string, repair: boolean, options: SourceOptions = {}): CheckReport {
    const image = this.#open(path, options, { writable: repair, repairing: true, isLocked: true })
    try {
      return image.check(repair)
    } finally {
      image.close()
    }
  }

  /** The same piece by piece; nothing is mended before the end, so that it can be stopped anywhere. */
  *checking(path: string, repair: boolean, options: SourceOptions = {}): Generator<Progress, CheckReport> {
    const image = this.#open(path, options, { writable: repair, repairing: true, isLocked: true })
    try {
      return image.checking ? yield* image.checking(repair) : image.check(repair)
    } finally {
      image.close()
    }
  }

  #open(path: string, options: SourceOptions, access: Access): DiskImage {
    return openMedium(this.files, path, options, access)
  }

  *#make(
    path: string,
    sizeBytes: number,
    { format, variant, clusterBytes, compress = false, replaces = false, keyring }: TargetOptions,
    backing: BackingReference | undefined,
    source: DiskImage | null,
    { allowed = [], keyring: sourceKeyring }: SourceOptions,
  ): Generator<Progress, void> {
    if (keyring && backing?.image.details.encryption) throw unusable(path, because('encrypted-below'))
    const image = {
      format,
      request: { sizeBytes, variant, clusterBytes, backing, encryption: keyring?.newArea() },
      compress: compress || variant === 'stream',
      confirmed: allowed,
      keyring: keyring ?? sourceKeyring,
    }
    yield* makeImage(this.files, path, image, source, replaces)
  }

  /** The same image again, with another size or without what it need not hold. */
  *#rewrite(
    path: string,
    image: DiskImage,
    sizeBytes: number,
    compress: boolean,
    { keyring }: SourceOptions,
  ): Generator<Progress, void> {
    const { details, backing } = image
    const { format } = details
    if (!isDiskFormat(format)) throw unusable(path, because('archive-only-read'))
    if (details.snapshots.length > 0) throw unusable(path, because('image-holds-snapshots'))
    if (details.files.length > 1) throw unusable(path, because('image-in-several-files'))
    const reference =
      backing && details.backingFile !== null
        ? { name: details.backingFile, format: diskFormatOf(backing), image: backing }
        : undefined
    const request = {
      sizeBytes,
      variant: details.variant,
      clusterBytes: details.clusterBytes ?? undefined,
      backing: reference,
      encryption: details.encryption?.copy(),
    }
    const confirmed = backing ? [backing.name] : []
    yield* makeImage(this.files, path, { format, request, compress, confirmed, keyring }, image, true)
  }

  /** The backing file by the name that an image at `path` gives it. */
  #backing(
    path: string,
    { path: backingPath, format }: NonNullable<TargetOptions['backing']>,
    options: SourceOptions,
  ): BackingReference {
    const { allowed: confirmed = [] } = options
    const image = openDisk(this.files, backingPath, {
      format: format ?? 'auto',
      writable: false,
      confirmed,
      keyring: options.keyring,
      isLocked: options.keyring === undefined,
    })
    const folder = this.files.realPath(dirname(resolve(path))) ?? dirname(resolve(path))
    const name = relative(folder, this.files.realPath(backingPath) ?? resolve(backingPath))
    return { name, format: diskFormatOf(image), image }
  }
}

const isDiskFormat = (name: MediaInfo['format']): name is FormatName =>
  FORMAT_NAMES.some((known) => known === name)

/** Throws `file-unusable` for an archive of a floppy, which nothing builds on. */
function diskFormatOf({ name, details }: DiskImage): FormatName {
  if (isDiskFormat(details.format)) return details.format
  throw unusable(name, because('not-a-disk-to-build-on'))
}

function describe(image: DiskImage): MediaInfo {
  const { format, variant, clusterBytes, files, snapshots, encryption } = image.details
  return {
    path: image.name,
    format,
    variant,
    sizeBytes: image.sectorCount * SECTOR_BYTES,
    storedBytes: files.reduce((sum, file) => sum + storedBytes(file), 0),
    clusterBytes,
    encryption: encryption ? `LUKS aes-${encryption.header.mode}` : null,
    files: [...files],
    snapshots: [...snapshots],
    backing: image.backing && describe(image.backing),
  }
}

/** Holes do not count. */
function storedBytes(path: string): number {
  return fs.statSync(path).blocks * 512
}

/** Formats that images can be made in, with their variants, the usual one first. */
export function makableFormats(): { format: FormatName; variants: readonly string[] }[] {
  return (['raw', 'qcow2', 'vdi', 'vhd', 'vmdk', 'luks'] as const).map((format) => ({
    format,
    variants: formatNamed(format).variants,
  }))
}

function holdsNothing(image: DiskImage): boolean {
  for (let sector = 0; sector < image.sectorCount;) {
    const { sectors, holds } = image.extentAt(sector, image.sectorCount - sector)
    if (holds !== 'nothing') return false
    sector += sectors
  }
  return true
}

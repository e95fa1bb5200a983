import { basename, join, sep } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import { asciiAt, readUpTo, roundUp } from '../../storage/formats/fields.ts'
import { type HostFile, unusable } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'

const BLOCK_BYTES = 512
const MAX_MEMBERS = 1000

interface Member {
  name: string
  start: number
  bytes: number
}

/**
 * The files of an OVA, which is a tar archive: each is read where it stands, as if the archive were a folder.
 * @see POSIX.1-2017, pax, "ustar Interchange Format"
 */
export class OvaFiles implements ImageFiles {
  private constructor(
    readonly path: string,
    private readonly members: readonly Member[],
    private readonly host: ImageFiles,
  ) {}

  /** Null for what is no archive. Throws `file-unusable`. */
  static open(path: string, host: ImageFiles = new HostImageFiles()): OvaFiles | null {
    const file = host.open(path, false)
    try {
      const members = membersOf(file)
      return members && new OvaFiles(path, members, host)
    } catch (error) {
      throw error instanceof DiskError ? unusable(path, error.reason, error) : error
    } finally {
      file.close()
    }
  }

  /** Where the description lies in the archive. Throws `file-unusable` when it has none. */
  get descriptionPath(): string {
    const found = this.members.find(({ name }) => name.toLowerCase().endsWith('.ovf'))
    if (!found) throw unusable(this.path, because('import-no-ovf'))
    return join(this.path, found.name)
  }

  open(path: string, writable: boolean): HostFile {
    const member = this.#member(path)
    if (!member) return this.host.open(path, writable)
    if (writable) throw unusable(path, because('import-archive-only-read'))
    return new MemberFile(this.host.open(this.path, false), path, member)
  }

  realPath(path: string): string | null {
    return this.#member(path) ? path : this.host.realPath(path)
  }

  namesIn(folder: string): string[] {
    return folder === this.path ? this.members.map(({ name }) => name) : this.host.namesIn(folder)
  }

  create(path: string): HostFile {
    return this.host.create(path)
  }

  replace(from: string, to: string): void {
    this.host.replace(from, to)
  }

  link(from: string, to: string): void {
    this.host.link(from, to)
  }

  remove(path: string): void {
    this.host.remove(path)
  }

  #member(path: string): Member | undefined {
    if (!path.startsWith(this.path + sep)) return undefined
    return this.members.find(({ name }) => path === join(this.path, name))
  }
}

function membersOf(file: HostFile): Member[] | null {
  const members: Member[] = []
  for (let at = 0; at + BLOCK_BYTES <= file.size && members.length < MAX_MEMBERS;) {
    const header = readUpTo(file, at, BLOCK_BYTES)
    if (header[0] === 0) break // two blocks of zeros are the end
    const bytes = sizeOf(header)
    if (!hasChecksum(header) || bytes === null) {
      if (members.length === 0) return null
      throw unusable(file.path, because('import-archive-damaged'))
    }
    const isPlain = header[156] === 0x30 || header[156] === 0
    // Names with folders are not OVF's; only the last part is taken, so that none leads out of the archive.
    const name = basename(asciiAt(header, 0, 100).replace(/\0.*$/s, ''))
    if (at + BLOCK_BYTES + bytes > file.size)
      throw unusable(file.path, because('import-archive-cut-short', { name }))
    if (isPlain && name !== '') members.push({ name, start: at + BLOCK_BYTES, bytes })
    at += BLOCK_BYTES + roundUp(bytes, BLOCK_BYTES)
  }
  return members.length > 0 ? members : null
}

/** Octal digits, or a number of 11 bytes for files of 8 GiB and more. */
function sizeOf(header: Uint8Array): number | null {
  if (header[124] === 0x80) return header.subarray(125, 136).reduce((sum, byte) => sum * 256 + byte, 0)
  const [digits] = /^[0-7]+/.exec(asciiAt(header, 124, 12).trim()) ?? []
  return digits === undefined ? null : Number.parseInt(digits, 8)
}

/** The sum of all bytes, with spaces where the sum itself stands. */
function hasChecksum(header: Uint8Array): boolean {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  return Number.parseInt(asciiAt(header, 148, 8).trim(), 8) === sum
}

/** A part of the archive as a file. */
class MemberFile implements HostFile {
  readonly writable = false
  readonly size: number
  readonly identity: string

  constructor(
    private readonly archive: HostFile,
    readonly path: string,
    private readonly member: Member,
  ) {
    this.size = member.bytes
    this.identity = `${archive.identity}-${member.start}`
  }

  readAt(position: number, into: Uint8Array): void {
    if (position + into.length > this.size) throw new DiskError('gone', this.path, because('ends-before'))
    this.archive.readAt(this.member.start + position, into)
  }

  writeAt(): void {
    throw new DiskError('readonly', this.path, because('import-lies-in-archive'))
  }

  truncate(): void {
    this.writeAt()
  }

  sync(): void {}

  close(): void {
    this.archive.close()
  }
}

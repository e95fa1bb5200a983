import { dirname } from 'node:path'
import { technical } from '../../../engine/protocol/reasons.ts'
import { DiskError } from '../../../engine/storage/block-image.ts'
import { type HostFile, unusable } from '../../../engine/storage/host-file.ts'
import type { ImageFiles } from '../../../engine/storage/image-files.ts'

const PAGE_BYTES = 4096

/** Bytes of a file, in pages that copies share until one of them writes. */
class PagedBytes {
  #pages: (Uint8Array | undefined)[]
  /** Pages that only this copy has. */
  #own = new Set<number>()

  constructor(
    public size = 0,
    pages: (Uint8Array | undefined)[] = [],
  ) {
    this.#pages = pages
  }

  copy(): PagedBytes {
    this.#own.clear()
    return new PagedBytes(this.size, [...this.#pages])
  }

  read(position: number, into: Uint8Array): void {
    this.#each(position, into.length, (number, at, from, bytes) => {
      const page = this.#pages[number]
      if (page) into.set(page.subarray(at, at + bytes), from)
      else into.fill(0, from, from + bytes)
    })
  }

  /** @param bytes nobody changes them any more: whole pages of them are kept as they are */
  write(position: number, bytes: Uint8Array): void {
    this.#each(position, bytes.length, (number, at, from, count) => {
      const part = bytes.subarray(from, from + count)
      if (count < PAGE_BYTES) return this.#writable(number).set(part, at)
      this.#pages[number] = part
      this.#own.delete(number)
    })
    this.size = Math.max(this.size, position + bytes.length)
  }

  truncate(size: number): void {
    const last = Math.floor(size / PAGE_BYTES)
    if (size < this.size) {
      if (this.#pages[last]) this.#writable(last).fill(0, size % PAGE_BYTES)
      this.#pages.length = Math.min(this.#pages.length, last + 1)
    }
    this.size = size
  }

  equals(other: PagedBytes): boolean {
    if (this.size !== other.size) return false
    const mine = new Uint8Array(this.size)
    const theirs = new Uint8Array(this.size)
    this.read(0, mine)
    other.read(0, theirs)
    return Buffer.compare(mine, theirs) === 0
  }

  #writable(number: number): Uint8Array {
    const page = this.#pages[number]
    if (page && this.#own.has(number)) return page
    const copy = page ? new Uint8Array(page) : new Uint8Array(PAGE_BYTES)
    this.#pages[number] = copy
    this.#own.add(number)
    return copy
  }

  #each(
    start: number,
    length: number,
    act: (page: number, at: number, from: number, bytes: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const number = Math.floor((start + done) / PAGE_BYTES)
      const at = (start + done) % PAGE_BYTES
      const bytes = Math.min(PAGE_BYTES - at, length - done)
      act(number, at, done, bytes)
      done += bytes
    }
  }
}

/** What a program did to the disk, in order. A note is the test's own. */
export type DiskOperation<Note> =
  | { kind: 'write'; path: string; position: number; bytes: Uint8Array }
  | { kind: 'truncate'; path: string; size: number }
  | { kind: 'flush'; path: string }
  | { kind: 'create'; path: string }
  | { kind: 'remove'; path: string }
  | { kind: 'replace'; from: string; to: string }
  | { kind: 'link'; from: string; to: string }
  | { kind: 'note'; note: Note }

/** Files of a disk in memory, which keeps a record of what is done to it. */
export class SimulatedDisk<Note = never> implements ImageFiles {
  readonly log: DiskOperation<Note>[] = []
  /** Operations until one fails, once, as on a full disk; null when none is to fail. */
  failsAfter: number | null = null

  constructor(private readonly contents = new Map<string, PagedBytes>()) {}

  /** The same files on another disk, with nothing recorded. */
  copy(): SimulatedDisk<Note> {
    return new SimulatedDisk(new Map([...this.contents].map(([path, bytes]) => [path, bytes.copy()])))
  }

  equals(other: SimulatedDisk<Note>): boolean {
    return (
      this.contents.size === other.contents.size &&
      [...this.contents].every(([path, bytes]) => other.contents.get(path)?.equals(bytes))
    )
  }

  note(note: Note): void {
    this.log.push({ kind: 'note', note })
  }

  /** Does what another disk recorded. */
  apply(operation: DiskOperation<Note>): void {
    switch (operation.kind) {
      case 'write':
        this.contents.get(operation.path)?.write(operation.position, operation.bytes)
        break
      case 'truncate':
        this.contents.get(operation.path)?.truncate(operation.size)
        break
      case 'create':
        this.contents.set(operation.path, new PagedBytes())
        break
      case 'remove':
        this.contents.delete(operation.path)
        break
      case 'replace': {
        const bytes = this.contents.get(operation.from)
        if (bytes) this.contents.set(operation.to, bytes)
        this.contents.delete(operation.from)
        break
      }
      case 'link': {
        const bytes = this.contents.get(operation.from)
        if (bytes) this.contents.set(operation.to, bytes)
        break
      }
      case 'flush':
      case 'note':
        break
    }
  }

  #do(operation: DiskOperation<Note>): void {
    this.log.push(operation)
    this.apply(operation)
  }

  /** A file with these bytes, recorded as nothing. */
  put(path: string, bytes: Uint8Array): void {
    const paged = new PagedBytes()
    paged.write(0, bytes)
    this.contents.set(path, paged)
  }

  /** Bytes of a file; zeros past its end. */
  peek(path: string, position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.contents.get(path)!.read(position, bytes)
    return bytes
  }

  /** Changes bytes of a file within its size, recorded as nothing. */
  patch(path: string, position: number, bytes: Uint8Array): void {
    const paged = this.contents.get(path)!
    const inside = Math.max(0, Math.min(bytes.length, paged.size - position))
    paged.write(position, bytes.subarray(0, inside))
  }

  cut(path: string, size: number): void {
    this.contents.get(path)!.truncate(size)
  }

  take(path: string): Uint8Array {
    const paged = this.contents.get(path)!
    const bytes = new Uint8Array(paged.size)
    paged.read(0, bytes)
    return bytes
  }

  open(path: string, writable: boolean): HostFile {
    const find = (): PagedBytes => {
      const bytes = this.contents.get(path)
      if (!bytes) throw unusable(path, technical('there is no such file'))
      return bytes
    }
    const bytes = find()
    const record = (operation: DiskOperation<Note>): void => {
      if (!writable) throw new DiskError('readonly', path, technical('it was opened read-only'))
      if (this.failsAfter !== null && this.failsAfter-- === 0) {
        this.failsAfter = null
        throw new DiskError('full', path, technical('no room is left on its disk'))
      }
      this.#do(operation)
    }
    return {
      path,
      writable,
      identity: path,
      get size() {
        return bytes.size
      },
      readAt(position, into) {
        if (position + into.length > bytes.size)
          throw new DiskError('gone', path, technical('it was cut short'))
        bytes.read(position, into)
      },
      writeAt: (position, from) => record({ kind: 'write', path, position, bytes: from.slice() }),
      truncate: (size) => record({ kind: 'truncate', path, size }),
      sync: () => record({ kind: 'flush', path }),
      close() {},
    }
  }

  create(path: string): HostFile {
    if (this.contents.has(path)) throw unusable(path, technical('there is a file of this name already'))
    this.#do({ kind: 'create', path })
    return this.open(path, true)
  }

  realPath(path: string): string | null {
    return this.contents.has(path) ? path : null
  }

  namesIn(folder: string): string[] {
    return [...this.contents.keys()]
      .filter((path) => dirname(path) === folder)
      .map((path) => path.slice(folder.length + 1))
  }

  replace(from: string, to: string): void {
    this.#do({ kind: 'replace', from, to })
  }

  link(from: string, to: string): void {
    this.#do({ kind: 'link', from, to })
  }

  remove(path: string): void {
    this.#do({ kind: 'remove', path })
  }
}

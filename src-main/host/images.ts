import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { because, technicalOf, type Reason } from '../../engine/protocol/reasons.ts'
import { isConfiguration } from '../../engine/service/import/import-machine.ts'
import { Media } from '../../engine/service/media/media.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { safeFileName } from './library.ts'
import type { RecentMedia } from './recent-media.ts'

const LARGEST_FLOPPY = 2_949_120
const ISO_SIGNATURE = { offset: 32769, text: 'CD001' }

/**
 * The images that a window may choose from, by ids that this side made: those in the media folder, and files
 * that the user picked in a dialog of the system.
 */
export class Images {
  #picked = new Map<string, string>()

  /** @param recent what was used last, wherever it lies */
  constructor(
    private readonly mediaFolder: string,
    private readonly recent: RecentMedia,
  ) {
    for (const { path } of recent.entries) if (dirname(path) !== mediaFolder) this.#picked.set(newId(), path)
  }

  async list(): Promise<ImageChoice[]> {
    const names = await readdir(this.mediaFolder, { withFileTypes: true })
    const files = names.filter((name) => name.isFile() && !name.name.startsWith('.'))
    const media = files.map(({ name }): [string, string] => [`media:${name}`, join(this.mediaFolder, name)])
    const used = new Map(this.recent.entries.map(({ path, atMs }) => [path, atMs]))
    const found = await Promise.all(
      [...media, ...this.#picked].map(async ([id, path]) => {
        const image = await describe(id, path).catch(() => null)
        return image && { ...image, usedMs: used.get(path) ?? null }
      }),
    )
    return found.filter((image) => image !== null).filter(({ id }) => !isConfiguration(this.#pathOf(id)!))
  }

  /** Notes that an image is used now. */
  async noteUse(path: string): Promise<void> {
    await this.recent.note(path)
  }

  /** Takes in a file that the user picked. Throws `file-unusable`. */
  async pick(path: string): Promise<ImageChoice> {
    const known = [...this.#picked].find(([, picked]) => picked === path)
    const id = known?.[0] ?? newId()
    const image = await describe(id, path)
    this.#picked.set(id, path)
    return image
  }

  /**
   * Makes an image in the media folder.
   * @param make makes the file, whole or not at all
   */
  async make(name: string, make: (path: string) => Promise<void>): Promise<ImageChoice> {
    const final = await this.#freeName(safeFileName(name))
    await make(join(this.mediaFolder, final))
    return describe(`media:${final}`, join(this.mediaFolder, final))
  }

  /** Keeps an upload in the media folder; a half one leaves nothing. */
  async store(name: string, contents: Readable): Promise<ImageChoice> {
    const safe = safeFileName(name)
    const temporary = join(this.mediaFolder, `.${randomBytes(6).toString('hex')}.part`)
    try {
      await pipeline(contents, createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }))
      const final = await this.#freeName(safe)
      await rename(temporary, join(this.mediaFolder, final))
      return await describe(`media:${final}`, join(this.mediaFolder, final))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /** Takes a file that was picked off the list; the file stays. */
  async forget(id: string): Promise<void> {
    const path = this.#picked.get(id)
    this.#picked.delete(id)
    if (path !== undefined) await this.recent.forget(path)
  }

  /** Throws `image-unknown`. */
  async find(id: string): Promise<ImageChoice & { path: string }> {
    const path = this.#pathOf(id)
    if (!path) throw new RpcError('image-unknown', { id })
    const image = await describe(id, path)
    return { ...image, path }
  }

  /** Place of an image that can be used, by its id; null when there is none. */
  async placeOf(id: string): Promise<string | null> {
    return this.find(id).then(
      ({ path }) => path,
      () => null,
    )
  }

  #pathOf(id: string): string | undefined {
    const name = id.startsWith('media:') ? id.slice('media:'.length) : null
    if (name === null) return this.#picked.get(id)
    return name === safeFileName(name) ? join(this.mediaFolder, name) : undefined
  }

  async #freeName(name: string): Promise<string> {
    const taken = new Set(await readdir(this.mediaFolder))
    if (!taken.has(name)) return name
    const dot = name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length
    for (let number = 2; ; number++) {
      const candidate = `${name.slice(0, dot)} (${number})${name.slice(dot)}`
      if (!taken.has(candidate)) return candidate
    }
  }
}

const newId = (): string => `picked:${randomBytes(12).toString('hex')}`

const unusable = (path: string, reason: Reason): RpcError => new RpcError('file-unusable', { path, reason })

/** Its size in bytes. Throws `file-unusable` for what is no file with contents. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw unusable(path, error.code === 'ENOENT' ? because('file-missing') : technicalOf(error))
  })
  if (found.isDirectory()) throw unusable(path, because('file-is-folder'))
  if (!found.isFile()) throw unusable(path, because('file-is-device'))
  if (!found.size) throw unusable(path, because('file-empty'))
  return found.size
}

/** What an image is for, by its contents and size. Throws `file-unusable`. */
async function describe(id: string, path: string): Promise<ImageChoice> {
  const size = await sizeOf(path)
  const format = new Media().formatOf(path)
  const isContainer = format !== null && format !== 'raw'
  const kind = isContainer
    ? 'disk'
    : new Media().isDisc(path) || (await isIso(path))
      ? 'cdrom'
      : size <= LARGEST_FLOPPY || new Media().isFloppyArchive(path)
        ? 'floppy'
        : 'disk'
  return { id, name: basename(path), bytes: size, kind, usedMs: null }
}

async function isIso(path: string): Promise<boolean> {
  const { offset, text } = ISO_SIGNATURE
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(text.length), 0, text.length, offset)
    return buffer.toString('latin1', 0, bytesRead) === text
  } finally {
    await file.close()
  }
}

import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import type { FileChanges, FolderMedium, MediumSide } from '../../engine/protocol/media.ts'
import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { type CallHandlers, RpcError } from '../../engine/protocol/rpc.ts'
import { compareFiles } from '../../engine/service/media/compare-files.ts'
import { listMedium } from '../../engine/service/media/folder-baseline.ts'
import { imageOfFolder } from '../../engine/service/media/folder-image.ts'
import type { SourceOptions } from '../../engine/service/media/media.ts'
import { writeBaseline } from './folder-baselines.ts'
import type { Images } from './images.ts'
import { inTurns } from './in-turns.ts'

export type MediaCall = 'beginFolder' | 'addToFolder' | 'dropFolder' | 'mediumOfFolder' | 'compareMedia'

/** Folders that are on their way at once. */
const MAX_FOLDERS = 4
const MAX_FILES = 20_000
/** More than goes through messages in reasonable time. */
const MAX_FOLDER_BYTES = 2 ** 32
const MAX_LISTED = 2000
const ENDINGS = { cdrom: 'iso', floppy: 'img', disk: 'img' } as const
const FLOPPY_BYTES = 1_474_560
/** What is smaller could be a floppy. */
const LEAST_DISK_BYTES = 8 * 2 ** 20

/** What the desk needs of the host that it belongs to. */
interface Host {
  /** The image in a drive of a machine that is off. Throws `vm-busy`. */
  driveSource(id: string, drive: number): Promise<{ path: string; options: SourceOptions }>
}

/** A folder that is on its way from a window. */
interface Incoming {
  place: string
  files: Set<string>
  bytes: number
}

/** Answers windows that make media of folders, and compare images. */
export class MediaDesk {
  readonly #incoming = new Map<string, Incoming>()

  constructor(
    private readonly images: Images,
    private readonly host: Host,
  ) {}

  async close(): Promise<void> {
    await Promise.all([...this.#incoming.keys()].map((id) => this.drop(id)))
  }

  readonly calls: Pick<CallHandlers<HostContract>, MediaCall> = {
    beginFolder: async () => {
      // A window that went away leaves its folder; the oldest one makes room.
      if (this.#incoming.size >= MAX_FOLDERS) await this.drop([...this.#incoming.keys()][0]!)
      const id = randomBytes(12).toString('hex')
      const place = await mkdtemp(join(tmpdir(), 'vitrine-folder-'))
      this.#incoming.set(id, { place, files: new Set(), bytes: 0 })
      return id
    },
    addToFolder: async ({ folder, path, from, modifiedMs, data }) => {
      const incoming = this.#of(folder)
      const bytes = Buffer.from(data, 'base64')
      const place = join(incoming.place, ...path)
      if (from === 0) {
        if (incoming.files.size >= MAX_FILES)
          throw refused(because('folder-files-too-many', { most: MAX_FILES }))
        if (incoming.files.has(place)) throw refused(because('file-twice', { path: path.join('/') }))
        incoming.files.add(place)
        await mkdir(dirname(place), { recursive: true })
      } else if ((await stat(place).catch(() => null))?.size !== from) throw refused(because('piece-missing'))
      incoming.bytes += bytes.length
      if (incoming.bytes > MAX_FOLDER_BYTES) throw refused(because('folder-too-large'))
      await appendFile(place, bytes)
      await utimes(place, new Date(), new Date(modifiedMs))
    },
    dropFolder: ({ folder }) => this.drop(folder),
    mediumOfFolder: async (wish, { signal, progress }) => {
      const { place } = this.#of(wish.folder)
      const label = labelOf(wish.label)
      try {
        return await this.images.make(`${label || 'folder'}.${ENDINGS[wish.kind]}`, async (path) => {
          const options = { ...optionsOf(wish), label, replaces: false, nowMs: Date.now() }
          await inTurns(imageOfFolder(place, path, options), signal, progress)
          // Nobody writes to a CD.
          if (wish.kind === 'cdrom') return
          await writeBaseline(path, { folder: wish.name, files: await inTurns(listMedium(path), signal) })
        })
      } finally {
        await this.drop(wish.folder)
      }
    },
    compareMedia: async ({ before, after, partition }, { signal, progress }) => {
      const [left, right] = [await this.#side(before), await this.#side(after)]
      const changes = await inTurns(
        compareFiles({ ...left, partition }, { ...right, partition }),
        signal,
        progress,
      )
      return listed(changes)
    },
  }

  async #side(side: MediumSide): Promise<{ path: string; options: SourceOptions }> {
    if (side.of === 'drive') return this.host.driveSource(side.id, side.drive)
    return { path: (await this.images.find(side.image)).path, options: {} }
  }

  /** Where what has come of a folder lies. */
  placeOf(id: string): string {
    return this.#of(id).place
  }

  #of(id: string): Incoming {
    const incoming = this.#incoming.get(id)
    if (!incoming) throw refused(because('folder-not-coming'))
    return incoming
  }

  /** Forgets a folder that is on its way, and removes what came of it. */
  async drop(id: string): Promise<void> {
    const incoming = this.#incoming.get(id)
    this.#incoming.delete(id)
    if (incoming) await rm(incoming.place, { recursive: true, force: true })
  }
}

const refused = (reason: Reason): RpcError => new RpcError('bad-request', { name: 'folder', reason })

/** As many changes as a window can show. */
export const listed = (changes: FileChanges['changes']): FileChanges => ({
  changes: changes.slice(0, MAX_LISTED),
  more: Math.max(0, changes.length - MAX_LISTED),
})

/** What may be the name of a volume everywhere. */
const labelOf = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/[^\w-]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, 11)

const optionsOf = ({ kind, sizeMiB }: FolderMedium) =>
  ({
    format: 'raw',
    leastBytes: LEAST_DISK_BYTES,
    sizeBytes: kind === 'floppy' ? FLOPPY_BYTES : sizeMiB === null ? null : sizeMiB * 2 ** 20,
  }) as const

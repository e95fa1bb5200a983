import type { HostContract } from '../../engine/protocol/host-contract.ts'
import { type FolderReview, MAX_REVIEWED, REVIEWED_PIECE_BYTES } from '../../engine/protocol/folder-review.ts'
import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { type CallHandlers, type CallTask, RpcError } from '../../engine/protocol/rpc.ts'
import {
  changesBetween,
  type ListedChange,
  type ListedFile,
  listMedium,
} from '../../engine/service/media/folder-baseline.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import type { SourceOptions } from '../../engine/service/media/media.ts'
import { takeOver } from '../../engine/service/media/take-over.ts'
import { type FolderBaseline, readBaseline, writeBaseline } from './folder-baselines.ts'
import { inTurns } from './in-turns.ts'

export type ReviewCall = 'reviewFolder' | 'reviewedFile' | 'takeChanges' | 'endReview'

/** What the desk needs of the host that it belongs to. */
interface Host {
  /** An image by its id, and what it builds on, from itself down. Throws `image-unknown`. */
  chainOf(image: string): Promise<{ path: string; options: SourceOptions; chain: readonly string[] }>
  /** Where a folder lies that the user chose. Throws `image-unknown`. */
  folderAt(id: string): Promise<string>
}

/** A review that a window looks at. */
interface Review {
  source: { path: string; options: SourceOptions }
  /** The image that was made of the folder: this one, or one below it. */
  made: string
  folder: string
  changes: readonly ListedChange[]
  now: readonly ListedFile[]
}

/** Reviews that are kept; a window that went away leaves its own. */
const MAX_REVIEWS = 8

/** Answers windows that look through what guests changed on media that were made of folders. */
export class ReviewDesk {
  readonly #browser = new ImageBrowser()
  readonly #reviews = new Map<string, Review>()

  constructor(private readonly host: Host) {}

  readonly calls: Pick<CallHandlers<HostContract>, ReviewCall> = {
    reviewFolder: ({ image }, task) => this.#begin(image, task),
    reviewedFile: ({ image, path, from }) => {
      const { source } = this.#of(image, [path])
      const options = { ...source.options, partition: null }
      const bytes = this.#browser.read(source.path, path, from, REVIEWED_PIECE_BYTES, options)
      return Buffer.from(bytes).toString('base64')
    },
    takeChanges: async ({ image, folder, paths, replaces }, { signal, progress }) => {
      const { source } = this.#of(image, paths)
      const place = await this.host.folderAt(folder)
      return inTurns(takeOver(source, paths, place, replaces), signal, progress)
    },
    endReview: async ({ image }) => {
      const { made, folder, now } = this.#of(image, [])
      await writeBaseline(made, { folder, files: now })
      this.#reviews.delete(image)
    },
  }

  async #begin(image: string, { signal, progress }: CallTask): Promise<FolderReview> {
    const { path, options, chain } = await this.host.chainOf(image)
    const found = await baselineOf(chain)
    if (!found) throw refused(because('review-no-folder'))
    const now = await inTurns(listMedium(path, options), signal, progress)
    const changes = changesBetween(found.baseline.files, now)
    if (this.#reviews.size >= MAX_REVIEWS) this.#reviews.delete([...this.#reviews.keys()][0]!)
    const { folder } = found.baseline
    this.#reviews.set(image, { source: { path, options }, made: found.made, folder, changes, now })
    return {
      folder,
      changes: changes.slice(0, MAX_REVIEWED),
      more: Math.max(0, changes.length - MAX_REVIEWED),
    }
  }

  /** A window may ask for what its review listed, and for nothing else. */
  #of(image: string, paths: readonly string[]): Review {
    const review = this.#reviews.get(image)
    if (!review) throw refused(because('review-not-begun'))
    const listed = new Set(review.changes.map(({ path }) => path))
    if (!paths.every((path) => listed.has(path))) throw refused(because('review-unchanged'))
    return review
  }
}

/** The nearest image of a chain that was made of a folder. */
export async function baselineOf(
  chain: readonly string[],
): Promise<{ made: string; baseline: FolderBaseline } | null> {
  for (const made of chain) {
    const baseline = await readBaseline(made)
    if (baseline) return { made, baseline }
  }
  return null
}

const refused = (reason: Reason): RpcError => new RpcError('bad-request', { name: 'reviewFolder', reason })

import type { MemoryChanges, MemoryPage } from '../../protocol/snapshot-comparison.ts'
import type { PackedMemory } from '../../snapshot/packed-memory.ts'
import { readStateFile } from '../../snapshot/state-file.ts'
import { openHostFile } from '../../storage/host-file.ts'
import type { Progress } from '../media/copy-disk.ts'

/** Stretches of pages that are listed. */
const MAX_RANGES = 2000
/** Pages between two looks whether somebody waits. */
const STEP_PAGES = 1024

type Page = readonly [page: number, bytes: Uint8Array]

/**
 * Which pages of memory differ between two saved states. Throws `file-unusable`, `state-invalid`.
 * @param pageCount pages that the machine has, to tell how far it is
 */
export function* compareMemory(
  before: string,
  after: string,
  pageCount: number,
): Generator<Progress, MemoryChanges> {
  const [earlier, later] = [new StateMemory(before), new StateMemory(after)]
  try {
    return yield* compare(earlier.memory, later.memory, pageCount)
  } finally {
    earlier.close()
    later.close()
  }
}

/** One page of each of two saved states; null where it is zeros. Throws `file-unusable`, `state-invalid`. */
export function memoryPage(before: string, after: string, page: number): MemoryPage {
  const [left, right] = [before, after].map((path) => {
    const state = new StateMemory(path)
    try {
      const bytes = state.memory.page(page)
      return bytes && Buffer.from(bytes).toString('base64')
    } finally {
      state.close()
    }
  })
  return { before: left ?? null, after: right ?? null }
}

/** Memory of a saved state, whose file is open meanwhile. */
class StateMemory {
  readonly memory: PackedMemory
  readonly #file

  constructor(path: string) {
    this.#file = openHostFile(path, false)
    try {
      this.memory = readStateFile(this.#file).ram
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.#file.close()
  }
}

/** Pages that neither has are zeros on both sides. */
function* compare(
  before: PackedMemory,
  after: PackedMemory,
  pageCount: number,
): Generator<Progress, MemoryChanges> {
  const found: MemoryChanges = { pages: 0, changed: 0, ranges: [], more: 0 }
  const [left, right] = [before.pages(), after.pages()]
  let [one, other] = [nextOf(left), nextOf(right)]
  while (one || other) {
    const page = Math.min(one?.[0] ?? Infinity, other?.[0] ?? Infinity)
    const [mine, its] = [one?.[0] === page ? one : null, other?.[0] === page ? other : null]
    if (!mine || !its || Buffer.compare(mine[1], its[1]) !== 0) note(found, page)
    if (mine) one = nextOf(left)
    if (its) other = nextOf(right)
    if (++found.pages % STEP_PAGES === 0) yield { done: page, total: pageCount }
  }
  return found
}

function nextOf(pages: Iterator<Page>): Page | null {
  const { done, value } = pages.next()
  return done ? null : value
}

function note(found: MemoryChanges, page: number): void {
  found.changed++
  const last = found.ranges.at(-1)
  if (last && last.first + last.count === page && found.more === 0) last.count++
  else if (found.ranges.length < MAX_RANGES) found.ranges.push({ first: page, count: 1 })
  else found.more++
}

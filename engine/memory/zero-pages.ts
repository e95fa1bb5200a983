import { PAGE_SIZE } from './layout.ts'

const ZEROS = new Uint8Array(PAGE_SIZE)
/** Not a multiple of what programs align to. */
const PROBE_STEP = 509

/** Looking costs the host no memory: a page that nobody has written reads as zeros without being there. */
export function isZeroPage(memory: Uint8Array, page: number): boolean {
  // A byte here and there tells of most pages, at a fraction of what comparing takes.
  for (let at = page * PAGE_SIZE; at < (page + 1) * PAGE_SIZE; at += PROBE_STEP)
    if (memory[at] !== 0) return false
  return Buffer.compare(memory.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), ZEROS) === 0
}

/** Makes memory zeros, leaving alone the pages that are: writing to them would commit the host's memory. */
export function clearMemory(memory: Uint8Array): void {
  for (let page = 0; page * PAGE_SIZE < memory.length; page++)
    if (!isZeroPage(memory, page)) memory.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

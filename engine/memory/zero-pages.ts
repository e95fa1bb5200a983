import { PAGE_SIZE } from './layout.ts'

const ZEROS = new Uint8Array(PAGE_SIZE)

/** Looking costs the host no memory: a page that nobody has written reads as zeros without being there. */
export function isZeroPage(memory: Uint8Array, page: number): boolean {
  return Buffer.compare(memory.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), ZEROS) === 0
}

/** Makes memory zeros, leaving alone the pages that are: writing to them would commit the host's memory. */
export function clearMemory(memory: Uint8Array): void {
  for (let page = 0; page * PAGE_SIZE < memory.length; page++)
    if (!isZeroPage(memory, page)) memory.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

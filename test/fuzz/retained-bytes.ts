import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What hammering a device may add to memory once the first blocks have warmed the host's compiler up. */
export const MAX_GROWTH_BYTES = 32 * 1024 * 1024
/** Blocks after which it is warm. */
export const SETTLED_AFTER = 8

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What is still referred to. Resident memory says when the host's allocator gave back what the harness freed. */
export function retainedBytes(): number {
  // Buffers are swept beside the program, and counted until then: a second collection waits for the first one's.
  collectGarbage()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'

/** How much nicer than the guest compilers are: a tenth of its share where both want the same processor. */
const NICER_BY = 10
const THREADS = '/proc/self/task'
/** Threads of V8's pool have this name from Node 22 on, and none of their own before. */
const POOL_THREAD = 'V8Worker'

/**
 * Has the threads that compile for this process step back behind the calling one: on a host with few processors they would
 * take the guest's time from it when it has most code that is new. On Linux alone, where a priority is a thread's.
 */
export function goBeforeCompilers(): void {
  if (process.platform !== 'linux') return
  try {
    const own = readlinkSync('/proc/thread-self').split('/').at(-1)
    const main = String(process.pid)
    const nameOf = (thread: string): string => readFileSync(`${THREADS}/${thread}/comm`, 'utf8').trim()
    const unnamed = nameOf(main)
    for (const thread of readdirSync(THREADS)) {
      if (thread === own || thread === main) continue
      const name = nameOf(thread)
      if (name === unnamed || name === POOL_THREAD) setPriority(Number(thread), NICER_BY)
    }
  } catch {
    // A thread may have ended in between, and /proc may be hidden: then all share alike.
  }
}

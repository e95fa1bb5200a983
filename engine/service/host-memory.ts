import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What of the koffi package is used. */
interface Koffi {
  load(path: null): { func(prototype: string): (bytes: number) => number }
}

/**
 * Gives the host back what work has left behind in this process. The thread of a machine blocks in the guest, so
 * that V8's own collection at idle times never gets its turn; and glibc keeps what compilers freed, some hundred
 * MiB, in the arenas of their threads.
 */
export class HostMemory {
  #collect: (() => void) | null = null
  #trim: (() => void) | null = null

  /** Takes some 20 to 50 ms, and once as much for loading what it calls. */
  giveBack(): void {
    this.#collect ??= garbageCollector()
    this.#trim ??= allocatorTrim()
    this.#collect()
    this.#trim()
  }
}

/** V8 shows its collector to contexts that are made after the flag was set. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** malloc_trim(3), or nothing where the allocator is another one than glibc's. */
function allocatorTrim(): () => void {
  if (process.platform !== 'linux') return () => {}
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    const trim = koffi.load(null).func('int malloc_trim(size_t)')
    return () => void trim(0)
  } catch {
    return () => {} // musl has none, and keeps nothing; without koffi the memory stays with the process
  }
}

import { setImmediate as othersTurn } from 'node:timers/promises'
import type { StateLook } from '../machine/machine.ts'
import { readStateFile } from '../snapshot/state-file.ts'
import { openHostFile } from '../storage/host-file.ts'

const UNDER_WAY = 0
const WHOLE = 1
const NOT_WHOLE = 2

/** So that others wait no longer than this for their turn. */
const TURN_MS = 4

/** A look that has begun. */
export interface BegunLook {
  /** For the other thread's `SharedLook`. */
  readonly shared: SharedArrayBuffer
  /** Whether the file is whole. Never rejects. */
  readonly found: Promise<boolean>
}

/** Begins to look through a state file for damage, in the thread that does not run the machine meanwhile. */
export function beginLook(path: string): BegunLook {
  const word = new Int32Array(new SharedArrayBuffer(4))
  const found = lookThrough(path)
    .catch(() => false)
    .then((isWhole) => {
      Atomics.store(word, 0, isWhole ? WHOLE : NOT_WHOLE)
      Atomics.notify(word, 0)
      return isWhole
    })
  return { shared: word.buffer, found }
}

/** The look of the other thread. */
export class SharedLook implements StateLook {
  readonly #word: Int32Array

  constructor(shared: SharedArrayBuffer) {
    this.#word = new Int32Array(shared)
  }

  get isWhole(): boolean | null {
    const found = Atomics.load(this.#word, 0)
    return found === UNDER_WAY ? null : found === WHOLE
  }

  wait(): boolean {
    Atomics.wait(this.#word, 0, UNDER_WAY)
    return this.isWhole === true
  }
}

async function lookThrough(path: string): Promise<boolean> {
  const file = openHostFile(path, false)
  try {
    const { chunks } = readStateFile(file).ram
    if (!chunks) return true // older ones are unpacked, and checked, before anything runs
    let turnEnds = performance.now() + TURN_MS
    for (const _ of chunks.checking()) {
      if (performance.now() < turnEnds) continue
      await othersTurn()
      turnEnds = performance.now() + TURN_MS
    }
    return true
  } finally {
    file.close()
  }
}

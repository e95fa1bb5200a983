import { setImmediate as othersTurn } from 'node:timers/promises'
import { readStateFile } from '../snapshot/state-file.ts'
import { openHostFile } from '../storage/host-file.ts'

const UNDER_WAY = 0
const WHOLE = 1
const NOT_WHOLE = 2

/** So that others wait no longer than this for their turn. */
const TURN_MS = 4

/**
 * Begins to look through a state file for damage, in the thread that does not build the machine meanwhile.
 * @returns what the other thread asks `isFoundWhole` about
 */
export function beginLook(path: string): SharedArrayBuffer {
  const word = new Int32Array(new SharedArrayBuffer(4))
  void lookThrough(path)
    // Why it is not is found out by who needs it.
    .catch(() => false)
    .then((isWhole) => {
      Atomics.store(word, 0, isWhole ? WHOLE : NOT_WHOLE)
      Atomics.notify(word, 0)
    })
  return word.buffer
}

/** Waits for the look to end. @returns false when the file is damaged, or cannot be looked through in this way */
export function isFoundWhole(look: SharedArrayBuffer): boolean {
  const word = new Int32Array(look)
  Atomics.wait(word, 0, UNDER_WAY)
  return Atomics.load(word, 0) === WHOLE
}

async function lookThrough(path: string): Promise<boolean> {
  const file = openHostFile(path, false)
  try {
    const { chunks } = readStateFile(file).ram
    if (!chunks) return false
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

import { closeSync, openSync, writeSync } from 'node:fs'
import { EngineError } from '../base/errors.ts'
import { technicalOf } from '../protocol/reasons.ts'
import type { DiskError } from '../storage/block-image.ts'
import { hostFailure } from '../storage/host-file.ts'

/** A file that takes what a guest says on a port. The first failure ends it and is told: the machine goes on. */
export class DebugFile {
  #file: number | null

  /**
   * Makes the file, or empties it; a log is gone on with instead. Throws `file-unusable`.
   */
  constructor(
    private readonly path: string,
    mode: 'fresh' | 'append',
    private readonly onFailure: (error: DiskError) => void,
  ) {
    try {
      this.#file = openSync(path, mode === 'append' ? 'a' : 'w')
    } catch (error) {
      throw new EngineError('file-unusable', { path, reason: technicalOf(error) }, { cause: error })
    }
  }

  write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length && this.#file !== null;)
        done += writeSync(this.#file, bytes, done)
    } catch (error) {
      this.close()
      this.onFailure(hostFailure(error, this.path, 'file-written-no-more'))
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }
}

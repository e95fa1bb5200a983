import { closeSync, openSync, writeSync } from 'node:fs'
import { EngineError } from '../base/errors.ts'

/** A file that takes what a guest says on a port. The first failure ends it: the machine goes on. */
export class DebugFile {
  #file: number | null

  /**
   * Makes the file, or empties it; a log is gone on with instead. Throws `file-unusable`.
   */
  constructor(
    private readonly path: string,
    mode: 'fresh' | 'append',
  ) {
    try {
      this.#file = openSync(path, mode === 'append' ? 'a' : 'w')
    } catch (error) {
      throw new EngineError('file-unusable', { path, reason: reasonOf(error) }, { cause: error })
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#file === null) return
    try {
      writeSync(this.#file, bytes)
    } catch (error) {
      this.close()
      process.emitWarning(`${this.path}: ${reasonOf(error)}; nothing more is written to it`)
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

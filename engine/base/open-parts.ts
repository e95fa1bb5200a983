/** What holds something of the host until it is closed. */
export interface Closable {
  close(): void
}

/** Parts that have been opened one after the other, to be closed together. */
export class OpenParts implements Closable {
  #parts: Closable[] = []

  /** Takes charge of a part. */
  add<T extends Closable>(part: T): T {
    this.#parts.push(part)
    return part
  }

  /** Closes all of them, the last one first, whatever closing one of them throws; the first of that is thrown in the end. */
  close(): void {
    const failures: unknown[] = []
    for (const part of this.#parts.toReversed())
      try {
        part.close()
      } catch (error) {
        failures.push(error)
      }
    this.#parts = []
    if (failures.length > 0) throw failures[0]
  }

  /** Runs what opens parts. When it throws, everything opened so far is closed, and that error is the one thrown. */
  fill<T>(open: () => T): T {
    try {
      return open()
    } catch (error) {
      try {
        this.close()
      } catch {
        // Why it could not be opened is what its user has to know.
      }
      throw error
    }
  }
}

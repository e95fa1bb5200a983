/** Lets work rest for as long as somebody wants it to. */
export class Hold {
  #isHeld = false
  #waiting: (() => void)[] = []

  get isHeld(): boolean {
    return this.#isHeld
  }

  set(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (!isHeld) for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** Settles once the work may go on, or is not wanted any more. */
  passed(signal: AbortSignal): Promise<void> {
    if (!this.#isHeld || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#waiting.push(resolve)
    })
  }
}

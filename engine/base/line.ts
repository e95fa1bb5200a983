/** One wire: an interrupt request, a gate, a reset pin. Setting it to the level it has is no edge. */
export interface Line {
  set(high: boolean): void
}

/** A pulse: low, then high again, which an edge-triggered input sees once. */
export function pulse(line: Line): void {
  line.set(false)
  line.set(true)
}

/**
 * One wire that several sources drive: high while any of them is. This is how level-triggered interrupts share
 * an input (PCI 2.1, section 2.2.6).
 */
export class SharedLine {
  #driving = 0

  constructor(private readonly out: Line) {}

  /** A new source, not driving. */
  input(): Line {
    let level = false
    return {
      set: (high) => {
        if (high === level) return
        level = high
        this.#driving += high ? 1 : -1
        this.out.set(this.#driving > 0)
      },
    }
  }
}

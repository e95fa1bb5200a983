/** One wire: an interrupt request, a gate, a reset pin. Setting it to the level it has is no edge. */
export interface Line {
  set(high: boolean): void
}

/** A pulse: low, then high again, which an edge-triggered input sees once. */
export function pulse(line: Line): void {
  line.set(false)
  line.set(true)
}

/** Saved volatile state: plain data that survives structuredClone, with the version of its shape. */
export interface DeviceState {
  version: number
}

/**
 * What every device model is, whatever else it offers. Its configuration and wiring come with the
 * constructor and stay; its volatile state is what these three methods handle.
 */
export interface Device {
  /** Unique in a machine; the key of its saved state. */
  readonly id: string
  /** Power-on state, lines released, timers cancelled. */
  reset(): void
  save(): DeviceState
  /** Takes what `save` gave, of this or an older version. Throws `state-invalid` on anything else, changing nothing. */
  restore(state: unknown): void
}

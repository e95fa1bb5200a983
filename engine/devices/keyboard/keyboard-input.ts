export interface KeyboardInput {
  /** @param code a KeyboardEvent.code such as KeyA, ShiftRight, NumpadEnter; unknown ones are ignored. */
  key(code: string, pressed: boolean): void
}

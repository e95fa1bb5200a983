export interface MouseInput {
  /**
   * Relative motion in counts (down and right positive), wheel clicks (down positive), buttons: 1 left, 2 right,
   * 4 middle, 8 back, 16 forward.
   */
  move(dx: number, dy: number, wheel: number, buttons: number): void
  /** Absolute position, 0..65535 over the picture, for guests with an absolute driver. */
  moveTo(x: number, y: number, wheel: number, buttons: number): void
  /** True while the guest takes absolute positions, so that no capture is needed. */
  readonly absolute: boolean
}

/** What hangs on one of the controller's two serial interfaces. */
export interface Ps2Device {
  /** A byte from the host: a command or its parameter. */
  receive(byte: number): void
  /** Takes the next byte for the host out; null when there is none. */
  take(): number | null
  /** Replaces the one told when there may be a byte to take. */
  onReady(listener: () => void): void
}

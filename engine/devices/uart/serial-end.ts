/** The far end of a serial line, as a terminal or a file sees it. */
export interface SerialEnd {
  /** Replaces the listener for bytes that the guest sends. */
  onOutput(listener: (bytes: Uint8Array) => void): void
  /** Bytes for the guest, queued without bound checks on the caller's side; past 64 KiB they are dropped. */
  input(bytes: Uint8Array): void
}

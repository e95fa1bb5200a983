import type { DriveCore } from './drive-core.ts'

/** A drive on an IDE cable, as its channel drives it. */
export interface IdeDrive {
  readonly core: DriveCore
  readonly kind: 'disk' | 'cdrom'
  /** A byte written to the command register while the drive is selected. */
  command(opcode: number): void
  /** The host has moved the whole block that was offered. */
  blockDone(): void
  /** The bus master's table ended before the drive's data. */
  dmaCutShort(): void
  /** EXECUTE DEVICE DIAGNOSTIC, which both drives of a cable perform. */
  diagnose(interrupt: boolean): void
  /** SRST was set: busy until `endReset`. */
  beginReset(): void
  endReset(): void
  /** Power-on. */
  reset(): void
  save(): unknown
  /** Takes a saved state that passed the drive's schema, or says what is wrong with it, changing nothing. */
  refuse(saved: unknown): string | null
  restore(saved: unknown): void
}

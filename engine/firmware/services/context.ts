import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { FirmwareConfig } from '../config.ts'
import type { FirmwareState } from '../state.ts'

/** What every service may use: nothing of the guest, which is reached through commands only. */
export interface Context {
  config: FirmwareConfig
  clock: Clock
  log: Log
  /** The firmware's own volatile state. */
  state: FirmwareState
  /** Puts the pieces of the configured kernel into guest memory. */
  placeKernel(): void
}

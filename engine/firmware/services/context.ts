import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { FirmwareConfig } from '../config.ts'
import type { FirmwareState } from '../state.ts'

/** What every service may use: nothing of the guest, which is reached through commands only. */
export interface Context {
  config: FirmwareConfig
  clock: Clock
  /** Executed so far; from guest time, at 10 ns each, where the processor does not count them. */
  instructions: () => number
  log: Log
  /** The firmware's own volatile state. */
  state: FirmwareState
  /** Puts the pieces of the configured kernel into guest memory. */
  placeKernel(): void
}

import * as v from 'valibot'
import { bits, timeNs } from '../../base/saved-state.ts'
import { FIFO_LENGTH } from './registers.ts'

/** Input that waits for the guest at most. */
export const INPUT_BYTES = 64 * 1024

const deadline = v.nullable(timeNs)
/** Version 1 of a serial port's saved state. */
export const uartState = v.object({
  version: v.literal(1),
  IER: bits(4),
  FCR: bits(8),
  LCR: bits(8),
  MCR: bits(5),
  SCR: bits(8),
  divisor: bits(16),
  /** LSR's latched error bits. */
  errors: bits(5),
  /** Modem inputs as MSR bits 4 to 7, and the deltas in bits 0 to 3. */
  modemInputs: bits(8),
  modemStatus: bits(8),
  /** Received characters, error bits of LSR in bits 8 and up. */
  received: v.pipe(v.array(bits(13)), v.maxLength(FIFO_LENGTH)),
  transmit: v.pipe(v.array(bits(8)), v.maxLength(FIFO_LENGTH)),
  shifting: v.nullable(bits(8)),
  thrEmptyPending: v.boolean(),
  timeoutPending: v.boolean(),
  handshake: v.boolean(),
  input: v.pipe(v.instance(Uint8Array), v.maxLength(INPUT_BYTES)),
  lastInputNs: timeNs,
  inputAtNs: deadline,
  timeoutAtNs: deadline,
  shiftedAtNs: deadline,
})
export type UartState = v.InferOutput<typeof uartState>

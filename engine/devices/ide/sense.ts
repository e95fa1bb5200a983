import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'

/** SCSI sense: what went wrong with the last packet command. */
export const senseSchema = v.strictObject({
  /** Sense key. */
  key: bits(4),
  /** Additional sense code and its qualifier. */
  code: bits(8),
  qualifier: bits(8),
})

export type Sense = v.InferOutput<typeof senseSchema>

const sense = (key: number, code: number, qualifier = 0): Sense => ({ key, code, qualifier })

export const SENSE = {
  NONE: sense(0, 0),
  NO_MEDIUM: sense(2, 0x3a),
  UNRECOVERED_READ_ERROR: sense(3, 0x11),
  INVALID_COMMAND: sense(5, 0x20),
  ADDRESS_OUT_OF_RANGE: sense(5, 0x21),
  INVALID_FIELD_IN_CDB: sense(5, 0x24),
  SAVING_NOT_SUPPORTED: sense(5, 0x39),
  REMOVAL_PREVENTED: sense(5, 0x53, 0x02),
  ILLEGAL_MODE_FOR_TRACK: sense(5, 0x64),
  MEDIUM_MAY_HAVE_CHANGED: sense(6, 0x28),
} as const

/** REQUEST SENSE's 18 bytes, fixed format, current error. */
export function senseData({ key, code, qualifier }: Sense): Uint8Array {
  const data = new Uint8Array(18)
  data[0] = 0x70
  data[2] = key
  data[7] = 10 // bytes that follow
  data[12] = code
  data[13] = qualifier
  return data
}

import { REASONS } from '../../../engine/protocol/reasons.ts'
import { reasonMessages } from '../reason-messages.ts'

/** As the host itself says them. */
export const reasons = reasonMessages(REASONS)

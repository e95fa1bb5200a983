import { REASONS, type ReasonKey } from '../../../engine/protocol/reasons.ts'

type ReasonMessages = { readonly [K in ReasonKey as `reason.${K}`]: (typeof REASONS)[K] }

/** As the host itself says them. */
export const reasons = Object.fromEntries(
  Object.entries(REASONS).map(([key, words]) => [`reason.${key}`, words]),
) as ReasonMessages

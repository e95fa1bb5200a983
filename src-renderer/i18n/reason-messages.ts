import type { ReasonKey } from '../../engine/protocol/reasons.ts'

type ReasonMessages<Words extends Record<ReasonKey, string>> = {
  readonly [K in ReasonKey as `reason.${K}`]: Words[K]
}

/** The words of every reason as messages of a catalogue. */
export const reasonMessages = <const Words extends Record<ReasonKey, string>>(words: Words) =>
  Object.fromEntries(
    Object.entries(words).map(([key, text]) => [`reason.${key}`, text]),
  ) as ReasonMessages<Words>

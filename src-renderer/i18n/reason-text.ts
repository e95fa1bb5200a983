import { knownReason } from '../../engine/protocol/reasons.ts'
import type { Translate } from '../stores/locale.ts'

/** A reason in the language of the interface; those that are rare stay as the host gives them. */
export function reasonText(words: string, t: Translate): string {
  const known = knownReason(words)
  return known ? t(`reason.${known.key}`, known.values) : words
}

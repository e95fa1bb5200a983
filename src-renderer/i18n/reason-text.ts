import { isReason, type Reason } from '../../engine/protocol/reasons.ts'
import type { Translate } from '../stores/locale.ts'

/** A reason in the language of the interface, with those that it holds. */
export function reasonText({ key, values }: Reason, t: Translate): string {
  const texts = Object.entries(values).map(([name, value]) => [
    name,
    isReason(value) ? reasonText(value, t) : value,
  ])
  return t(`reason.${key}`, Object.fromEntries(texts) as Record<string, string | number>)
}

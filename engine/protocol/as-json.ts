import { inWords, isReason } from './reasons.ts'

/** What `--json` prints and windows save of an answer: reasons in English words, all else as it is. */
export const asJson = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (isReason(one) ? inWords(one) : one), 2)

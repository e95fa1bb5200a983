import * as v from 'valibot'
import { accelerators } from './reasons/accelerators.ts'
import { exports } from './reasons/exports.ts'
import { files } from './reasons/files.ts'
import { images } from './reasons/images.ts'
import { imports } from './reasons/imports.ts'
import { machines } from './reasons/machines.ts'
import { volumes } from './reasons/volumes.ts'
import { discs } from './reasons/discs.ts'
import { states } from './reasons/states.ts'
import { kernels } from './reasons/kernels.ts'
import { requests } from './reasons/requests.ts'
import { media } from './reasons/media.ts'
import { snapshots } from './reasons/snapshots.ts'

/**
 * Every reason that there is, in the words that logs and the command line have. `{…}` stands for what is different each
 * time. A reason crosses between processes as its key and these values; windows have words of their own for each key.
 */
export const REASONS = {
  ...accelerators,
  ...exports,
  ...files,
  ...images,
  ...imports,
  ...machines,
  ...volumes,
  ...discs,
  ...states,
  ...kernels,
  ...requests,
  ...media,
  ...snapshots,
} as const
export type ReasonKey = keyof typeof REASONS

/** What stands in a gap. A reason that has another one for its cause holds that as it is. */
export type ReasonValue = string | number | Reason

/** Why something did not work, or is not as it was. */
export interface Reason {
  readonly key: ReasonKey
  readonly values: Readonly<Record<string, ReasonValue>>
}

type Gaps<Words extends string> = Words extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Gaps<Rest>
  : never
type Values<K extends ReasonKey> = [Gaps<(typeof REASONS)[K]>] extends [never]
  ? []
  : [values: Readonly<Record<Gaps<(typeof REASONS)[K]>, ReasonValue>>]

/** Keys of reasons that are always the same. */
export type PlainReasonKey = {
  [K in ReasonKey]: [Gaps<(typeof REASONS)[K]>] extends [never] ? K : never
}[ReasonKey]

/** A reason, with a value for each gap of its words. */
export const because = <K extends ReasonKey>(key: K, ...[values]: Values<K>): Reason => ({
  key,
  values: values ?? {},
})

/**
 * What another program, the host's system or the inside of a damaged file says, for those who know such things: it stays
 * English in every language, and is shown as a quotation.
 */
export const technical = (text: string): Reason => because('technical', { text })

/** What an error that is none of ours says. */
export const technicalOf = (error: unknown): Reason =>
  technical(error instanceof Error ? error.message : String(error))

/** No reason of ours has more reasons in it, one in the other. */
const MAX_DEPTH = 4

/** Whether it is a reason whose gaps are filled. */
export function isReason(value: unknown, depth = 0): value is Reason {
  if (typeof value !== 'object' || value === null || !('key' in value) || !('values' in value)) return false
  const { key, values } = value
  if (typeof key !== 'string' || !Object.hasOwn(REASONS, key)) return false
  if (typeof values !== 'object' || values === null) return false
  const given: unknown[] = Object.values(values)
  const gaps = gapsOf(REASONS[key as ReasonKey])
  return (
    [...gaps].every((name) => Object.hasOwn(values, name)) &&
    given.every(
      (one) =>
        typeof one === 'string' || typeof one === 'number' || (depth < MAX_DEPTH && isReason(one, depth + 1)),
    )
  )
}

/** Names of what differs in words. */
export const gapsOf = (words: string): ReadonlySet<string> =>
  new Set([...words.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!))

/** A reason that crossed between processes. */
export const Reason = v.custom<Reason>((value) => isReason(value), 'not a reason')

/** The English words of a reason: for logs, the command line and messages of errors. */
export const inWords = ({ key, values }: Reason): string =>
  REASONS[key].replace(/\{(\w+)\}/g, (_, name: string) => worded(values[name]))

/** Reasons in English words, anything else as it is. */
export const worded = (value: unknown): string => (isReason(value) ? inWords(value) : String(value))

import * as v from 'valibot'

/** A week. */
export const MAX_SNAPSHOT_MINUTES = 10_080
export const MAX_KEPT_SNAPSHOTS = 100

const number = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most))

/** Snapshots that are taken of a machine by themselves while it runs. */
export const AutoSnapshots = v.strictObject({
  /** From one to the next; 0 takes none. */
  everyMinutes: v.optional(number(0, MAX_SNAPSHOT_MINUTES), 0),
  /** So many of them stay; the oldest make room. */
  keep: v.optional(number(1, MAX_KEPT_SNAPSHOTS), 10),
})
export type AutoSnapshots = v.InferOutput<typeof AutoSnapshots>

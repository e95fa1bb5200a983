import * as v from 'valibot'
import { FileChanges } from './media.ts'

/** What differs between two snapshots of a machine. */
export const SnapshotComparison = v.object({
  /** Settings by their path in the configuration; an empty text where one has none. */
  settings: v.array(v.object({ name: v.string(), before: v.string(), after: v.string() })),
  disks: v.array(
    v.object({
      /** Position among the drives. */
      drive: v.number(),
      /** Number of the partition; 0 when the disk is one volume. */
      partition: v.number(),
      files: FileChanges,
      /** Why its files are not compared; null when they are. */
      problem: v.nullable(v.string()),
    }),
  ),
  /** Pages of memory of 4 KiB; null unless both have memory. */
  memory: v.nullable(v.object({ pages: v.number(), changed: v.number() })),
})
export type SnapshotComparison = v.InferOutput<typeof SnapshotComparison>

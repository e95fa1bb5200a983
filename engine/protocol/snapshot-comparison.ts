import * as v from 'valibot'
import { FileChanges } from './media.ts'
import { Reason } from './reasons.ts'

/** What differs between the memories of two snapshots, in pages of 4 KiB by their physical numbers. */
export const MemoryChanges = v.object({
  /** That are not zeros in both. */
  pages: v.number(),
  changed: v.number(),
  /** Pages in a row that differ. */
  ranges: v.array(v.object({ first: v.number(), count: v.number() })),
  /** Pages that differ and are in none of the ranges, which would be too many. */
  more: v.number(),
})
export type MemoryChanges = v.InferOutput<typeof MemoryChanges>

const pageBytes = v.nullable(v.pipe(v.string(), v.base64()))
/** A page of the memory of each of two snapshots, in base64; null for zeros. */
export const MemoryPage = v.object({ before: pageBytes, after: pageBytes })
export type MemoryPage = v.InferOutput<typeof MemoryPage>

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
      problem: v.nullable(Reason),
    }),
  ),
  /** Null unless both have memory. */
  memory: v.nullable(MemoryChanges),
})
export type SnapshotComparison = v.InferOutput<typeof SnapshotComparison>

import * as v from 'valibot'
import { DISK_FORMATS, MachineConfig } from './machine-config.ts'
import { Reason } from './reasons.ts'

/** Snapshots of a machine at most, so that a chain of files stays one that can be opened. */
export const MAX_SNAPSHOTS = 500

const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/, 'not an id'))
export const SnapshotId = hex
export const SnapshotName = v.pipe(
  v.string(),
  v.trim(),
  v.nonEmpty('the name is empty'),
  v.maxLength(80, 'the name is longer than 80 characters'),
)
export const SnapshotNotes = v.pipe(v.string(), v.maxLength(2000, 'notes have at most 2000 characters'))
const file = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096), v.excludes('\0'))

/** Size and time of change of a file that nothing writes any more. */
export const FileStamp = v.strictObject({ bytes: v.number(), changedMs: v.number() })
export type FileStamp = v.InferOutput<typeof FileStamp>

/** A file of a disk. Those that are over another one were made by the tree. */
export const Layer = v.strictObject({
  /** Relative to the machine's folder, where it lies in it. */
  file,
  format: v.picklist(DISK_FORMATS),
  /** The layer that shows where this one holds nothing; null for the disk that all began with. */
  parent: v.nullable(file),
  /** As it was frozen; null while it is written, or may be. */
  stamp: v.nullable(FileStamp),
  /** Machines whose disks are over it. */
  clones: v.optional(v.pipe(v.array(v.string()), v.maxLength(1000)), []),
})
export type Layer = v.InferOutput<typeof Layer>

/** A point that a machine can go back to. */
export const Snapshot = v.strictObject({
  id: hex,
  parent: v.nullable(hex),
  name: SnapshotName,
  notes: v.optional(SnapshotNotes, ''),
  /** ms since 1970. */
  takenAtMs: v.number(),
  /** The hardware; its disks are the files that were frozen. */
  machine: MachineConfig,
  /** Memory and devices are in its state file. */
  hasState: v.boolean(),
  hasPicture: v.boolean(),
  /** Taken by schedule. */
  isAutomatic: v.optional(v.boolean(), false),
  /** False until its memory is on the disk: a power failure before that undoes it. */
  isComplete: v.optional(v.boolean(), true),
})
export type Snapshot = v.InferOutput<typeof Snapshot>

/** What a machine's record keeps of its snapshots. */
export const SnapshotTree = v.strictObject({
  /** Changes with every restore. The saved state of another generation does not go with these disks. */
  generation: v.union([hex, v.literal('')]),
  snapshots: v.pipe(v.array(Snapshot), v.maxLength(MAX_SNAPSHOTS)),
  /** What the machine as it is now came from. */
  current: v.nullable(hex),
  /** Every start goes back to this snapshot. */
  startFrom: v.optional(v.nullable(hex), null),
  layers: v.array(Layer),
  /** Files that nothing needs any more, to be removed. */
  discarded: v.array(file),
})
export type SnapshotTree = v.InferOutput<typeof SnapshotTree>
export const NO_SNAPSHOTS: SnapshotTree = {
  generation: '',
  snapshots: [],
  current: null,
  startFrom: null,
  layers: [],
  discarded: [],
}

/** A snapshot as lists show it. */
export const SnapshotSummary = v.object({
  id: hex,
  parent: v.nullable(hex),
  name: v.string(),
  notes: v.string(),
  takenAtMs: v.number(),
  memoryMiB: v.number(),
  hasState: v.boolean(),
  hasPicture: v.boolean(),
  /** Taken by schedule: it goes when newer ones need its room. */
  isAutomatic: v.boolean(),
  /** Why it cannot be gone back to; null when it can. */
  problem: v.nullable(Reason),
  /** What was noticed about its files, which does not keep it from being used. */
  warning: v.nullable(Reason),
})
export type SnapshotSummary = v.InferOutput<typeof SnapshotSummary>

export const SnapshotList = v.object({
  snapshots: v.array(SnapshotSummary),
  current: v.nullable(hex),
  startFrom: v.nullable(hex),
})
export type SnapshotList = v.InferOutput<typeof SnapshotList>

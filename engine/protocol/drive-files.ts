import * as v from 'valibot'
import { Reason } from './reasons.ts'

/** Bytes of a file that cross at a time; as base64 they fit into one message. */
export const FILE_PIECE_BYTES = 384 * 1024

/** A file system on a drive. */
const DriveVolume = v.object({
  /** Number of its partition; 0 when the medium is one volume. */
  partition: v.number(),
  sizeBytes: v.number(),
  /** Such as FAT16; null where none is that can be read. */
  kind: v.nullable(v.string()),
  label: v.string(),
  problem: v.nullable(Reason),
})
export type DriveVolume = v.InferOutput<typeof DriveVolume>

/** A drive of a machine with what is on it. */
export const DriveContents = v.object({
  /** Position among the machine's drives. */
  drive: v.number(),
  kind: v.picklist(['floppy', 'disk', 'cdrom']),
  name: v.string(),
  volumes: v.array(DriveVolume),
  /** Why nothing of it can be read; null when something can. */
  problem: v.nullable(Reason),
  /** Its passphrase is wanted first. */
  isLocked: v.boolean(),
  /** Whether files can be put in. */
  isWritable: v.boolean(),
})
export type DriveContents = v.InferOutput<typeof DriveContents>

/** What a folder on a drive holds. */
export const DriveEntry = v.object({
  name: v.string(),
  kind: v.picklist(['file', 'folder', 'other']),
  bytes: v.nullable(v.number()),
  modifiedMs: v.nullable(v.number()),
  /** Where a symbolic link leads. */
  target: v.nullable(v.string()),
})
export type DriveEntry = v.InferOutput<typeof DriveEntry>

/** Entries of a folder and all below it, folders before what they hold, each with names from that folder on. */
export const MAX_TREE_ENTRIES = 5000
export const DriveTree = v.array(v.object({ ...DriveEntry.entries, path: v.string() }))
export type DriveTree = v.InferOutput<typeof DriveTree>

const position = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))

/** A file or folder on a drive. */
export const DrivePlace = {
  drive: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15)),
  partition: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  /** Names with slashes between them; empty for all of the volume. */
  path: v.pipe(v.string(), v.maxLength(4096)),
}

/** Part of a file that goes into the folder `path`; the pieces of one come in order. */
export const FilePiece = {
  name: v.pipe(v.string(), v.nonEmpty(), v.maxLength(255), v.regex(/^[^/\\]+$/, 'not the name of a file')),
  from: position,
  totalBytes: position,
  /** In base64. */
  data: v.pipe(v.string(), v.maxLength((FILE_PIECE_BYTES / 3) * 4)),
  replaces: v.boolean(),
}

import * as v from 'valibot'
import { FILE_PIECE_BYTES } from './drive-files.ts'
import { ImageId } from './media.ts'

/** Changes that are listed, and taken over at once. */
export const MAX_REVIEWED = 5000

const path = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096))

/** A file that a guest added, changed or removed on a medium that was made of a folder. */
export const ReviewedChange = v.object({
  /** From the folder on, with slashes. */
  path: v.string(),
  change: v.picklist(['added', 'changed', 'removed']),
  kind: v.picklist(['file', 'folder']),
  /** Of a file, as it is now, or was before it was removed. */
  bytes: v.number(),
  /** ms since 1970; null where nothing is noted. */
  modifiedMs: v.nullable(v.number()),
})
export type ReviewedChange = v.InferOutput<typeof ReviewedChange>

export const FolderReview = v.object({
  /** Name of the folder that the medium was made of. */
  folder: v.string(),
  changes: v.array(ReviewedChange),
  /** How many more there are than are listed. */
  more: v.number(),
})
export type FolderReview = v.InferOutput<typeof FolderReview>

export const ReviewOf = v.strictObject({ image: ImageId })

/** A piece of a file in base64, from a position on. */
export const ReviewedFile = v.strictObject({
  image: ImageId,
  path,
  from: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER)),
})
export const REVIEWED_PIECE_BYTES = FILE_PIECE_BYTES

/** Changes of the last review that are to be made in a folder of this computer. */
export const ChangeTaking = v.strictObject({
  image: ImageId,
  /** As the system's dialog gave it. */
  folder: v.pipe(v.string(), v.regex(/^folder:[0-9a-f]{24}$/)),
  paths: v.pipe(v.array(path), v.maxLength(MAX_REVIEWED)),
  /** Files that are there are replaced and removed; otherwise nothing is done where there are any. */
  replaces: v.boolean(),
})
export type ChangeTaking = v.InferOutput<typeof ChangeTaking>

export const ChangesTaken = v.object({
  /** Files that are there and would be replaced or removed; nothing was done then. */
  conflicts: v.array(v.string()),
  /** How many were taken over. */
  taken: v.number(),
  /** What may not or cannot be made there. */
  left: v.array(v.string()),
})
export type ChangesTaken = v.InferOutput<typeof ChangesTaken>

import * as v from 'valibot'
import { DRIVE_KINDS } from './machine-config.ts'
import { FolderId } from './media.ts'

/** A vm.json in a message at most; one of a machine with hundreds of snapshots stays below it. */
export const MAX_SENT_RECORD = 2 ** 20

/** A folder whose place the system told, by the id that the host gave it. */
const picked = v.pipe(v.string(), v.regex(/^folder:[0-9a-f]{24}$/))
const record = v.pipe(v.string(), v.maxLength(MAX_SENT_RECORD))

/** A folder of a machine that somebody gives to the application. */
export const FolderSource = v.variant('by', [
  v.strictObject({ by: v.literal('place'), folder: picked }),
  /** A browser has what is in a folder, and does not tell where it lies: this is its vm.json. */
  v.strictObject({ by: v.literal('record'), record }),
])
export type FolderSource = v.InferOutput<typeof FolderSource>

/** What is in such a folder. */
export const FolderReport = v.object({
  name: v.string(),
  memoryMiB: v.number(),
  drives: v.array(v.object({ kind: v.picklist(DRIVE_KINDS), name: v.nullable(v.string()) })),
  /** Where it lies; null where only its contents are known. */
  place: v.nullable(v.string()),
  /** Files that it uses and that are not in it. */
  outside: v.array(v.string()),
  /** Whether it can be used where it is: not inside of the library. */
  mayStay: v.boolean(),
})
export type FolderReport = v.InferOutput<typeof FolderReport>

/** How a machine's folder comes into the library. */
export const FolderWish = v.variant('how', [
  v.strictObject({ how: v.picklist(['stay', 'copy']), folder: picked }),
  /** A copy of what was sent to the host piece by piece. */
  v.strictObject({ how: v.literal('sent'), folder: FolderId }),
  /** Where it is, as the user writes it down; what lies there has to have this very vm.json. */
  v.strictObject({
    how: v.literal('there'),
    path: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096), v.excludes('\0')),
    record,
  }),
])
export type FolderWish = v.InferOutput<typeof FolderWish>

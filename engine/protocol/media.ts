import * as v from 'valibot'
import { FILE_PIECE_BYTES } from './drive-files.ts'
import { DRIVE_KINDS } from './machine-config.ts'
import { Reason } from './reasons.ts'
import { VmId, VmName } from './vm.ts'

export const ImageId = v.pipe(v.string(), v.maxLength(300))
const name = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096), v.excludes('\0'))

/** A configuration of another program as an image, and images for files that it names and does not have beside it. */
export const ImportSource = v.strictObject({
  image: ImageId,
  given: v.pipe(v.array(v.strictObject({ name, image: ImageId })), v.maxLength(16)),
})
export type ImportSource = v.InferOutput<typeof ImportSource>

export const ImportWish = v.strictObject({ source: ImportSource, name: VmName })

/** What becomes of one thing that another program's machine has. */
const ImportItem = v.object({
  /** As the other program names it. */
  item: v.string(),
  outcome: v.picklist(['mapped', 'substituted', 'dropped']),
  /** What it is here; null when it is dropped. */
  becomes: v.nullable(Reason),
  /** Why it is not what it was; null when it is. */
  reason: v.nullable(Reason),
})
export type ImportItem = v.InferOutput<typeof ImportItem>

/** What another program's machine would become; nothing has been written. */
export const ImportReport = v.object({
  /** The program. */
  kind: v.string(),
  name: v.string(),
  memoryMiB: v.number(),
  cpuModel: v.string(),
  drives: v.array(
    v.object({
      kind: v.picklist(DRIVE_KINDS),
      /** Of its image; null when it is empty. */
      name: v.nullable(v.string()),
      /** Whether a copy of it is made. */
      isCopied: v.boolean(),
    }),
  ),
  items: v.array(ImportItem),
  /** Files that were not found, as the configuration names them: an image can be given for each. */
  missing: v.array(v.string()),
})
export type ImportReport = v.InferOutput<typeof ImportReport>

export const EXPORT_KINDS = ['ova', 'ovf', 'libvirt'] as const
/** `qemu` is a command that runs the machine on the same images; nothing is written. */
export const EXPORT_PLANS = ['qemu', ...EXPORT_KINDS] as const

export const ExportPlan = v.object({
  /** Of QEMU; null where files are written. */
  command: v.nullable(v.string()),
  /** One line for each item that the other program does not have in the same way. */
  differences: v.array(Reason),
})
export type ExportPlan = v.InferOutput<typeof ExportPlan>

export const ExportWish = v.strictObject({ id: VmId, kind: v.picklist(EXPORT_KINDS) })

export const ExportResult = v.object({
  /** On the host. */
  place: v.string(),
  /** What was written, by names from the folder of exports on; the web host serves them below `/exports/`. */
  files: v.array(v.string()),
})
export type ExportResult = v.InferOutput<typeof ExportResult>

/** A folder of the user's that is on its way to the host, by the id that the host gave it. */
export const FolderId = v.pipe(v.string(), v.regex(/^[0-9a-f]{24}$/))
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))

/** A piece of a file in a folder that is on its way; the pieces of one come in order. */
export const FolderPiece = v.strictObject({
  folder: FolderId,
  /** Names from the folder on, without slashes in them. */
  path: v.pipe(
    v.array(
      v.pipe(
        v.string(),
        v.nonEmpty(),
        v.maxLength(255),
        v.regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'not the name of a file'),
      ),
    ),
    v.minLength(1),
    v.maxLength(32),
  ),
  from: count,
  /** ms since 1970. */
  modifiedMs: v.number(),
  /** In base64. */
  data: v.pipe(v.string(), v.maxLength((FILE_PIECE_BYTES / 3) * 4)),
})

export const FOLDER_MEDIA = ['cdrom', 'floppy', 'disk'] as const

/** A medium that is to be made of a folder. */
export const FolderMedium = v.strictObject({
  folder: FolderId,
  kind: v.picklist(FOLDER_MEDIA),
  /** Of the folder. */
  name: v.pipe(v.string(), v.maxLength(255)),
  /** Of the medium; what it cannot have is left out. */
  label: v.pipe(v.string(), v.maxLength(80)),
  /** Of a disk; as large as it takes and half as much again when null. */
  sizeMiB: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(131_072))),
})
export type FolderMedium = v.InferOutput<typeof FolderMedium>

/** One side of a comparison: an image, or a drive of a machine that is off. */
export const MediumSide = v.variant('of', [
  v.strictObject({ of: v.literal('image'), image: ImageId }),
  v.strictObject({
    of: v.literal('drive'),
    id: VmId,
    drive: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15)),
  }),
])
export type MediumSide = v.InferOutput<typeof MediumSide>

export const MediaComparison = v.strictObject({
  before: MediumSide,
  after: MediumSide,
  /** Of each, by number; null where there is only one volume. */
  partition: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
})

export const FileChanges = v.object({
  changes: v.array(v.object({ path: v.string(), change: v.picklist(['added', 'removed', 'changed']) })),
  /** How many more there are than are listed. */
  more: v.number(),
})
export type FileChanges = v.InferOutput<typeof FileChanges>

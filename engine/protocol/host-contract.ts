import * as v from 'valibot'
import { DriveContents, DriveEntry, DrivePlace, DriveTree, FilePiece } from './drive-files.ts'
import { HostActivity } from './host-activity.ts'
import { CPU_MODELS, DRIVE_KINDS, MAX_MEMORY_MIB, Secrets } from './machine-config.ts'
import { FolderReport, FolderSource, FolderWish } from './machine-folder.ts'
import { ChangesTaken, ChangeTaking, FolderReview, ReviewedFile, ReviewOf } from './folder-review.ts'
import {
  EXPORT_PLANS,
  ExportPlan,
  ExportResult,
  ExportWish,
  FileChanges,
  FolderMedium,
  FolderPiece,
  ImageId,
  ImportReport,
  ImportSource,
  ImportWish,
  MediaComparison,
} from './media.ts'
import { Preset } from './preset.ts'
import type { Contract } from './rpc.ts'
import {
  CompactionResult,
  ImageCheck,
  ImageCompaction,
  ImageConversion,
  ImageReport,
  ImageResize,
  NewImage,
  PassphraseChange,
  ShelfImage,
} from './shelf.ts'
import { MemoryPage, SnapshotComparison } from './snapshot-comparison.ts'
import { SnapshotId, SnapshotList, SnapshotName, SnapshotNotes } from './snapshot.ts'
import { VmChoice } from './vm-choice.ts'
import { VmPicture } from './vm-picture.ts'
import { HostFault, VmId, VmName, VmSettings, VmSummary } from './vm.ts'

const nothing = v.undefined()
const one = v.strictObject({ id: VmId })

const snapshotOf = v.strictObject({ id: VmId, snapshot: SnapshotId })
const snapshotPair = v.strictObject({ id: VmId, before: SnapshotId, after: SnapshotId })
const described = { name: SnapshotName, notes: v.optional(SnapshotNotes, '') }

/** An image that the host knows by an id of its own: a window never names files. */
export const ImageChoice = v.object({
  id: v.string(),
  name: v.string(),
  bytes: v.number(),
  kind: v.picklist(DRIVE_KINDS),
  /** When it was last put into a drive, in ms since 1970; null when that is long ago, or never was. */
  usedMs: v.optional(v.nullable(v.number()), null),
})
export type ImageChoice = v.InferOutput<typeof ImageChoice>

export const NEW_DISK_FORMATS = ['qcow2', 'raw', 'vdi', 'vmdk', 'vhd'] as const

export const NewVm = v.strictObject({
  name: VmName,
  /** Id of the preset that the machine is made after, or null for a plain one. */
  preset: v.nullable(v.pipe(v.string(), v.maxLength(40))),
  memoryMiB: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_MEMORY_MIB)),
  cpuModel: v.optional(v.picklist(CPU_MODELS)),
  /** Ids of images, each of which goes into a drive of its kind. */
  images: v.pipe(v.array(ImageId), v.maxLength(6)),
  /** An empty hard disk to install on, in the folder of the machine. */
  disk: v.nullable(
    v.strictObject({
      sizeMiB: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(131_072)),
      format: v.picklist(NEW_DISK_FORMATS),
      /** What it is encrypted by, of qcow2; null for one in clear. */
      secret: v.optional(v.nullable(v.pipe(v.string(), v.minLength(1), v.maxLength(1024))), null),
    }),
  ),
})
export type NewVm = v.InferOutput<typeof NewVm>

/** The computer that the machines run on. */
export const HostInfo = v.object({
  version: v.string(),
  memoryMiB: v.number(),
  /** What is free now. */
  freeMiB: v.number(),
  processors: v.number(),
  platform: v.string(),
  /** Serial ports can lead to pseudo-terminals. */
  hasPty: v.boolean(),
})
export type HostInfo = v.InferOutput<typeof HostInfo>

/** A line of a machine's log. */
export const LogEntry = v.object({
  /** ms since 1970. */
  atMs: v.number(),
  level: v.picklist(['info', 'warning', 'error']),
  text: v.string(),
})
export type LogEntry = v.InferOutput<typeof LogEntry>

/** Window or page to host: the library and the life of its machines. Events state facts, they never give orders. */
export const hostContract = {
  calls: {
    list: { params: nothing, result: v.array(VmSummary) },
    images: { params: nothing, result: v.array(ImageChoice) },
    presets: { params: nothing, result: v.array(Preset) },
    host: { params: nothing, result: HostInfo },
    /** What it and the machines that run are busy with. */
    activity: { params: nothing, result: HostActivity },
    create: { params: NewVm, result: VmSummary },
    settings: { params: one, result: VmSettings },
    /**
     * Replaces the settings. Files in them are ids of images, or stay as they were. While the machine runs, what
     * its hardware is made of must stay; throws `vm-busy` else.
     */
    change: { params: v.strictObject({ id: VmId, settings: VmSettings }), result: nothing },
    /** Changes what was chosen and nothing else: choices made at the same time, in any window, all hold. */
    choose: { params: v.strictObject({ id: VmId, choice: VmChoice }), result: nothing },
    /** Its user's own picture of it; null when it has none. */
    picture: { params: one, result: v.nullable(VmPicture) },
    /** Gives it one; null takes it away. */
    setPicture: { params: v.strictObject({ id: VmId, picture: v.nullable(VmPicture) }), result: nothing },
    /** A copy with disks of its own; or a linked one, over its disks as they are now, which a snapshot keeps. */
    clone: {
      params: v.strictObject({ id: VmId, name: VmName, linked: v.optional(v.boolean(), false) }),
      result: VmSummary,
    },
    /** Takes it out of the library; `delete` removes its folder for good after a while, in which it can come back. */
    remove: { params: v.strictObject({ id: VmId, files: v.picklist(['keep', 'delete']) }), result: nothing },
    /** Its folder, and whether this computer's file manager shows it now; it does only to whoever sits at this computer. */
    showFolder: { params: one, result: v.object({ path: v.string(), isShown: v.boolean() }) },
    /** Brings back what was removed last under an id. Throws `vm-unknown` when that is too long ago. */
    putBack: { params: one, result: VmSummary },
    /**
     * Throws `vm-template` for a template; `passphrase-missing` and `passphrase-wrong` with the file that is encrypted,
     * nothing being started. `disposable`: what it writes to disks and floppies is thrown away when it ends.
     */
    start: {
      params: v.strictObject({
        id: VmId,
        disposable: v.optional(v.boolean(), false),
        secrets: v.optional(Secrets, []),
      }),
      result: nothing,
    },
    pause: { params: one, result: nothing },
    resume: { params: one, result: nothing },
    reset: { params: one, result: nothing },
    /** The button on the case: asks the guest to shut down. */
    powerButton: { params: one, result: nothing },
    /** Pulls the plug. */
    powerOff: { params: one, result: nothing },
    /** Writes the machine's state and ends its process; the next start goes on from there. */
    saveState: { params: one, result: nothing },
    discardState: { params: one, result: nothing },
    snapshots: { params: one, result: SnapshotList },
    /** Of a machine that is off, or live of one that runs; its guest stops for a moment. */
    takeSnapshot: { params: v.strictObject({ id: VmId, ...described }), result: nothing },
    /**
     * Goes back to a snapshot; what the machine is now is lost, unless `saveAs` names a snapshot for it: then both
     * happen or neither. A machine that runs is ended, and goes on from there.
     */
    restoreSnapshot: {
      params: v.strictObject({ id: VmId, snapshot: SnapshotId, saveAs: v.nullable(SnapshotName) }),
      result: nothing,
    },
    /** What others build on stays; its files are merged in the background, by the machine itself while it runs. */
    deleteSnapshot: { params: snapshotOf, result: nothing },
    editSnapshot: {
      params: v.strictObject({ id: VmId, snapshot: SnapshotId, ...described }),
      result: nothing,
    },
    /** A machine as another was at a snapshot. A linked one builds on its disks, which have to stay. */
    cloneSnapshot: {
      params: v.strictObject({ id: VmId, snapshot: SnapshotId, name: VmName, linked: v.boolean() }),
      result: VmSummary,
    },
    /** Every start goes back to this snapshot; null ends that. */
    startFrom: { params: v.strictObject({ id: VmId, snapshot: v.nullable(SnapshotId) }), result: nothing },
    /** What differs between two snapshots; their pictures are asked for apart. */
    compareSnapshots: { params: snapshotPair, result: SnapshotComparison },
    /** A page of the memory of two snapshots that have memory, by its physical number. */
    snapshotMemory: {
      params: v.strictObject({
        ...snapshotPair.entries,
        page: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 20 - 1)),
      }),
      result: MemoryPage,
    },
    /** Lets the merging of a machine's files rest where it is, until it may go on. */
    holdMerge: { params: v.strictObject({ id: VmId, isHeld: v.boolean() }), result: nothing },
    /** Ends it; it begins anew after the next change of the snapshots, or when the machine starts or ends. */
    stopMerge: { params: one, result: nothing },
    /** The screen at a snapshot as PNG in base64; null when there is none. */
    snapshotPicture: { params: snapshotOf, result: v.nullable(v.string()) },
    /** The file systems on the drives of a machine that is off. Throws `vm-busy` when it is not. */
    driveContents: { params: one, result: v.array(DriveContents) },
    /**
     * Takes the passphrase of an encrypted drive, for the calls here until `lockDrives`, the next start of the machine,
     * or some minutes without any. Throws `passphrase-wrong`.
     */
    unlockDrive: {
      params: v.strictObject({
        id: VmId,
        drive: DrivePlace.drive,
        secret: v.pipe(v.string(), v.minLength(1), v.maxLength(1024)),
      }),
      result: nothing,
    },
    lockDrives: { params: one, result: nothing },
    driveFiles: { params: v.strictObject({ id: VmId, ...DrivePlace }), result: v.array(DriveEntry) },
    /** All that a folder holds, at any depth; of one that holds too much nothing. */
    driveTree: { params: v.strictObject({ id: VmId, ...DrivePlace }), result: DriveTree },
    /** A piece of a file in base64, from a position on; shorter than a whole one at its end. */
    readDriveFile: {
      params: v.strictObject({ id: VmId, ...DrivePlace, from: FilePiece.from }),
      result: v.string(),
    },
    /** With its last piece the file goes into the folder, whole or not at all. FAT only. */
    writeDriveFile: { params: v.strictObject({ id: VmId, ...DrivePlace, ...FilePiece }), result: nothing },
    /** What a machine of another program would become; nothing is written. Throws `file-unusable`. */
    planImport: { params: ImportSource, result: ImportReport },
    importMachine: { params: ImportWish, result: VmSummary },
    /** What is in the folder of a machine; nothing is written. Throws `machine-folder-unusable`, `machine-folder-known`. */
    planFolder: { params: FolderSource, result: FolderReport },
    /** Puts such a folder into the library: a copy of it, or where it is. */
    addFolder: { params: FolderWish, result: VmSummary },
    /** What another program would not have in the same way; nothing is written. Throws `vm-busy`. */
    planExport: {
      params: v.strictObject({ id: VmId, kind: v.picklist(EXPORT_PLANS) }),
      result: ExportPlan,
    },
    /** Writes a machine that is off, with copies of its media, into the folder of exports. */
    exportMachine: { params: ExportWish, result: ExportResult },
    /** A folder on the host for files that come piece by piece; `mediumOfFolder` and `dropFolder` end it. */
    beginFolder: { params: nothing, result: v.string() },
    addToFolder: { params: FolderPiece, result: nothing },
    dropFolder: { params: v.strictObject({ folder: v.string() }), result: nothing },
    /** Makes a medium in the media folder of what came. Throws `file-unusable`. */
    mediumOfFolder: { params: FolderMedium, result: ImageChoice },
    /** The files that differ between two media with file systems that can be read. */
    compareMedia: { params: MediaComparison, result: FileChanges },
    /** What changed on a medium since it was made of a folder, or since the last review ended. Throws `file-unusable`. */
    reviewFolder: { params: ReviewOf, result: FolderReview },
    /** A piece of a file that the last review listed, in base64; shorter than a whole one at its end. */
    reviewedFile: { params: ReviewedFile, result: v.string() },
    /** Takes changes over into a folder that the user chose in the system's dialog. */
    takeChanges: { params: ChangeTaking, result: ChangesTaken },
    /** What the last review listed is known from now on and not listed again. */
    endReview: { params: ReviewOf, result: nothing },
    /** All images that are known: in the media folder, picked, and of machines, with what builds on what. */
    shelf: { params: nothing, result: v.array(ShelfImage) },
    makeImage: { params: NewImage, result: ImageChoice },
    convertImage: { params: ImageConversion, result: ImageChoice },
    /** These change an image in place, whole or not at all. Throw `vm-busy`, and `image-fixed` for one that must stay. */
    resizeImage: { params: ImageResize, result: nothing },
    compactImage: { params: ImageCompaction, result: CompactionResult },
    checkImage: { params: ImageCheck, result: ImageReport },
    changePassphrase: { params: PassphraseChange, result: nothing },
    /** Deletes a file of the media folder that nothing uses, configurations included; forgets one that was picked. */
    removeImage: { params: v.strictObject({ image: ImageId }), result: nothing },
    insert: { params: v.strictObject({ id: VmId, drive: v.string(), image: ImageId }), result: nothing },
    eject: { params: v.strictObject({ id: VmId, drive: v.string() }), result: nothing },
    log: { params: one, result: v.array(LogEntry) },
    /** A small picture of the screen as PNG in base64, of a machine that runs or is saved; null of others. */
    thumbnail: { params: one, result: v.nullable(v.string()) },
  },
  notices: {},
  events: {
    changed: VmSummary,
    removed: one,
    /**
     * How far the merging of what deleted snapshots left is: `part`, of the file that is being merged, 0 to 1; null when it
     * has ended.
     */
    merging: v.object({ id: VmId, part: v.nullable(v.number()), isHeld: v.boolean() }),
    /** A file of the host failed a machine that runs. The same one is told once a minute at most. */
    fault: v.object({ id: VmId, fault: HostFault }),
  },
} satisfies Contract
export type HostContract = typeof hostContract

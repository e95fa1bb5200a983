import * as v from 'valibot'
import { DRIVE_KINDS } from './machine-config.ts'
import { ImageId } from './media.ts'
import { Reason } from './reasons.ts'
import { VmId } from './vm.ts'

/** A passphrase for an image that is encrypted, or to be. */
const Secret = v.pipe(v.string(), v.minLength(1), v.maxLength(1024))
const secret = v.optional(v.nullable(Secret), null)
const sizeMiB = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2_097_152))
const fileName = v.pipe(v.string(), v.trim(), v.nonEmpty('the name is empty'), v.maxLength(100))

/** Formats that images are made in, with their variants, the usual one first. */
export const MADE_FORMATS = {
  qcow2: ['v3', 'v2'],
  raw: ['flat'],
  vdi: ['dynamic', 'fixed'],
  vmdk: ['sparse', 'flat', 'split-sparse', 'split-flat', 'stream'],
  vhd: ['dynamic', 'fixed'],
  luks: ['v1'],
} as const
export const MADE_FORMAT_NAMES = ['qcow2', 'raw', 'vdi', 'vmdk', 'vhd', 'luks'] as const
export type MadeFormat = (typeof MADE_FORMAT_NAMES)[number]

/** An image with all that is known of it, for the media manager. */
export const ShelfImage = v.object({
  id: ImageId,
  name: v.string(),
  kind: v.picklist(DRIVE_KINDS),
  /** Null where it cannot be opened now; `problem` says why. */
  details: v.nullable(
    v.object({
      format: v.string(),
      variant: v.string(),
      /** Of the disk that a guest sees. */
      sizeBytes: v.number(),
      /** What its files take on the host. */
      storedBytes: v.number(),
      isEncrypted: v.boolean(),
      /** Names of the snapshots inside of it. */
      snapshots: v.array(v.string()),
    }),
  ),
  problem: v.nullable(Reason),
  /** The image that shows where this one holds nothing; null of one that stands alone. */
  below: v.nullable(ImageId),
  /** Machines that have it in a drive, or whose disks build on it. */
  users: v.array(v.object({ id: VmId, name: v.string() })),
  /** Names of the snapshots that go back to it. */
  heldBy: v.array(v.string()),
  /** Why it must stay as it is: others build on it, or a snapshot holds it. */
  fixed: v.nullable(v.picklist(['below', 'snapshot'])),
  /** It lies in the media folder, or was picked: it can be taken off the shelf. */
  isLoose: v.boolean(),
  /** The folder that it was made of, or that what it builds on was; null when it was not. */
  madeOf: v.nullable(v.string()),
})
export type ShelfImage = v.InferOutput<typeof ShelfImage>

const target = {
  name: fileName,
  format: v.picklist(MADE_FORMAT_NAMES),
  variant: v.optional(v.pipe(v.string(), v.maxLength(20))),
  /** What the new image is encrypted by; null for one in clear. qcow2 and luks only. */
  newSecret: secret,
}

/** An empty disk that is to be made in the media folder. */
export const NewImage = v.strictObject({
  ...target,
  /** That of what it builds on when null. */
  sizeMiB: v.nullable(sizeMiB),
  below: v.optional(v.nullable(ImageId), null),
  /** What opens the image below. */
  secret,
})
export type NewImage = v.InferOutput<typeof NewImage>

/** A copy in the media folder of what a disk holds. */
export const ImageConversion = v.strictObject({
  ...target,
  image: ImageId,
  compress: v.optional(v.boolean(), false),
  secret,
})
export type ImageConversion = v.InferOutput<typeof ImageConversion>

export const ImageResize = v.strictObject({
  image: ImageId,
  sizeMiB,
  /** The end of the disk may be lost. */
  mayCut: v.boolean(),
  secret,
})
export type ImageResize = v.InferOutput<typeof ImageResize>

export const ImageCompaction = v.strictObject({
  image: ImageId,
  /** Space that FAT volumes on it do not use is given back as well. */
  free: v.boolean(),
  compress: v.optional(v.boolean(), false),
  secret,
})
export type ImageCompaction = v.InferOutput<typeof ImageCompaction>

/** What compacting brought, in bytes on the host. */
export const CompactionResult = v.object({ before: v.number(), after: v.number() })

export const ImageCheck = v.strictObject({ image: ImageId, repair: v.boolean() })

export const ImageReport = v.object({
  /** A line for each kind of damage. */
  damage: v.array(v.string()),
  leakedBytes: v.number(),
  repaired: v.boolean(),
})
export type ImageReport = v.InferOutput<typeof ImageReport>

export const PassphraseChange = v.strictObject({ image: ImageId, secret: Secret, newSecret: Secret })

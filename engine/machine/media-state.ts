import * as v from 'valibot'
import { EngineError } from '../base/errors.ts'
import { because, type Reason } from '../protocol/reasons.ts'
import { packBlocks, unpackBlocks } from '../snapshot/packed-blocks.ts'
import type { BlockImage } from '../storage/block-image.ts'
import { CHUNK_BYTES, EphemeralImage } from '../storage/ephemeral-image.ts'
import { differenceOf, type MediumIdentity } from '../storage/medium-identity.ts'

/** A drive and the medium in it, as it was opened. */
export interface LoadedDrive {
  id: string
  /** Null while the drive is empty. */
  medium: BlockImage | null
  /** What tells it from others; of an ephemeral one, what its writes are over. Throws `DiskError`. */
  readonly identity: () => MediumIdentity
}

const SAVED_MEDIUM = v.object({
  name: v.string(),
  bytes: v.number(),
  sample: v.string(),
  modified: v.pipe(v.array(v.string()), v.maxLength(1000)),
  /** Its writes were kept apart; they are a part of the state. */
  isEphemeral: v.boolean(),
})
/** The media of a saved state by drive; null for an empty one. */
export const SAVED_MEDIA = v.record(v.string(), v.nullable(SAVED_MEDIUM))
export type SavedMedia = v.InferOutput<typeof SAVED_MEDIA>

/** What was written to the ephemeral media, by drive. */
export type MediaWrites = ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>

const isEphemeral = (medium: BlockImage | null): medium is EphemeralImage => medium instanceof EphemeralImage

/** Says what lies in the drives, so that it is known again. Throws `DiskError`. */
export function describeMedia(drives: readonly LoadedDrive[]): SavedMedia {
  return Object.fromEntries(
    drives.map(({ id, medium, identity }) => [
      id,
      medium && {
        name: medium.name,
        ...identity(),
        isEphemeral: isEphemeral(medium),
      },
    ]),
  )
}

/** Throws `medium-changed` for the first drive whose medium is not what it was. @param insists take others too */
export function checkMedia(drives: readonly LoadedDrive[], saved: SavedMedia, insists: boolean): void {
  for (const { id, medium, identity } of drives) {
    const before = saved[id] ?? null
    const refuse = (reason: Reason): never => {
      throw new EngineError('medium-changed', {
        path: (medium ?? before)!.name,
        drive: id,
        reason,
      })
    }
    if (!medium) {
      if (before && !insists) refuse(because('drive-empty-now'))
      continue
    }
    if (!before) {
      if (!insists) refuse(because('drive-empty-then'))
      continue
    }
    if (before.isEphemeral && !isEphemeral(medium)) refuse(because('medium-ephemeral-then'))
    const difference = insists ? null : differenceOf(before, identity())
    if (difference !== null) refuse(difference)
  }
}

const ephemeralDrives = (drives: readonly LoadedDrive[], saved: SavedMedia) =>
  drives.filter(({ id }) => saved[id]?.isEphemeral)

/** The writes of each ephemeral medium, in the order of the drives. */
export function packWrites(drives: readonly LoadedDrive[], saved: SavedMedia): Uint8Array[] {
  return ephemeralDrives(drives, saved).map(({ medium }) =>
    packBlocks(isEphemeral(medium) ? medium.chunks : [], CHUNK_BYTES),
  )
}

/** The inverse. Throws `state-invalid`. */
export function unpackWrites(
  drives: readonly LoadedDrive[],
  saved: SavedMedia,
  parts: readonly Uint8Array[],
): MediaWrites {
  const owners = ephemeralDrives(drives, saved)
  if (parts.length !== owners.length)
    throw new EngineError('state-invalid', {
      device: 'media',
      reason: because('state-writes-missing'),
    })
  return new Map(
    owners.map(({ id, medium }, index) => {
      const chunks = medium ? Math.ceil((medium.sectorCount * medium.sectorBytes) / CHUNK_BYTES) : 0
      // Copies: what was unpacked together would be kept together.
      const blocks = [...unpackBlocks(parts[index]!, CHUNK_BYTES, chunks)]
      return [id, new Map(blocks.map(([number, bytes]) => [number, bytes.slice()]))]
    }),
  )
}

/** What the ephemeral media hold now, to go back to. */
export const writesOf = (drives: readonly LoadedDrive[]): MediaWrites =>
  new Map(
    drives.flatMap(({ id, medium }) => (isEphemeral(medium) ? [[id, new Map(medium.chunks)] as const] : [])),
  )

/** Throws `DiskError` when a medium may not hold so much. */
export function replaceWrites(drives: readonly LoadedDrive[], writes: MediaWrites): void {
  for (const { id, medium } of drives)
    if (isEphemeral(medium)) medium.replaceChunks(writes.get(id) ?? new Map())
}

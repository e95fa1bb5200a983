import { DiskError } from '../block-image.ts'
import type { CdTrackKind } from '../cd-image.ts'
import type { DiscFormatName } from '../formats/disk-image.ts'
import { readUpTo } from '../formats/fields.ts'
import { type HostFile, unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { isChd, openChd } from './chd/chd.ts'
import { isCueSheet, openCue } from './cue.ts'
import { DiscImage } from './disc-image.ts'
import { isMds, openMds } from './mds.ts'

const RAW_BYTES = 2352
const HEAD_BYTES = 4096

/** What kind of disc a file describes, by its contents; null when it is none of these. Throws `DiskError`. */
export function discFormatOf(file: HostFile): DiscFormatName | null {
  const start = readUpTo(file, 0, HEAD_BYTES)
  if (isMds(start)) return 'mds'
  if (isChd(start)) return 'chd'
  if (isCueSheet(start)) return 'cue'
  return isRawDisc(file.size, start) ? 'bin' : null
}

/** Whole sectors of 2352 bytes, the first of which starts with a sync field: 00, ten FF, 00. */
const isRawDisc = (bytes: number, start: Uint8Array): boolean =>
  bytes >= RAW_BYTES &&
  bytes % RAW_BYTES === 0 &&
  start.subarray(0, 12).every((byte, index) => byte === (index === 0 || index === 11 ? 0 : 0xff))

/**
 * Opens a disc with its tracks: a cue sheet, a media descriptor, a CHD, or raw sectors as they are. Null for what is none of
 * these. Throws `file-unusable`.
 * @param confirmed files outside of its folder that it may name
 */
export function openDisc(
  files: ImageFiles,
  path: string,
  confirmed: readonly string[] = [],
): DiscImage | null {
  const file = files.open(path, false)
  try {
    const format = discFormatOf(file)
    const disc =
      format === 'cue'
        ? openCue(files, file, confirmed)
        : format === 'mds'
          ? openMds(files, file, confirmed)
          : format === 'chd'
            ? openChd(files, file, confirmed)
            : format === 'bin'
              ? openBin(file)
              : null
    if (!disc) file.close()
    return disc
  } catch (error) {
    file.close()
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  }
}

/** Sectors without a sheet: one track of what the first sector says that it is. */
function openBin(file: HostFile): DiscImage {
  const kind: CdTrackKind = readUpTo(file, 15, 1)[0] === 2 ? 'mode2' : 'mode1'
  const stored = { source: file, layout: 'raw', position: 0, stride: RAW_BYTES } as const
  return new DiscImage(
    'bin',
    file.path,
    [{ number: 1, kind, start: 0 }],
    [{ sectors: file.size / RAW_BYTES, kind, stored }],
    [file],
  )
}

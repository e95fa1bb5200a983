import type { HostFile } from '../host-file.ts'
import { type DiskFormat, type FormatName, SECTOR_BYTES } from './disk-image.ts'
import { readUpTo } from './fields.ts'
import { luks } from './luks/luks.ts'
import { qcow2 } from './qcow2/qcow2.ts'
import { parallels } from './parallels/parallels.ts'
import { raw } from './raw/raw.ts'
import { vdi } from './vdi/vdi.ts'
import { vhd } from './vhd/vhd.ts'
import { vhdx } from './vhdx/vhdx.ts'
import { vmdk } from './vmdk/vmdk.ts'

/** All formats, in the order in which a file is asked whether it is one; raw is what is left. */
export const FORMATS: readonly DiskFormat[] = [qcow2, vdi, vhd, vmdk, luks, vhdx, parallels, raw]

export function formatNamed(name: FormatName): DiskFormat {
  return FORMATS.find((format) => format.name === name) ?? raw
}

/** The format of a file by its contents; raw when they are of no other. Throws `DiskError`. */
export function formatOfFile(file: HostFile): DiskFormat {
  return formatOf(
    readUpTo(file, 0, SECTOR_BYTES),
    readUpTo(file, Math.max(0, file.size - SECTOR_BYTES), SECTOR_BYTES),
  )
}

/**
 * The format of what has this first and last sector. A boot sector is what it looks like to the firmware, whatever
 * it begins with: only what stands at the end can make more of it.
 */
export function formatOf(first: Uint8Array, last: Uint8Array): DiskFormat {
  const isBootSector = first[510] === 0x55 && first[511] === 0xaa
  const start = isBootSector ? new Uint8Array(0) : first
  return FORMATS.find((format) => format.recognises(start, last)) ?? raw
}

import type { DriveConfig } from './machine-config.ts'

/**
 * What becomes of what a guest writes to a disk:
 * - `normal`: it is in the file, and snapshots go back to what was there;
 * - `immutable`: it is thrown away when the machine ends;
 * - `write-through`: it is in the file, and snapshots leave the disk alone;
 * - `multi-attach`: it is in a file of the machine's own, over the disk, which any number of machines may be over;
 * - `read-only`: the guest cannot write; any number of machines may have the disk at once.
 */
export const DISK_MODES = ['normal', 'immutable', 'write-through', 'multi-attach', 'read-only'] as const
export type DiskMode = (typeof DISK_MODES)[number]

type Written = Pick<DriveConfig, 'readonly' | 'ephemeral' | 'independent' | 'overlay'>

export function diskModeOf({ readonly, ephemeral, independent, overlay }: Written): DiskMode {
  if (readonly) return 'read-only'
  if (ephemeral) return 'immutable'
  if (independent) return 'write-through'
  return overlay === undefined ? 'normal' : 'multi-attach'
}

/** An overlay that a window has thought of: a file in the machine's own folder, made when the machine first starts. */
export const NEW_OVERLAY = /^overlay-[0-9a-f]{12}\.qcow2$/

/** The drive in another mode. @param newOverlay name of a file that is not there yet, as `NEW_OVERLAY` has it */
export function inDiskMode(drive: DriveConfig, mode: DiskMode, newOverlay: () => string): DriveConfig {
  if (mode === diskModeOf(drive)) return drive
  const { overlay: _, independent: __, ...rest } = drive
  const plain = { ...rest, readonly: mode === 'read-only', ephemeral: mode === 'immutable' }
  if (mode === 'write-through') return { ...plain, independent: true }
  return mode === 'multi-attach' ? { ...plain, overlay: newOverlay() } : plain
}

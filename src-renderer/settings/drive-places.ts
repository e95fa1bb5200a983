import type { DriveConfig } from '../../engine/protocol/machine-config.ts'

const FLOPPY = ['A', 'B']
const DISK = ['IDE 0 master', 'IDE 0 slave', 'IDE 1 master', 'IDE 1 slave']
const CDROM = ['IDE 1 master', 'IDE 1 slave', 'IDE 0 slave', 'IDE 0 master']

const VIRTIO = ['virtio 0', 'virtio 1', 'virtio 2', 'virtio 3']

/**
 * Where the machine will attach each drive: disks from the first channel on or to cards of their own, CD-ROMs from the
 * second channel on; '' where nothing is free.
 */
export function drivePlaces(drives: readonly Pick<DriveConfig, 'kind' | 'bus'>[]): string[] {
  const places = drives.map(() => '')
  const taken = new Set<string>()
  for (const [kind, order] of [
    ['floppy', FLOPPY],
    ['disk', DISK],
    ['cdrom', CDROM],
  ] as const)
    for (const [index, drive] of drives.entries()) {
      if (drive.kind !== kind) continue
      const free = drive.bus === 'virtio' ? VIRTIO : order
      const place = free.find((candidate) => !taken.has(candidate)) ?? ''
      taken.add(place)
      places[index] = place
    }
  return places
}

import type { DriveConfig } from '../../engine/protocol/machine-config.ts'

const FLOPPY = ['A', 'B']
const DISK = ['IDE 0 master', 'IDE 0 slave', 'IDE 1 master', 'IDE 1 slave']
const CDROM = ['IDE 1 master', 'IDE 1 slave', 'IDE 0 slave', 'IDE 0 master']

/** Where the machine will attach each drive: disks from the first channel on, CD-ROMs from the second; '' where nothing is free. */
export function drivePlaces(drives: readonly Pick<DriveConfig, 'kind'>[]): string[] {
  const places = drives.map(() => '')
  const taken = new Set<string>()
  for (const [kind, order] of [
    ['floppy', FLOPPY],
    ['disk', DISK],
    ['cdrom', CDROM],
  ] as const)
    for (const [index, drive] of drives.entries()) {
      if (drive.kind !== kind) continue
      const place = order.find((candidate) => !taken.has(candidate)) ?? ''
      taken.add(place)
      places[index] = place
    }
  return places
}

import { EngineError } from '../base/errors.ts'
import type { FloppyDriveType } from '../devices/fdc/floppy-drive.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import { because } from '../protocol/reasons.ts'

export type DriveConfig = MachineConfig['drives'][number]

/** Where a configured drive is attached. */
export interface DriveSlot {
  /** floppy0, floppy1, ide0-master … ide1-slave, virtio0 … virtio3. */
  id: string
  config: DriveConfig
}

const VIRTIO_SLOTS = ['virtio0', 'virtio1', 'virtio2', 'virtio3']
const IDE_SLOTS = ['ide0-master', 'ide0-slave', 'ide1-master', 'ide1-slave']
/** The first CD-ROM goes where most systems of the time look for one. */
const CD_FIRST = ['ide1-master', 'ide1-slave', 'ide0-slave', 'ide0-master']

/**
 * Attaches drives in their order: floppies to A and B, disks from the primary master on or to cards of their own,
 * CD-ROMs from the secondary master on.
 */
export function assignDrives(drives: readonly DriveConfig[]): DriveSlot[] {
  const slots: DriveSlot[] = []
  const taken = new Set<string>()
  const take = (ids: readonly string[], config: DriveConfig): void => {
    const id = ids.find((candidate) => !taken.has(candidate))
    if (!id)
      throw new EngineError('option-invalid', {
        option: config.kind,
        reason: because('no-free-place'),
      })
    taken.add(id)
    slots.push({ id, config })
  }
  for (const config of drives) if (config.kind === 'floppy') take(['floppy0', 'floppy1'], config)
  for (const config of drives)
    if (config.kind === 'disk') take(config.bus === 'virtio' ? VIRTIO_SLOTS : IDE_SLOTS, config)
  for (const config of drives) if (config.kind === 'cdrom') take(CD_FIRST, config)
  return slots
}

/** The drive type that knobs name by its capacity in KB. */
export function floppyTypeOf(kilobytes: number): FloppyDriveType {
  const types: Record<number, FloppyDriveType> = {
    360: '360K',
    720: '720K',
    1200: '1.2M',
    1440: '1.44M',
    2880: '2.88M',
  }
  return types[kilobytes] ?? '1.44M'
}

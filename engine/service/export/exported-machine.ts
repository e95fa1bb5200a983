import type { MachineConfig } from '../../protocol/machine-config.ts'

/** A drive of a machine that is exported, with the file that its medium becomes. */
export interface ExportedDrive {
  /** Where it is attached: floppy0, ide0-master, virtio0 and so on. */
  readonly id: string
  readonly kind: 'floppy' | 'disk' | 'cdrom'
  /** Name of the file; null when the drive is empty. */
  readonly file: string | null
  /** Of the medium as the guest sees it. */
  readonly sizeBytes: number
  readonly readonly: boolean
}

/** A machine as it is written down for another program. */
export interface ExportedMachine {
  readonly name: string
  readonly notes: string
  readonly config: MachineConfig
  readonly drives: readonly ExportedDrive[]
}

/** IDE channel and place on it, 0 for the master; null for what is not on IDE. */
export function idePlace({ id }: ExportedDrive): { channel: number; place: number } | null {
  const [, channel, place] = /^ide([01])-(master|slave)$/.exec(id) ?? []
  return channel === undefined ? null : { channel: Number(channel), place: place === 'master' ? 0 : 1 }
}

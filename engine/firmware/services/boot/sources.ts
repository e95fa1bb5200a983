import type { FirmwareConfig } from '../../config.ts'
import type { FirmwareDisk } from '../../disk.ts'
import { type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { BDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { enterBootCode } from './boot-code.ts'
import { startCd } from './el-torito.ts'

/** Something to boot from. */
export interface BootSource {
  kind: 'floppy' | 'disk' | 'cdrom'
  /** Index among the drives of its kind. */
  index: number
  label: string
  disk: FirmwareDisk
}

const SECTOR = 512
const BOOT_ADDRESS = 0x7c00
const KIND_LABEL = { floppy: 'Floppy', disk: 'Disk', cdrom: 'CD-ROM' } as const

/** All drives in boot order; within a kind by number. Only the first floppy drive boots, as ever. */
export function bootSources(config: FirmwareConfig): BootSource[] {
  const drives = { floppy: config.floppies.slice(0, 1), disk: config.disks, cdrom: config.cdroms }
  return config.bootOrder.flatMap((kind) =>
    drives[kind].map((disk, index) => ({
      kind,
      index,
      disk,
      label: `${KIND_LABEL[kind]} ${index + 1} (${disk.name})`,
    })),
  )
}

/** Loads a source's boot code and sets the registers to start it. @returns null, or why it cannot be booted */
export function* startSource(r: Registers, context: Context, source: BootSource): Service<string | null> {
  context.state.emulation = null
  source.disk.takeChanged()
  if (source.disk.sectorCount === 0) return 'no medium'
  if (source.kind === 'cdrom') return yield* startCd(r, context, source.disk, source.index)
  const sector = new Uint8Array(SECTOR)
  try {
    // Sector 1 is not always the first of the image.
    source.disk.read(source.disk.placeOf?.(0, 0, 1, 2) ?? 0, 1, sector)
  } catch {
    return 'cannot be read'
  }
  const signed = sector[510] === 0x55 && sector[511] === 0xaa
  // Diskettes of the first systems carry no signature; only a blank one is no boot sector.
  const bootable = source.kind === 'disk' ? signed : signed || sector.some((byte) => byte !== sector[0])
  if (!bootable) return 'no boot sector'
  yield* write(0, BOOT_ADDRESS, sector)
  yield* write(BDA_SEGMENT, 0x72, Uint8Array.of(0, 0))
  enterBootCode(r, 0, BOOT_ADDRESS, source.kind === 'disk' ? 0x80 + source.index : source.index)
  return null
}

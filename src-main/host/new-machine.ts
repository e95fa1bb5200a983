import { join } from 'node:path'
import * as v from 'valibot'
import type { NewVm } from '../../engine/protocol/host-contract.ts'
import type { DRIVE_KINDS } from '../../engine/protocol/machine-config.ts'
import type { Preset } from '../../engine/protocol/preset.ts'
import { because, technical } from '../../engine/protocol/reasons.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { Keyring, Media } from '../../engine/service/media/media.ts'
import { inTurns } from './in-turns.ts'

type DriveKind = (typeof DRIVE_KINDS)[number]
const EXTENSIONS = { raw: 'img', qcow2: 'qcow2', vdi: 'vdi', vmdk: 'vmdk', vhd: 'vhd' } as const

/** What a new machine is made of: its record, and its disk when it gets one. */
export interface NewMachine {
  record: VmRecord
  /** Makes what the record names in the machine's folder. */
  prepare(folder: string): Promise<void>
}

/**
 * @param preset what the machine is made after, null for a plain one
 * @param images the chosen images, each with its place on the host
 */
export function newMachine(
  wish: NewVm,
  preset: Preset | null,
  images: readonly { kind: DriveKind; path: string }[],
): NewMachine {
  const { name, memoryMiB, disk } = wish
  const diskFile = disk && `disk.${EXTENSIONS[disk.format]}`
  const of = (kind: DriveKind) => images.filter((image) => image.kind === kind).map(({ path }) => path)
  const disks = [...(diskFile ? [diskFile] : []), ...of('disk')]
  // Floppy and CD drives are always there, so that a medium can be put in later.
  const drives = [
    ...orEmpty(of('floppy')).map((path) => ({ kind: 'floppy', path })),
    ...disks.map((path) => ({
      kind: 'disk',
      path,
      ...(path === diskFile && disk && { format: disk.format }),
    })),
    ...orEmpty(of('cdrom')).map((path) => ({ kind: 'cdrom', path })),
  ]
  const machine = {
    version: 1,
    memoryMiB,
    cpuModel: wish.cpuModel ?? preset?.cpuModel ?? 'max',
    drives,
    boot: bootOrder(preset?.boot ?? [], images[0]?.kind, disks.length > 0),
    knobs: preset?.knobs ?? {},
  }
  const fields = { version: 1, name, icon: preset?.icon ?? 'pc', machine }
  const parsed = v.safeParse(VmRecord, fields)
  if (!parsed.success)
    throw new RpcError('bad-request', { name: 'create', reason: technical(parsed.issues[0].message) })
  return {
    record: parsed.output,
    prepare: async (folder) => {
      if (disk && diskFile) await makeDisk(join(folder, diskFile), disk)
    },
  }
}

const orEmpty = (paths: string[]): (string | null)[] => (paths.length ? paths : [null])

/** A plain machine starts from the image that it was made from; a preset knows its system's own order. */
function bootOrder(
  preset: readonly DriveKind[],
  first: DriveKind | undefined,
  hasDisk: boolean,
): DriveKind[] {
  if (preset.length) return [...preset]
  const others: DriveKind[] = ['floppy', ...(hasDisk ? ['disk' as const] : []), 'cdrom']
  return first ? [first, ...others.filter((kind) => kind !== first)] : others
}

async function makeDisk(
  path: string,
  { sizeMiB, format, secret }: NonNullable<NewVm['disk']>,
): Promise<void> {
  if (secret !== null && format !== 'qcow2')
    throw new RpcError('bad-request', {
      name: 'create',
      reason: because('disk-cannot-be-encrypted', { format }),
    })
  const media = new Media()
  const keyring = secret === null ? undefined : new Keyring(secret)
  await inTurns(media.create(path, sizeMiB * 2 ** 20, { format, keyring }))
}

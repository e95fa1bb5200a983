import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { assignDrives } from '../../machine/drives.ts'
import type { MachineConfig } from '../../protocol/machine-config.ts'
import type { EXPORT_KINDS } from '../../protocol/media.ts'
import { because, type Reason } from '../../protocol/reasons.ts'
import { unusable } from '../../storage/host-file.ts'
import type { Progress } from '../media/copy-disk.ts'
import { driveSource } from '../media/drive-source.ts'
import { Media, type TargetOptions } from '../media/media.ts'
import type { ExportedDrive, ExportedMachine } from './exported-machine.ts'
import { processorDifference } from './qemu-command.ts'
import { libvirtDomain } from './libvirt.ts'
import { ovfDescription } from './ovf.ts'
import { writeTar } from './tar-writer.ts'

export type ExportKind = (typeof EXPORT_KINDS)[number]

export interface ExportWish {
  kind: ExportKind
  name: string
  notes: string
  /** With absolute paths. */
  config: MachineConfig
  /** Where the images will lie on a host with libvirt; where they are written when absent. */
  imageFolder?: string | undefined
  nowMs: number
}

/** What was written. */
export interface Exported {
  /** Names of the files in the folder; of an OVA its own. */
  files: string[]
  /** One line for each item that the other program does not have in the same way. */
  differences: Reason[]
}

const IMAGES: Record<ExportKind, { ending: string; target: TargetOptions }> = {
  ova: { ending: 'vmdk', target: { format: 'vmdk', variant: 'stream' } },
  ovf: { ending: 'vmdk', target: { format: 'vmdk', variant: 'stream' } },
  libvirt: { ending: 'qcow2', target: { format: 'qcow2' } },
}
const ENDINGS = { floppy: 'img', cdrom: 'iso' } as const

/**
 * Writes a machine for another program, with copies of its media: an OVA as one file, an OVF package or a domain of
 * libvirt as a folder. It comes into being as a whole: what goes wrong or is stopped leaves nothing. Throws
 * `file-unusable`.
 *
 * @param place of the new file or folder
 */
export function* exportMachine(place: string, wish: ExportWish): Generator<Progress, Exported> {
  const target = resolve(place)
  if (fs.existsSync(target)) throw unusable(place, because('file-there'))
  if (!fs.existsSync(dirname(target)))
    throw unusable(place, because('folder-not-there', { folder: dirname(target) }))
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.part`)
  fs.mkdirSync(temporary)
  try {
    const machine = yield* writeMedia(temporary, wish)
    const files = describe(temporary, target, machine, wish)
    if (wish.kind === 'ova') {
      const archive = join(temporary, 'archive')
      const fd = fs.openSync(archive, 'wx', 0o644)
      try {
        const members = files.map((name) => ({ name, path: join(temporary, name) }))
        yield* writeTar(fd, members, wish.nowMs)
        fs.fsyncSync(fd)
      } finally {
        fs.closeSync(fd)
      }
      fs.renameSync(archive, target)
    } else fs.renameSync(temporary, target)
    return { files: wish.kind === 'ova' ? [basename(target)] : files, differences: differencesOf(wish) }
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true })
  }
}

/** What another program does not have in the same way, one line for each item. */
export function differencesOf({ kind, config }: Pick<ExportWish, 'kind' | 'config'>): Reason[] {
  const { drives, knobs, cpuModel, kernel, firmware, vgaBios } = config
  const isOvf = kind !== 'libvirt'
  const found = [
    isOvf ? because('export-processor') : null,
    isOvf ? null : processorDifference(config),
    !isOvf && cpuModel === 'max' ? because('export-newest-processor') : null,
    isOvf ? null : because('export-kvm'),
    isOvf && drives.some(({ bus }) => bus === 'virtio') ? because('export-virtio') : null,
    isOvf && config.boot.length > 0 ? because('export-boot', { order: config.boot.join(', ') }) : null,
    isOvf && config.serialPorts > 0 ? because('export-serial') : null,
    drives.some(({ geometry }) => geometry) ? because('export-geometry') : null,
    drives.some(({ ephemeral }) => ephemeral) ? because('export-immutable') : null,
    kernel ? because('export-kernel') : null,
    firmware || vgaBios ? because('export-firmware') : null,
    knobs.instructionsPerSecond ? because('export-speed') : null,
    isOvf && knobs.localTime ? because('export-local-time') : null,
  ]
  return found.filter((line) => line !== null)
}

/** Copies the media into the folder, as the other program takes them. */
function* writeMedia(folder: string, wish: ExportWish): Generator<Progress, ExportedMachine> {
  const media = new Media()
  const drives: ExportedDrive[] = []
  const slots = assignDrives(wish.config.drives)
  for (const [index, { id, config: drive }] of slots.entries()) {
    const { kind, readonly } = drive
    const number = drives.filter((other) => other.kind === kind).length + 1
    if (drive.path === null) {
      drives.push({ id, kind, file: null, sizeBytes: 0, readonly })
      continue
    }
    const { ending, target } =
      kind === 'disk' ? IMAGES[wish.kind] : { ending: ENDINGS[kind], target: { format: 'raw' as const } }
    const file = `${stemOf(wish.name)}-${kind}-${number}.${ending}`
    const source = driveSource(drive)
    for (const { done, total } of media.convert(source.path, join(folder, file), target, source.options))
      yield { done: index * total + done, total: slots.length * total }
    const { sizeBytes } = media.info(join(folder, file), { format: target.format })
    drives.push({ id, kind, file, sizeBytes, readonly })
  }
  return { name: wish.name, notes: wish.notes, config: wish.config, drives }
}

/** Writes what says what the media belong to. @returns the names of all files, in the order of the archive */
function describe(folder: string, target: string, machine: ExportedMachine, wish: ExportWish): string[] {
  const media = machine.drives.flatMap(({ file }) => file ?? [])
  const stem = stemOf(wish.name)
  if (wish.kind === 'libvirt') {
    fs.writeFileSync(join(folder, `${stem}.xml`), libvirtDomain(machine, wish.imageFolder ?? target))
    return [`${stem}.xml`, ...media]
  }
  const bytes = new Map(media.map((name) => [name, fs.statSync(join(folder, name)).size]))
  fs.writeFileSync(join(folder, `${stem}.ovf`), ovfDescription(machine, bytes))
  const sums = [`${stem}.ovf`, ...media].map((name) => `SHA256(${name})= ${sha256(join(folder, name))}\n`)
  fs.writeFileSync(join(folder, `${stem}.mf`), sums.join(''))
  return [`${stem}.ovf`, `${stem}.mf`, ...media]
}

function sha256(path: string): string {
  const hash = createHash('sha256')
  const fd = fs.openSync(path, 'r')
  try {
    const piece = new Uint8Array(1024 * 1024)
    for (let count = fs.readSync(fd, piece); count > 0; count = fs.readSync(fd, piece))
      hash.update(piece.subarray(0, count))
  } finally {
    fs.closeSync(fd)
  }
  return hash.digest('hex')
}

/** What files are called after a machine: short enough for an archive, and plain. */
export const stemOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replaceAll(/[^\w.-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60) || 'machine'

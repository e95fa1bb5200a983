import { EngineError } from '../../base/errors.ts'
import type { MachineConfigInput } from '../../protocol/machine-config.ts'
import { DiskError } from '../../storage/block-image.ts'
import { childPath } from '../../storage/formats/child-path.ts'
import { readUpTo } from '../../storage/formats/fields.ts'
import { unusable } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { openMedium } from '../media/open-medium.ts'
import { read86Box } from './box86.ts'
import { ImportDraft, type ImportItem } from './draft.ts'
import { readLibvirt } from './libvirt.ts'
import { readOvf } from './ovf.ts'
import { OvaFiles } from './ova.ts'
import { readQemuCommand } from './qemu-command.ts'
import { readVbox } from './vbox.ts'
import { readVmx } from './vmx.ts'
import { readXml, type XmlElement } from './xml.ts'

export type ForeignKind = 'VirtualBox' | 'libvirt' | 'OVF' | 'VMware' | '86Box' | 'QEMU'

/** What another program's machine would be here. Nothing has been written. */
export interface ImportPlan {
  kind: ForeignKind
  name: string
  notes: string
  machine: MachineConfigInput
  items: ImportItem[]
  /** Disks that can only be read as they are: a copy of each is made, by its position among the drives. */
  converted: number[]
}

const MAX_BYTES = 1024 * 1024
const BY_ROOT: Record<string, [ForeignKind, (root: XmlElement, draft: ImportDraft) => string | null]> = {
  VirtualBox: ['VirtualBox', readVbox],
  domain: ['libvirt', readLibvirt],
  Envelope: ['OVF', readOvf],
}

/**
 * Reads a configuration of another program, told by its contents: .vbox, .vmx, OVF or OVA, libvirt XML, 86box.cfg, or a
 * command line of QEMU. Throws `file-unusable`.
 *
 * @param allowed files outside of its folder that it may name
 */
export function planImport(path: string, allowed: readonly string[] = []): ImportPlan {
  const draft = new ImportDraft()
  const files = importFiles(path)
  const description = files instanceof OvaFiles ? files.descriptionPath : path
  const kind = readInto(draft, path, textOf(files, description))
  const converted = placeFiles(draft, files, description, allowed)
  const { name, notes, memoryMiB, cpuModel, drives, boot, serialPorts, items } = draft
  const fields = { memoryMiB, cpuModel, serialPorts, drives, boot }
  return {
    kind,
    name: name.slice(0, 80) || kind,
    notes,
    machine: { version: 1, ...fields },
    items,
    converted,
  }
}

/** The files that a configuration names, in the archive when it is an OVA. Throws `file-unusable`. */
export const importFiles = (path: string): ImageFiles => OvaFiles.open(path) ?? new HostImageFiles()

function textOf(files: ImageFiles, path: string): string {
  const file = files.open(path, false)
  try {
    if (file.size > MAX_BYTES) throw unusable(path, `its ${file.size} bytes are too many for a configuration`)
    return Buffer.from(readUpTo(file, 0, file.size)).toString('utf8')
  } catch (error) {
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  } finally {
    file.close()
  }
}

function readInto(draft: ImportDraft, path: string, text: string): ForeignKind {
  const done = (kind: ForeignKind, problem: string | null): ForeignKind => {
    if (problem !== null) throw unusable(path, `as a configuration of ${kind}: ${problem}`)
    return kind
  }
  if (/^\uFEFF?\s*</.test(text)) {
    const root = readXml(text)
    if ('problem' in root) throw unusable(path, `it is damaged XML: ${root.problem}`)
    const known = Object.hasOwn(BY_ROOT, root.name) ? BY_ROOT[root.name] : undefined
    if (!known) throw unusable(path, `XML with <${root.name}> is of no program that is known here`)
    return done(known[0], known[1](root, draft))
  }
  if (/^[ \t]*\[Machine\][ \t\r]*$/m.test(text)) return done('86Box', read86Box(text, draft))
  if (/^[ \t]*(config\.version|virtualhw\.version)[ \t]*=/im.test(text))
    return done('VMware', readVmx(text, draft))
  if (/qemu-system-|\bqemu\b|\bkvm\b/.test(text)) return done('QEMU', readQemuCommand(text, draft))
  throw unusable(
    path,
    'it is no configuration that is known here (.vbox, .vmx, OVF, libvirt XML, 86box.cfg, QEMU command)',
  )
}

/** Gives each drive the place of its file, and takes out what cannot be used, saying why. */
function placeFiles(
  draft: ImportDraft,
  files: ImageFiles,
  path: string,
  allowed: readonly string[],
): number[] {
  const isArchive = files instanceof OvaFiles
  const converted: number[] = []
  const kept: typeof draft.drives = []
  for (const drive of draft.drives) {
    if (drive.path === null) {
      kept.push(drive)
      continue
    }
    try {
      const place = childPath(files, path, drive.path, 'image', allowed)
      if (isArchive && drive.kind !== 'disk')
        throw unusable(place, 'it lies in the archive; take it out with tar')
      if (drive.kind === 'disk' && (onlyReads(files, place) || isArchive)) {
        converted.push(kept.length)
        const why = isArchive ? 'it lies in the archive' : 'its format can only be read'
        draft.substituted(drive.path, 'a copy in qcow2', why)
      }
      kept.push({ ...drive, path: place })
    } catch (error) {
      if (!(error instanceof EngineError && 'reason' in error.details)) throw error
      draft.dropped(drive.path, error.details.reason)
      // The drive itself stays where it has a meaning without a medium.
      if (drive.kind !== 'disk') kept.push({ ...drive, path: null })
    }
  }
  draft.drives.splice(0, draft.drives.length, ...kept)
  return converted
}

/** Throws `file-unusable` for an image that cannot be opened at all. */
function onlyReads(files: ImageFiles, path: string): boolean {
  const image = openMedium(files, path, {}, false)
  try {
    const { format, variant } = image.details
    return format === 'vhdx' || format === 'parallels' || variant === 'stream'
  } finally {
    image.close()
  }
}

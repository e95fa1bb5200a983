import * as fs from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../base/errors.ts'
import type { MachineConfigInput } from '../../protocol/machine-config.ts'
import type { ImportItem } from '../../protocol/media.ts'
import { because, technical } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import { childPath } from '../../storage/formats/child-path.ts'
import { readUpTo } from '../../storage/formats/fields.ts'
import { unusable } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { openMedium } from '../media/open-medium.ts'
import { read86Box } from './box86.ts'
import { ImportDraft } from './draft.ts'
import { readLibvirt } from './libvirt.ts'
import { readOvf } from './ovf.ts'
import { OvaFiles } from './ova.ts'
import { readQemuCommand } from './qemu-command.ts'
import { readUtm } from './utm.ts'
import { readVbox } from './vbox.ts'
import { readVmx } from './vmx.ts'
import { readXml, type XmlElement } from './xml.ts'

export type ForeignKind = 'VirtualBox' | 'libvirt' | 'OVF' | 'VMware' | '86Box' | 'QEMU' | 'UTM'

/** What another program's machine would be here. Nothing has been written. */
export interface ImportPlan {
  kind: ForeignKind
  name: string
  notes: string
  machine: MachineConfigInput
  items: ImportItem[]
  /** Disks that can only be read as they are: a copy of each is made, by its position among the drives. */
  converted: number[]
  /** Files as the configuration names them that were not found, or that it may not name: the user can give them. */
  missing: string[]
}

/** Files that the configuration may have although they do not lie in its folder. */
export interface ImportFiles {
  /** Paths that it may name. */
  allowed?: readonly string[] | undefined
  /** What the user gave for files, by the name that the configuration has for them. */
  given?: ReadonlyMap<string, string> | undefined
}

const MAX_BYTES = 1024 * 1024
const BY_ROOT: Record<string, [ForeignKind, (root: XmlElement, draft: ImportDraft) => string | null]> = {
  VirtualBox: ['VirtualBox', readVbox],
  domain: ['libvirt', readLibvirt],
  Envelope: ['OVF', readOvf],
  plist: ['UTM', readUtm],
}

/**
 * Reads a configuration of another program, told by its contents: .vbox, .vmx, OVF or OVA, libvirt XML, 86box.cfg, a
 * bundle of UTM, or a command line of QEMU. Throws `file-unusable`.
 */
export function planImport(path: string, found: ImportFiles = {}): ImportPlan {
  const draft = new ImportDraft()
  const files = importFiles(path)
  const description = files instanceof OvaFiles ? files.descriptionPath : configurationIn(path)
  const kind = readInto(draft, path, textOf(files, description))
  const { converted, missing } = placeFiles(draft, files, description, found)
  const { name, notes, memoryMiB, cpuModel, drives, boot, serialPorts, items } = draft
  const fields = { memoryMiB, cpuModel, serialPorts, drives, boot }
  return {
    kind,
    name: name.slice(0, 80) || kind,
    notes,
    machine: { version: 1, ...fields },
    items,
    converted,
    missing,
  }
}

/** Whether a file is a configuration of another program by its contents, and not a medium. */
export function isConfiguration(path: string): boolean {
  try {
    if (!isFolder(path) && OvaFiles.open(path)) return true
    const files = new HostImageFiles()
    const file = files.open(configurationIn(path), false)
    try {
      if (file.size > MAX_BYTES || readUpTo(file, 0, 512).includes(0)) return false
    } finally {
      file.close()
    }
    return kindOf(textOf(files, configurationIn(path))) !== null
  } catch (error) {
    if (error instanceof EngineError || error instanceof DiskError) return false
    throw error
  }
}

/** The files that a configuration names, in the archive when it is an OVA. Throws `file-unusable`. */
export const importFiles = (path: string): ImageFiles =>
  isFolder(path) ? new HostImageFiles() : (OvaFiles.open(path) ?? new HostImageFiles())

/** A bundle of UTM is a folder with its configuration in it. */
const configurationIn = (path: string): string => (isFolder(path) ? join(path, 'config.plist') : path)

const isFolder = (path: string): boolean =>
  fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

function textOf(files: ImageFiles, path: string): string {
  const file = files.open(path, false)
  try {
    if (file.size > MAX_BYTES) throw unusable(path, because('import-too-large', { bytes: file.size }))
    return Buffer.from(readUpTo(file, 0, file.size)).toString('utf8')
  } catch (error) {
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  } finally {
    file.close()
  }
}

function readInto(draft: ImportDraft, path: string, text: string): ForeignKind {
  const done = (kind: ForeignKind, problem: string | null): ForeignKind => {
    if (problem !== null)
      throw unusable(path, because('import-configuration', { program: kind, detail: technical(problem) }))
    return kind
  }
  if (kindOf(text) === 'XML') {
    const root = readXml(text)
    if ('problem' in root)
      throw unusable(path, because('import-xml-damaged', { detail: technical(root.problem) }))
    const known = Object.hasOwn(BY_ROOT, root.name) ? BY_ROOT[root.name] : undefined
    if (!known) throw unusable(path, because('import-xml-unknown', { element: root.name }))
    return done(known[0], known[1](root, draft))
  }
  const kind = kindOf(text)
  if (kind === '86Box') return done(kind, read86Box(text, draft))
  if (kind === 'VMware') return done(kind, readVmx(text, draft))
  if (kind === 'QEMU') return done(kind, readQemuCommand(text, draft))
  throw unusable(path, because('import-unknown'))
}

/** What a text looks like; XML is told by its outermost element later. */
function kindOf(text: string): 'XML' | '86Box' | 'VMware' | 'QEMU' | null {
  if (/^\uFEFF?\s*</.test(text)) return 'XML'
  if (/^[ \t]*\[Machine\][ \t\r]*$/m.test(text)) return '86Box'
  if (/^[ \t]*(config\.version|virtualhw\.version)[ \t]*=/im.test(text)) return 'VMware'
  return /qemu-system-|\bqemu\b|\bkvm\b/.test(text) ? 'QEMU' : null
}

/** Gives each drive the place of its file, and takes out what cannot be used, saying why. */
function placeFiles(
  draft: ImportDraft,
  files: ImageFiles,
  path: string,
  { allowed = [], given = new Map() }: ImportFiles,
): Pick<ImportPlan, 'converted' | 'missing'> {
  const isArchive = files instanceof OvaFiles
  const converted: number[] = []
  const missing = new Set<string>()
  const kept: typeof draft.drives = []
  for (const drive of draft.drives) {
    if (drive.path === null) {
      kept.push(drive)
      continue
    }
    const own = given.get(drive.path)
    const isInArchive = isArchive && own === undefined
    try {
      const place = own ?? childPath(files, path, drive.path, 'image', allowed)
      if (isInArchive && drive.kind !== 'disk') throw unusable(place, because('import-file-in-archive'))
      if (drive.kind === 'disk' && (onlyReads(files, place) || isInArchive)) {
        converted.push(kept.length)
        const why = isInArchive ? 'import-in-archive' : 'import-read-only-format'
        draft.substituted(drive.path, 'import-copy-in-qcow2', why)
      }
      kept.push({ ...drive, path: place })
    } catch (error) {
      if (!(error instanceof EngineError && 'reason' in error.details)) throw error
      draft.dropped(drive.path, error.details.reason)
      missing.add(drive.path)
      // The drive itself stays where it has a meaning without a medium.
      if (drive.kind !== 'disk') kept.push({ ...drive, path: null })
    }
  }
  draft.drives.splice(0, draft.drives.length, ...kept)
  return { converted, missing: [...missing] }
}

/** Throws `file-unusable` for an image that cannot be opened at all. */
function onlyReads(files: ImageFiles, path: string): boolean {
  const image = openMedium(files, path, {}, { writable: false, isLocked: true })
  try {
    const { format, variant } = image.details
    return format === 'vhdx' || format === 'parallels' || variant === 'stream'
  } finally {
    image.close()
  }
}

import { isAbsolute, join } from 'node:path'
import { EngineError } from '../../base/errors.ts'
import { type DriveConfig, type MachineConfig, withFiles } from '../../protocol/machine-config.ts'
import type { FileChanges } from '../../protocol/media.ts'
import { because } from '../../protocol/reasons.ts'
import type { SnapshotComparison } from '../../protocol/snapshot-comparison.ts'
import { compareFiles } from '../media/compare-files.ts'
import type { Progress } from '../media/copy-disk.ts'
import { driveSource } from '../media/drive-source.ts'
import { ImageBrowser } from '../media/image-browser.ts'
import { compareMemory } from './compare-memory.ts'
import { keptFile, stateName } from './tree.ts'

const PAGES_IN_MIB = 256
/** Changes of one disk that are listed. */
const MAX_LISTED = 2000

/** One side: a snapshot with the machine as it was. */
export interface ComparedSnapshot {
  id: string
  machine: MachineConfig
  hasState: boolean
}

/**
 * What differs between two snapshots of a machine: settings, files on its disks, pages of memory. Throws
 * `file-unusable`, `state-invalid`.
 * @param folder of the machine
 */
export function* compareSnapshots(
  folder: string,
  before: ComparedSnapshot,
  after: ComparedSnapshot,
): Generator<Progress, SnapshotComparison> {
  const [left, right] = [before, after].map(({ machine }) => withPlaces(folder, machine))
  const disks: SnapshotComparison['disks'] = []
  for (const [drive, one] of left!.drives.entries()) {
    const other = right!.drives[drive]
    if (keptFile(one) === null || !other || keptFile(other) === null) continue
    disks.push(...(yield* compareDisk(drive, one, other)))
  }
  const memory =
    before.hasState && after.hasState
      ? yield* compareMemory(
          join(folder, stateName(before.id)),
          join(folder, stateName(after.id)),
          Math.max(before.machine.memoryMiB, after.machine.memoryMiB) * PAGES_IN_MIB,
        )
      : null
  return { settings: settingsOf(before.machine, after.machine), disks, memory }
}

const withPlaces = (folder: string, machine: MachineConfig): MachineConfig =>
  withFiles(machine, (path) => (isAbsolute(path) ? path : join(folder, path)))

/** The files on each volume of a disk. */
function* compareDisk(
  drive: number,
  before: DriveConfig,
  after: DriveConfig,
): Generator<Progress, SnapshotComparison['disks']> {
  const [left, right] = [driveSource(before), driveSource(after)]
  const nothing: FileChanges = { changes: [], more: 0 }
  try {
    const volumes = new ImageBrowser().volumes(left.path, left.options).filter(({ kind }) => kind !== null)
    const found: SnapshotComparison['disks'] = []
    for (const { partition } of volumes) {
      const changes = yield* compareFiles({ ...left, partition }, { ...right, partition })
      const files = {
        changes: changes.slice(0, MAX_LISTED),
        more: Math.max(0, changes.length - MAX_LISTED),
      }
      found.push({ drive, partition, files, problem: null })
    }
    if (found.length > 0) return found
    return [{ drive, partition: 0, files: nothing, problem: because('no-readable-file-system') }]
  } catch (error) {
    if (!(error instanceof EngineError) || !('reason' in error.details)) throw error
    return [{ drive, partition: 0, files: nothing, problem: error.details.reason }]
  }
}

/** Settings that are not the same, but for the files that the snapshots' own layers are. */
function settingsOf(before: MachineConfig, after: MachineConfig): SnapshotComparison['settings'] {
  const [left, right] = [flat(comparable(before)), flat(comparable(after))]
  const names = [...new Set([...left.keys(), ...right.keys()])]
  return names
    .filter((name) => left.get(name) !== right.get(name))
    .map((name) => ({ name, before: left.get(name) ?? '', after: right.get(name) ?? '' }))
}

function comparable(machine: MachineConfig): unknown {
  const drives = machine.drives.map((drive) => {
    if (keptFile(drive) === null) return drive
    const { path: _, overlay: __, allowed: ___, format: ____, ...rest } = drive
    return rest
  })
  return { ...machine, drives }
}

/** Values by their paths, such as `drives.0.path`. */
function flat(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) flat(inner, path ? `${path}.${key}` : key, into)
  else if (value !== undefined) into.set(path, typeof value === 'string' ? value : JSON.stringify(value))
  return into
}

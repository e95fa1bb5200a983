import { isAbsolute } from 'node:path'
import type { DriveConfig, MachineConfig } from '../../protocol/machine-config.ts'
import {
  NO_SNAPSHOTS,
  type FileStamp,
  type Layer,
  type Snapshot,
  type SnapshotTree,
} from '../../protocol/snapshot.ts'
import type { VmRecord } from '../../protocol/vm.ts'

/*
 * The tree as values: a record before and the record after. Nothing here touches a file, so that each change of the
 * tree is one replacement of the record.
 */

/** A new layer over a disk: the place of its drive in the configuration, the file that was written, the new file. */
export interface NewLayer {
  drive: number
  below: string
  file: string
}

const RESTS = /^(layer|snapshot|saved)-[0-9a-f]{12}\.(qcow2|state|png)$/
const UNFINISHED = /^((layer|snapshot|saved)-[0-9a-f]{12}\.\w+\.part|\.(snapshot|saved)-.*\.tmp)$/
export const layerName = (id: string): string => `layer-${id}.qcow2`
export const stateName = (id: string): string => `snapshot-${id}.state`
export const pictureName = (id: string): string => `snapshot-${id}.png`
/** Whether a file has a name that only the tree gives. */
export const isOfTree = (name: string): boolean => RESTS.test(name)
/** Whether it is what is left of one that was never finished. */
export const isUnfinished = (name: string): boolean => UNFINISHED.test(name)

export const treeOf = (record: VmRecord): SnapshotTree => record.snapshots ?? NO_SNAPSHOTS

/** The file of the state that the machine goes on from, in its folder. */
export function savedStateName(record: VmRecord): string {
  const { generation } = treeOf(record)
  return generation === '' ? 'saved.state' : `saved-${generation}.state`
}

/** A small picture of the screen at that state. */
export const savedPictureName = (record: VmRecord): string =>
  savedStateName(record).replace(/\.state$/, '.png')

/** The file that takes the writes of a disk, for good; null where there is none. */
function writtenFile({ kind, path, readonly, ephemeral, overlay }: DriveConfig): string | null {
  return kind !== 'disk' || readonly || ephemeral || path === null ? null : (overlay ?? path)
}

/** The same of a drive whose contents snapshots hold; null for all others. */
export const keptFile = (drive: DriveConfig): string | null => (drive.independent ? null : writtenFile(drive))

/** The file that a disk began with, below what snapshots have put over it. */
export function firstFile(record: VmRecord, file: string): string {
  const parents = new Map(treeOf(record).layers.map((layer) => [layer.file, layer.parent]))
  let first = file
  for (let below = parents.get(first); below; below = parents.get(below)) first = below
  return first
}

/** The disks of a machine that snapshots hold. */
export function keptDisks(machine: MachineConfig): { drive: number; file: string }[] {
  return machine.drives.flatMap((config, drive) => {
    const file = keptFile(config)
    return file === null ? [] : [{ drive, file }]
  })
}

/** How many files of the tree a disk lies in, one over the other. */
export function chainLength(tree: SnapshotTree, file: string): number {
  const parents = new Map(tree.layers.map((layer) => [layer.file, layer.parent]))
  let length = 0
  for (let at: string | null | undefined = file; at; at = parents.get(at)) {
    length++
    if (length > tree.layers.length) break // a damaged record may lead round
  }
  return length
}

/** The drive with its written file as the disk itself, to be read only. */
function frozen(drive: DriveConfig): DriveConfig {
  const { overlay, ...rest } = drive
  if (overlay === undefined || drive.path === null) return drive
  return { ...rest, path: overlay, format: 'qcow2', ...allowing(drive, [drive.path]) }
}

/** The drive with a new layer over its disk. */
export function withLayer(drive: DriveConfig, file: string): DriveConfig {
  const below = frozen(drive)
  const outside = below.path !== null && isAbsolute(below.path) ? [below.path] : []
  return { ...below, path: file, format: 'qcow2', ...allowing(below, outside) }
}

function allowing({ allowed = [] }: DriveConfig, more: readonly string[]): Pick<DriveConfig, 'allowed'> {
  const all = [...new Set([...allowed, ...more])]
  return all.length > 0 ? { allowed: all } : {}
}

const frozenMachine = (machine: MachineConfig): MachineConfig => ({
  ...machine,
  drives: machine.drives.map((drive) => (keptFile(drive) === null ? drive : frozen(drive))),
})

function layered(machine: MachineConfig, layers: readonly NewLayer[]): MachineConfig {
  const files = new Map(layers.map(({ drive, file }) => [drive, file]))
  return {
    ...machine,
    drives: machine.drives.map((drive, at) => {
      const file = files.get(at)
      return file === undefined ? drive : withLayer(drive, file)
    }),
  }
}

interface Taking {
  snapshot: Omit<Snapshot, 'parent' | 'machine'>
  layers: readonly NewLayer[]
  /** Of each file that is frozen. */
  stampOf: (file: string) => FileStamp | null
}

/** A snapshot of the machine as it is; it goes on in new layers. */
export function taken(record: VmRecord, { snapshot, layers, stampOf }: Taking): VmRecord {
  const tree = treeOf(record)
  const { machine } = record
  const known = new Map(tree.layers.map((layer) => [layer.file, layer]))
  for (const { drive, below } of layers) {
    const layer = known.get(below) ?? newLayer(below, formatOf(machine, drive), null)
    known.set(below, { ...layer, stamp: stampOf(below) })
  }
  for (const { file, below } of layers) known.set(file, newLayer(file, 'qcow2', below))
  return {
    ...record,
    machine: layered(machine, layers),
    snapshots: {
      ...tree,
      snapshots: [...tree.snapshots, { ...snapshot, parent: tree.current, machine: frozenMachine(machine) }],
      current: snapshot.id,
      layers: [...known.values()],
    },
  }
}

const newLayer = (file: string, format: Layer['format'], parent: string | null): Layer => ({
  file,
  format,
  parent,
  stamp: null,
  clones: [],
})

function formatOf({ drives }: MachineConfig, drive: number): Layer['format'] {
  const { overlay, format } = drives[drive]!
  return overlay === undefined ? format : 'qcow2'
}

/** The machine back at a snapshot, in new layers; what it was is discarded. */
export function restored(
  record: VmRecord,
  target: Snapshot,
  layers: readonly NewLayer[],
  generation: string,
): VmRecord {
  const tree = treeOf(record)
  return dropUnused({
    ...record,
    machine: layered(target.machine, layers),
    snapshots: {
      ...tree,
      generation,
      current: target.id,
      layers: [...tree.layers, ...layers.map(({ file, below }) => newLayer(file, 'qcow2', below))],
      discarded: [...tree.discarded, savedStateName(record), savedPictureName(record)],
    },
  })
}

/** Without a snapshot; those after it follow the one before it. Its layers stay as long as something is over them. */
export function deleted(record: VmRecord, id: string): VmRecord {
  const tree = treeOf(record)
  const gone = tree.snapshots.find((snapshot) => snapshot.id === id)
  if (!gone) return record
  const heir = (parent: string | null): string | null => (parent === id ? gone.parent : parent)
  return dropUnused({
    ...record,
    snapshots: {
      ...tree,
      snapshots: tree.snapshots
        .filter((snapshot) => snapshot !== gone)
        .map((snapshot) => ({ ...snapshot, parent: heir(snapshot.parent) })),
      current: heir(tree.current),
      startFrom: tree.startFrom === id ? null : tree.startFrom,
      discarded: [...tree.discarded, stateName(id), pictureName(id)],
    },
  })
}

/** Files that a snapshot or the machine as it is names. */
export function namedFiles(record: VmRecord): Set<string> {
  const machines = [record.machine, ...treeOf(record).snapshots.map(({ machine }) => machine)]
  return new Set(
    machines.flatMap(({ drives }) =>
      drives.flatMap(({ path, overlay }) =>
        [path, overlay].filter((file) => file !== null && file !== undefined),
      ),
    ),
  )
}

/** Files that the disks of the machine as it is lie in. */
export function filesInUse(record: VmRecord): Set<string> {
  const parents = new Map(treeOf(record).layers.map((layer) => [layer.file, layer.parent]))
  const inUse = new Set<string>()
  for (const drive of record.machine.drives)
    for (let at: string | null | undefined = writtenFile(drive); at && !inUse.has(at); at = parents.get(at))
      inUse.add(at)
  return inUse
}

const childrenOf = (layers: readonly Layer[], file: string): Layer[] =>
  layers.filter(({ parent }) => parent === file)

/** Takes out the layers that nothing names and nothing is over. Disks that the tree began with stay where they are. */
function dropUnused(record: VmRecord): VmRecord {
  const named = namedFiles(record)
  const tree = treeOf(record)
  const discarded = [...tree.discarded]
  let { layers } = tree
  const isUnused = (layer: Layer): boolean =>
    !named.has(layer.file) && layer.clones.length === 0 && childrenOf(layers, layer.file).length === 0
  for (let unused = layers.filter(isUnused); unused.length > 0; unused = layers.filter(isUnused)) {
    discarded.push(...unused.map(({ file }) => file).filter(isOfTree))
    layers = layers.filter((layer) => !unused.includes(layer))
  }
  // What a merge will write into is not the file that was frozen any more.
  const open = layers.map((layer) => (named.has(layer.file) ? layer : { ...layer, stamp: null }))
  return { ...record, snapshots: { ...tree, layers: open, discarded } }
}

/** A layer that nothing names any more, and the only one over it, which is to be written down into it. */
export interface Merge {
  lower: Layer
  upper: Layer
  /** Layers over the upper one, which are to be over the lower one. */
  above: Layer[]
}

/** @param except lower layers that could not be merged */
export function nextMerge(record: VmRecord, except: ReadonlySet<string>): Merge | null {
  const { layers } = treeOf(record)
  const named = namedFiles(record)
  for (const lower of layers) {
    if (named.has(lower.file) || lower.clones.length > 0 || except.has(lower.file)) continue
    const [upper, ...others] = childrenOf(layers, lower.file)
    if (!upper || others.length > 0 || upper.clones.length > 0) continue
    return { lower, upper, above: childrenOf(layers, upper.file) }
  }
  return null
}

/** The lower layer in place of the upper one everywhere. */
export function merged(record: VmRecord, { lower, upper }: Merge, stamp: FileStamp | null): VmRecord {
  const tree = treeOf(record)
  const moved = (machine: MachineConfig): MachineConfig => ({
    ...machine,
    drives: machine.drives.map((drive) =>
      drive.path === upper.file ? { ...drive, path: lower.file, format: lower.format } : drive,
    ),
  })
  const layers = tree.layers
    .filter(({ file }) => file !== upper.file)
    .map((layer) => {
      if (layer.file === lower.file) return { ...layer, stamp: upper.stamp === null ? null : stamp }
      return layer.parent === upper.file ? { ...layer, parent: lower.file } : layer
    })
  return {
    ...record,
    machine: moved(record.machine),
    snapshots: {
      ...tree,
      snapshots: tree.snapshots.map((snapshot) => ({ ...snapshot, machine: moved(snapshot.machine) })),
      layers,
      discarded: [...tree.discarded, upper.file],
    },
  }
}

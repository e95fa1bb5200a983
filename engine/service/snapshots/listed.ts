import { isAbsolute } from 'node:path'
import { because, type Reason } from '../../protocol/reasons.ts'
import type { FileStamp, Layer, SnapshotList } from '../../protocol/snapshot.ts'
import type { VmRecord } from '../../protocol/vm.ts'
import { keptDisks, stateName, treeOf } from './tree.ts'

interface Found {
  problem: Reason | null
  warning: Reason | null
}

/**
 * The snapshots of a machine with what is wrong with their files. Each file is looked at once, however many snapshots
 * build on it.
 */
export function listed(record: VmRecord, stampOf: (file: string) => FileStamp | null): SnapshotList {
  const tree = treeOf(record)
  const layers = new Map(tree.layers.map((layer) => [layer.file, layer]))
  const seen = new Map<string, Found>()

  function look(file: string): Found {
    const known = seen.get(file)
    if (known) return known
    const layer = layers.get(file)
    const own = lookAt(file, layer, stampOf(file))
    seen.set(file, own) // in case that the record goes round in circles
    const below = layer?.parent ? look(layer.parent) : null
    const found = {
      problem: own.problem ?? below?.problem ?? null,
      warning: own.warning ?? below?.warning ?? null,
    }
    seen.set(file, found)
    return found
  }

  const snapshots = tree.snapshots
    .filter(({ isComplete }) => isComplete)
    .map(({ id, parent, name, notes, takenAtMs, machine, hasState, hasPicture, isAutomatic }) => {
      const found = keptDisks(machine).map(({ file }) => look(file))
      const stateMissing =
        hasState && stampOf(stateName(id)) === null
          ? because('snapshot-memory-missing', { file: stateName(id) })
          : null
      return {
        id,
        parent,
        name,
        notes,
        isAutomatic,
        takenAtMs,
        memoryMiB: machine.memoryMiB,
        hasState,
        hasPicture,
        problem: found.find(({ problem }) => problem !== null)?.problem ?? stateMissing,
        warning: found.find(({ warning }) => warning !== null)?.warning ?? null,
      }
    })
  return { snapshots, current: tree.current, startFrom: tree.startFrom }
}

function lookAt(file: string, layer: Layer | undefined, now: FileStamp | null): Found {
  if (now === null)
    return {
      problem: isAbsolute(file)
        ? because('snapshot-file-missing', { file })
        : because('snapshot-own-file-missing', { file }),
      warning: null,
    }
  const then = layer?.stamp ?? null
  const isChanged = then !== null && (then.bytes !== now.bytes || then.changedMs !== now.changedMs)
  if (!isChanged) return { problem: null, warning: null }
  return {
    problem: null,
    warning: isAbsolute(file)
      ? because('snapshot-file-changed', { file })
      : because('snapshot-own-file-changed', { file }),
  }
}

import { statSync } from 'node:fs'
import type { FileStamp } from '../../protocol/snapshot.ts'
import { HostImageFiles } from '../../storage/image-files.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { SnapshotStore } from './snapshot-store.ts'

/** The snapshots of a machine whose folder lies on the host's disk. */
export const hostSnapshots = (folder: string, keeper: RecordKeeper): SnapshotStore =>
  new SnapshotStore(new HostImageFiles(), folder, keeper, stampOf)

function stampOf(path: string): FileStamp | null {
  const found = statSync(path, { throwIfNoEntry: false })
  return found ? { bytes: found.size, changedMs: found.mtimeMs } : null
}

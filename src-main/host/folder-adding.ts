import { readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { because } from '../../engine/protocol/reasons.ts'
import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { copyFolder } from './copy-folder.ts'
import type { VmLibrary } from './library.ts'
import { readRecord, RECORD, suspicion, type FoundRecord } from './machine-record.ts'
import { isLocked, VmLock } from './vm-lock.ts'

/** Makes machines of the library of folders that hold one. Places are real paths, as `realFolder` gives them. */
export class FolderAdding {
  /** @param note tells the log of a new machine where it comes from */
  constructor(
    private readonly library: VmLibrary,
    private readonly note: (id: string, text: string) => void,
  ) {}

  /** @returns the id. Throws `machine-folder-unusable`, `machine-folder-known`, `machine-folder-inside`. */
  async addWhereItIs(place: string): Promise<string> {
    const record = trusted(await readRecord(place))
    await this.checkUnknown(place)
    if (await this.isInLibrary(place)) throw new RpcError('machine-folder-inside', { path: place })
    const id = await this.library.adopt(place, record.name)
    this.note(id, `added where it is: ${place}`)
    return id
  }

  /** @returns the id. Throws `machine-folder-unusable`, `machine-folder-known`, `vm-locked` while it runs. */
  async copy(place: string, task: CallTask): Promise<string> {
    await this.checkUnknown(place)
    if (await isLocked(place)) throw new RpcError('vm-locked', { id: place, holder: place })
    // A folder that cannot be written has no lock, and nobody can run its machine.
    const lock = await VmLock.take(place, place).catch((error: unknown) => {
      if (error instanceof RpcError) throw error
      return null
    })
    try {
      return await this.copyIn(place, trusted(await readRecord(place)), task, place)
    } finally {
      await lock?.release()
    }
  }

  /** @param from where it comes from, for the log */
  async copyIn(place: string, record: VmRecord, task: CallTask, from: string): Promise<string> {
    const id = await this.library.create(withoutClones(record), {}, (folder) =>
      copyFolder(place, folder, isOfARun, task),
    )
    this.note(id, `a copy of the machine in ${from}`)
    return id
  }

  /** Throws `machine-folder-known` for a machine's folder, `machine-folder-unusable` for one around the library. */
  async checkUnknown(place: string): Promise<void> {
    const id = await this.library.idAt(place)
    if (id !== null) throw new RpcError('machine-folder-known', { name: id })
    if (((await realpath(this.library.folder)) + sep).startsWith(place + sep))
      throw new RpcError('machine-folder-unusable', { reason: because('folder-of-library') })
  }

  /** Where only contents are known, a machine of the library is told by its record. */
  async checkUnlike(record: string): Promise<void> {
    for (const { id } of await this.library.list()) {
      const text = await readFile(join(this.library.folderOf(id), RECORD), 'utf8').catch(() => null)
      if (text === record) throw new RpcError('machine-folder-known', { name: id })
    }
  }

  async isInLibrary(place: string): Promise<boolean> {
    return place.startsWith((await realpath(this.library.folder)) + sep)
  }
}

/** What belongs to a run, and the record, which the library writes itself. */
const isOfARun = (path: string): boolean =>
  path === RECORD || path === 'control.sock' || path.startsWith('.lock')

/** No machine here builds on the disks of a copy. */
const withoutClones = (record: VmRecord): VmRecord =>
  record.snapshots
    ? {
        ...record,
        snapshots: {
          ...record.snapshots,
          layers: record.snapshots.layers.map((layer) => ({ ...layer, clones: [] })),
        },
      }
    : record

/** Throws `machine-folder-unusable` for what is no folder. */
export async function realFolder(path: string): Promise<string> {
  const place = await realpath(path).catch(() => null)
  if (place === null || !(await stat(place)).isDirectory())
    throw new RpcError('machine-folder-unusable', { reason: because('folder-missing', { folder: path }) })
  return place
}

/** Throws `machine-folder-unusable`. */
export function trusted(found: FoundRecord): VmRecord {
  const problem = 'problem' in found ? found.problem : suspicion(found.record)
  if (problem !== null) throw new RpcError('machine-folder-unusable', { reason: problem })
  return (found as { record: VmRecord }).record
}

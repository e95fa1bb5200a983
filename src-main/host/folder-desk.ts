import { randomBytes } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import type { FolderReport, FolderSource, FolderWish } from '../../engine/protocol/machine-folder.ts'
import { RpcError, type CallHandlers, type CallTask } from '../../engine/protocol/rpc.ts'
import type { VmRecord, VmSummary } from '../../engine/protocol/vm.ts'
import { copyFolder } from './copy-folder.ts'
import type { VmLibrary } from './library.ts'
import {
  drivesOf,
  outsideFiles,
  readRecord,
  RECORD,
  recordOf,
  suspicion,
  type FoundRecord,
} from './machine-record.ts'
import { isLocked, VmLock } from './vm-lock.ts'

export type FolderCall = 'planFolder' | 'addFolder'

/** What the desk needs of the host that it belongs to. */
interface Host {
  /** Where files lie that came piece by piece. */
  sentPlace(folder: string): string
  dropSent(folder: string): Promise<void>
  tellOf(id: string): Promise<VmSummary>
  note(id: string, text: string): void
}

/** Answers windows that bring the folders of machines: one of another library, or one that was kept or copied. */
export class FolderDesk {
  /** Places that the system told, by the ids that windows know them by. */
  #picked = new Map<string, string>()

  constructor(
    private readonly library: VmLibrary,
    private readonly host: Host,
  ) {}

  /** Takes in a folder that the user dropped or picked. @returns its id */
  pick(path: string): string {
    const known = [...this.#picked].find(([, place]) => place === path)
    const id = known?.[0] ?? `folder:${randomBytes(12).toString('hex')}`
    this.#picked.set(id, path)
    return id
  }

  readonly calls: Pick<CallHandlers<HostContract>, FolderCall> = {
    planFolder: (source) => this.#plan(source),
    addFolder: async (wish, task) => {
      const id = await this.#add(wish, task)
      return this.host.tellOf(id)
    },
  }

  async #plan(source: FolderSource): Promise<FolderReport> {
    const place = source.by === 'place' ? await this.#placeOf(source.folder) : null
    const record =
      source.by === 'place' ? trusted(await readRecord(place!)) : trusted(recordOf(source.record))
    if (place !== null) await this.#checkUnknown(place)
    if (source.by === 'record') await this.#checkUnlike(source.record)
    return {
      name: record.name,
      memoryMiB: record.machine.memoryMiB,
      drives: drivesOf(record),
      place,
      outside: outsideFiles(record),
      mayStay: place === null || !(await this.#isInLibrary(place)),
    }
  }

  async #add(wish: FolderWish, task: CallTask): Promise<string> {
    switch (wish.how) {
      case 'stay':
        return this.#addWhereItIs(await this.#placeOf(wish.folder))
      case 'there':
        return this.#addWhereItIs(await this.#written(wish.path, wish.record))
      case 'copy':
        return this.#copy(await this.#placeOf(wish.folder), task)
      case 'sent':
        return this.#takeIn(wish.folder, task)
    }
  }

  async #addWhereItIs(place: string): Promise<string> {
    const record = trusted(await readRecord(place))
    await this.#checkUnknown(place)
    if (await this.#isInLibrary(place)) throw new RpcError('machine-folder-inside', { path: place })
    const id = await this.library.adopt(place, record.name)
    this.host.note(id, `added where it is: ${place}`)
    return id
  }

  async #copy(place: string, task: CallTask): Promise<string> {
    await this.#checkUnknown(place)
    if (await isLocked(place)) throw new RpcError('vm-locked', { id: place, holder: place })
    // A folder that cannot be written has no lock, and nobody can run its machine.
    const lock = await VmLock.take(place, place).catch((error: unknown) => {
      if (error instanceof RpcError) throw error
      return null
    })
    try {
      return await this.#copyIn(place, trusted(await readRecord(place)), task, place)
    } finally {
      await lock?.release()
    }
  }

  /** What a page sent names no files of this computer: it would only have to send a record to read any of them. */
  async #takeIn(folder: string, task: CallTask): Promise<string> {
    const place = this.host.sentPlace(folder)
    try {
      const record = trusted(await readRecord(place))
      const [outside] = outsideFiles(record)
      if (outside !== undefined) throw new RpcError('machine-folder-outside', { path: outside })
      await this.#checkUnlike(await readFile(join(place, RECORD), 'utf8'))
      return await this.#copyIn(place, record, task, 'a browser')
    } finally {
      await this.host.dropSent(folder)
    }
  }

  async #copyIn(place: string, record: VmRecord, task: CallTask, from: string): Promise<string> {
    const id = await this.library.create(withoutClones(record), {}, (folder) =>
      copyFolder(place, folder, isOfARun, task),
    )
    this.host.note(id, `a copy of the machine in ${from}`)
    return id
  }

  async #placeOf(folder: string): Promise<string> {
    const path = this.#picked.get(folder)
    if (path === undefined) throw new RpcError('image-unknown', { id: folder })
    return realFolder(path)
  }

  /**
   * A place that a page names, which has to hold a record that the page has. What is wrong with it is not told, so that
   * pages do not learn what else there is.
   */
  async #written(path: string, record: string): Promise<string> {
    const place = await realFolder(path).catch(() => null)
    const text = place === null ? null : await readFile(join(place, RECORD), 'utf8').catch(() => null)
    if (place === null || text !== record) throw new RpcError('machine-folder-elsewhere', { path })
    return place
  }

  async #checkUnknown(place: string): Promise<void> {
    const id = await this.library.idAt(place)
    if (id !== null) throw new RpcError('machine-folder-known', { name: id })
    if (((await realpath(this.library.folder)) + sep).startsWith(place + sep))
      throw new RpcError('machine-folder-unusable', { reason: 'it holds the library itself' })
  }

  /** Where only contents are known, a machine of the library is told by its record. */
  async #checkUnlike(record: string): Promise<void> {
    for (const { id } of await this.library.list()) {
      const text = await readFile(join(this.library.folderOf(id), RECORD), 'utf8').catch(() => null)
      if (text === record) throw new RpcError('machine-folder-known', { name: id })
    }
  }

  async #isInLibrary(place: string): Promise<boolean> {
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

async function realFolder(path: string): Promise<string> {
  const place = await realpath(path).catch(() => null)
  if (place === null || !(await stat(place)).isDirectory())
    throw new RpcError('machine-folder-unusable', { reason: `${path} is no folder` })
  return place
}

/** Throws `machine-folder-unusable`. */
function trusted(found: FoundRecord): VmRecord {
  const problem = 'problem' in found ? found.problem : suspicion(found.record)
  if (problem !== null) throw new RpcError('machine-folder-unusable', { reason: problem })
  return (found as { record: VmRecord }).record
}

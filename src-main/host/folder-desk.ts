import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import type { FolderReport, FolderSource, FolderWish } from '../../engine/protocol/machine-folder.ts'
import { RpcError, type CallHandlers, type CallTask } from '../../engine/protocol/rpc.ts'
import type { VmSummary } from '../../engine/protocol/vm.ts'
import { FolderAdding, realFolder, trusted } from './folder-adding.ts'
import type { VmLibrary } from './library.ts'
import { drivesOf, outsideFiles, readRecord, RECORD, recordOf } from './machine-record.ts'

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

  readonly #adding: FolderAdding

  constructor(
    library: VmLibrary,
    private readonly host: Host,
  ) {
    this.#adding = new FolderAdding(library, (id, text) => host.note(id, text))
  }

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
    const place = source.by === 'place' ? await this.placeOf(source.folder) : null
    const record =
      source.by === 'place' ? trusted(await readRecord(place!)) : trusted(recordOf(source.record))
    if (place !== null) await this.#adding.checkUnknown(place)
    if (source.by === 'record') await this.#adding.checkUnlike(source.record)
    return {
      name: record.name,
      memoryMiB: record.machine.memoryMiB,
      drives: drivesOf(record),
      place,
      outside: outsideFiles(record),
      mayStay: place === null || !(await this.#adding.isInLibrary(place)),
    }
  }

  async #add(wish: FolderWish, task: CallTask): Promise<string> {
    switch (wish.how) {
      case 'stay':
        return this.#adding.addWhereItIs(await this.placeOf(wish.folder))
      case 'there':
        return this.#adding.addWhereItIs(await this.#written(wish.path, wish.record))
      case 'copy':
        return this.#adding.copy(await this.placeOf(wish.folder), task)
      case 'sent':
        return this.#takeIn(wish.folder, task)
    }
  }

  /** What a page sent names no files of this computer: it would only have to send a record to read any of them. */
  async #takeIn(folder: string, task: CallTask): Promise<string> {
    const place = this.host.sentPlace(folder)
    try {
      const record = trusted(await readRecord(place))
      const [outside] = outsideFiles(record)
      if (outside !== undefined) throw new RpcError('machine-folder-outside', { path: outside })
      await this.#adding.checkUnlike(await readFile(join(place, RECORD), 'utf8'))
      return await this.#adding.copyIn(place, record, task, 'a browser')
    } finally {
      await this.host.dropSent(folder)
    }
  }

  /** Where a folder lies that `pick` took in. Throws `image-unknown`, `machine-folder-unusable`. */
  async placeOf(folder: string): Promise<string> {
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
}

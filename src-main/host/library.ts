import { mkdir, readdir, readlink, realpath, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, extname, isAbsolute, join, parse as parsePath } from 'node:path'
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { Media } from '../../engine/service/media/media.ts'
import { withFiles, type DriveConfig, type MachineConfig } from '../../engine/protocol/machine-config.ts'
import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import { VmId, type VmRecord } from '../../engine/protocol/vm.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { copyFile } from './copy-file.ts'
import { exists } from './exists.ts'
import { readPicture, writePicture } from './machine-picture.ts'
import { readRecord, RECORD } from './machine-record.ts'
import { partOf, UNWATCHED } from './task.ts'

export type LibraryEntry =
  | { id: string; record: VmRecord }
  /** A folder whose record cannot be used. It is listed, and never written to. */
  | { id: string; problem: Reason }

/**
 * The virtual machines on disk: one folder each below `machines`, with its record in vm.json; or a link to such a
 * folder, of a machine that was added where it is.
 */
export class VmLibrary {
  readonly #machines: string
  /** Machines that were removed: `kept` for good, `deleted` until they are purged. */
  readonly #removed: string

  constructor(readonly folder: string) {
    this.#machines = join(folder, 'machines')
    this.#removed = join(folder, 'removed')
  }

  /** Makes the folders. @returns whether the library is new */
  async open(): Promise<boolean> {
    const isNew = !(await exists(this.#machines))
    await mkdir(this.#machines, { recursive: true, mode: 0o700 })
    await mkdir(this.mediaFolder, { recursive: true, mode: 0o700 })
    return isNew
  }

  /** Where images that were handed to the application lie. */
  get mediaFolder(): string {
    return join(this.folder, 'media')
  }

  /** Where machines lie that were written for other programs. */
  get exportsFolder(): string {
    return join(this.folder, 'exports')
  }

  async list(): Promise<LibraryEntry[]> {
    const names = await readdir(this.#machines, { withFileTypes: true })
    const folders = names.filter((name) => name.isDirectory() || name.isSymbolicLink())
    const ids = folders.map(({ name }) => name).filter((name) => v.is(VmId, name))
    const entries = await Promise.all(ids.map((id) => this.read(id)))
    return entries.filter((entry) => entry !== null).toSorted((a, b) => label(a).localeCompare(label(b)))
  }

  /** Null when there is no such folder. */
  async read(id: string): Promise<LibraryEntry | null> {
    if (!v.is(VmId, id)) return null
    if (await exists(this.#path(id))) return { id, ...(await readRecord(this.#path(id))) }
    const elsewhere = await this.elsewhere(id)
    return elsewhere === null ? null : { id, problem: because('folder-gone', { folder: elsewhere }) }
  }

  /** Where a machine lies that was added where it is; null of those that lie in the library. */
  async elsewhere(id: string): Promise<string | null> {
    return readlink(this.#path(id)).catch(() => null)
  }

  /** Where the folder of a machine lies, also of one that cannot be used. Throws `vm-unknown`. */
  async placeOf(id: string): Promise<string> {
    if (!(await this.read(id))) throw new RpcError('vm-unknown', { id })
    return (await this.elsewhere(id)) ?? this.#path(id)
  }

  /** The machine whose folder this is, by its real path; null when it is none. */
  async idAt(place: string): Promise<string | null> {
    for (const { id } of await this.list())
      if ((await realpath(this.#path(id)).catch(() => null)) === place) return id
    return null
  }

  /** Adds a machine whose folder stays where it is. */
  async adopt(place: string, name: string): Promise<string> {
    return this.#newPlace(name, (path) => symlink(place, path, 'junction'))
  }

  /**
   * @param files what to copy into the new machine's folder, by name, before its record makes it one
   * @param prepare makes more in the folder
   */
  async create(
    record: VmRecord,
    files: Record<string, Uint8Array> = {},
    prepare: (folder: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<string> {
    return this.#create(record, async (folder) => {
      for (const [name, contents] of Object.entries(files))
        await writeFileAtomically(join(folder, name), contents)
      await prepare(folder)
      return record.machine
    })
  }

  /** @param prepare fills the folder and says what the machine is then */
  async #create(record: VmRecord, prepare: (folder: string) => Promise<MachineConfig>): Promise<string> {
    const id = await this.#newPlace(record.name, (path) => mkdir(path, { mode: 0o700 }))
    try {
      const machine = await prepare(this.#path(id))
      await this.#write(id, { ...record, machine })
    } catch (error) {
      await rm(this.#path(id), { recursive: true, force: true })
      throw error
    }
    return id
  }

  /**
   * A copy under a new name. Its disks are copied, wherever they lie; other media that lie elsewhere are shared.
   * @param machine what the copy is to be; as the machine is now when absent
   * @param task half of it is making disks when any are made; throws `cancelled`, and nothing is left then
   * @param makeDisks makes disks that cannot be copied as files in the new folder, and says what the drives are then
   */
  async clone(
    id: string,
    name: string,
    machine?: MachineConfig,
    makeDisks: (folder: string, drives: DriveConfig[], task: CallTask) => Promise<DriveConfig[]> = (
      _,
      drives,
    ) => Promise.resolve(drives),
    task: CallTask = UNWATCHED,
  ): Promise<string> {
    const { snapshots: _, ...record } = await this.get(id)
    const original = machine ?? record.machine
    // What is made of a template is a machine.
    return this.#create({ ...record, name, template: false, machine: original }, async (folder) => {
      const made = await makeDisks(folder, original.drives, partOf(task, 0, 2))
      const isMade = (drive: DriveConfig): boolean => !original.drives.includes(drive)
      const taken = new Set(made.filter(isMade).map(({ path }) => path ?? ''))
      const copies = copiesOf({ ...original, drives: made.filter((drive) => !isMade(drive)) }, taken)
      const rename = (path: string): string => copies.get(path) ?? path
      const shares = made.some(isMade) ? copies.size * 2 : copies.size
      let share = shares - copies.size
      for (const [from, to] of copies)
        await copyFile(
          isAbsolute(from) ? from : this.#path(id, from),
          join(folder, to),
          partOf(task, share++, shares),
        )
      await writePicture(folder, await readPicture(this.#path(id)))
      const renamed = withFiles({ ...original, drives: made }, rename)
      return {
        ...renamed,
        drives: renamed.drives.map((drive, at) => (isMade(made[at]!) ? made[at]! : drive)),
      }
    })
  }

  /** Replaces the record. A damaged one is left alone: whoever repairs it by hand finds it as it was. */
  async update(id: string, record: VmRecord): Promise<void> {
    await this.get(id)
    await this.#write(id, record)
  }

  /** Moves a machine's folder out of the library; of one that lies elsewhere, the link to it. @returns its new place */
  async remove(id: string, files: 'keep' | 'delete' = 'delete'): Promise<string> {
    if (!(await this.read(id))) throw new RpcError('vm-unknown', { id })
    const place = this.#removedPath(files, id)
    await mkdir(dirname(place), { recursive: true, mode: 0o700 })
    await rm(place, { recursive: true, force: true })
    await rename(this.#path(id), place)
    return place
  }

  /** Brings back a machine that was removed. Throws `vm-unknown`, also when its name has been taken since. */
  async putBack(id: string): Promise<void> {
    if (!v.is(VmId, id) || (await exists(this.#path(id)))) throw new RpcError('vm-unknown', { id })
    for (const files of ['delete', 'keep'] as const)
      if (await exists(this.#removedPath(files, id)))
        return rename(this.#removedPath(files, id), this.#path(id))
    throw new RpcError('vm-unknown', { id })
  }

  /** Deletes for good what was removed to be deleted: one machine, or all. */
  async purge(id?: string): Promise<void> {
    const place = id === undefined ? join(this.#removed, 'deleted') : this.#removedPath('delete', id)
    await rm(place, { recursive: true, force: true })
  }

  /** Throws `vm-unknown` or `vm-inaccessible`. */
  async get(id: string): Promise<VmRecord> {
    const entry = await this.read(id)
    if (!entry) throw new RpcError('vm-unknown', { id })
    if ('problem' in entry) throw new RpcError('vm-inaccessible', { id, reason: entry.problem })
    return entry.record
  }

  folderOf(id: string): string {
    return this.#path(id)
  }

  /** The machine's configuration with the paths of its files made absolute. */
  async machineConfig(id: string): Promise<MachineConfig> {
    const { machine } = await this.get(id)
    return withFiles(machine, (path) => (isAbsolute(path) ? path : this.#path(id, path)))
  }

  #path(id: string, ...parts: string[]): string {
    return join(this.#machines, id, ...parts)
  }

  #removedPath(files: 'keep' | 'delete', id: string): string {
    return join(this.#removed, files === 'keep' ? 'kept' : 'deleted', id)
  }

  async #write(id: string, record: VmRecord): Promise<void> {
    const machine = withFormats(record.machine, (path) => (isAbsolute(path) ? path : this.#path(id, path)))
    await writeFileAtomically(this.#path(id, RECORD), JSON.stringify({ ...record, machine }, null, 2) + '\n')
  }

  /** A folder that reads like the name, and is nobody else's. @param make fails with EEXIST where something is */
  async #newPlace(name: string, make: (path: string) => Promise<void>): Promise<string> {
    const base = name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 40)
    for (let attempt = 0; ; attempt++) {
      const suffix = attempt || !base ? randomBytes(3).toString('hex') : ''
      const id = [base, suffix].filter(Boolean).join('-')
      try {
        await make(this.#path(id))
        return id
      } catch (error) {
        if (!isCode(error, 'EEXIST') || attempt > 20) throw error
      }
    }
  }
}

/** A file name that is safe in a folder of ours: no separators, no leading dot. */
export function safeFileName(name: string): string {
  const plain = basename(name.replaceAll('\\', '/'))
    .replace(/[^\p{L}\p{N}._ ()+-]/gu, '_')
    .replace(/^\.+/, '')
  const extension = extname(plain).slice(0, 16)
  return (plain.slice(0, plain.length - extname(plain).length).slice(0, 100) || 'image') + extension
}

/** The files that a copy of a machine gets copies of, and what they are called in its folder. */
function copiesOf(machine: MachineConfig, taken: Set<string>): Map<string, string> {
  const copies = new Map<string, string>()
  const copyOf = (path: string): void => {
    if (!copies.has(path)) copies.set(path, freeName(basename(path), taken))
  }
  for (const { kind, path, overlay } of machine.drives) {
    // What takes the writes is copied; a disk that is only read below it can be shared.
    if (overlay !== undefined) copyOf(overlay)
    else if (kind === 'disk' && path !== null) copyOf(path)
  }
  withFiles(machine, (path) => {
    if (!isAbsolute(path)) copyOf(path)
    return path
  })
  return copies
}

/** The name, or one like it that is not taken yet; it is taken then. */
function freeName(name: string, taken: Set<string>): string {
  const { name: stem, ext } = parsePath(name)
  let free = name
  for (let number = 2; taken.has(free); number++) free = `${stem} (${number})${ext}`
  taken.add(free)
  return free
}

const label = (entry: LibraryEntry): string => ('record' in entry ? entry.record.name : entry.id)

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/**
 * Notes what each disk's file is while its contents are still the user's: a guest can make a raw disk look like
 * another format, and an image names files of the host.
 */
function withFormats(machine: MachineConfig, place: (path: string) => string): MachineConfig {
  const media = new Media()
  const drives = machine.drives.map((drive): DriveConfig => {
    if (drive.kind !== 'disk' || drive.format !== 'auto' || drive.path === null) return drive
    // What cannot be read now is told by its contents when the machine starts.
    return { ...drive, format: media.formatOf(place(drive.path)) ?? 'auto' }
  })
  return { ...machine, drives }
}

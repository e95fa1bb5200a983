import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, extname, isAbsolute, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { Media } from '../../engine/service/media/media.ts'
import {
  findIssue,
  withFiles,
  type DriveConfig,
  type MachineConfig,
} from '../../engine/protocol/machine-config.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { VmId, VmRecord } from '../../engine/protocol/vm.ts'
import { writeFileAtomically } from './atomic-file.ts'

const RECORD = 'vm.json'
/** A record is a few hundred bytes; more than this is no record. */
const MAX_RECORD_BYTES = 1 << 20

export type LibraryEntry =
  | { id: string; record: VmRecord }
  /** A folder whose record cannot be used. It is listed, and never written to. */
  | { id: string; problem: string }

/** The virtual machines on disk: one folder each below `machines`, with its record in vm.json. */
export class VmLibrary {
  readonly #machines: string

  constructor(readonly folder: string) {
    this.#machines = join(folder, 'machines')
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

  async list(): Promise<LibraryEntry[]> {
    const names = await readdir(this.#machines, { withFileTypes: true })
    const ids = names.filter((name) => name.isDirectory() && v.is(VmId, name.name)).map(({ name }) => name)
    const entries = await Promise.all(ids.map((id) => this.read(id)))
    return entries.filter((entry) => entry !== null).toSorted((a, b) => label(a).localeCompare(label(b)))
  }

  /** Null when there is no such folder. */
  async read(id: string): Promise<LibraryEntry | null> {
    if (!v.is(VmId, id) || !(await exists(this.#path(id)))) return null
    try {
      const path = this.#path(id, RECORD)
      if ((await stat(path)).size > MAX_RECORD_BYTES) return { id, problem: `${RECORD} is far too large` }
      const json: unknown = JSON.parse(await readFile(path, 'utf8'))
      const issue = findIssue(VmRecord, json)
      return issue === null ? { id, record: v.parse(VmRecord, json) } : { id, problem: `${RECORD}: ${issue}` }
    } catch (error) {
      return { id, problem: describeProblem(error) }
    }
  }

  /** @param files what to copy into the new machine's folder, by name, before its record makes it one */
  async create(record: VmRecord, files: Record<string, Uint8Array> = {}): Promise<string> {
    const id = await this.#newFolder(record.name)
    try {
      for (const [name, contents] of Object.entries(files))
        await writeFileAtomically(this.#path(id, name), contents)
      await this.#write(id, record)
    } catch (error) {
      await rm(this.#path(id), { recursive: true, force: true })
      throw error
    }
    return id
  }

  /** Replaces the record. A damaged one is left alone: whoever repairs it by hand finds it as it was. */
  async update(id: string, record: VmRecord): Promise<void> {
    await this.get(id)
    await this.#write(id, record)
  }

  async remove(id: string): Promise<void> {
    if (!(await this.read(id))) throw new RpcError('vm-unknown', { id })
    await rm(this.#path(id), { recursive: true })
  }

  /** Throws `vm-unknown` or `vm-inaccessible`. */
  async get(id: string): Promise<VmRecord> {
    const entry = await this.read(id)
    if (!entry) throw new RpcError('vm-unknown', { id })
    if ('problem' in entry) throw new RpcError('vm-inaccessible', { id, reason: entry.problem })
    return entry.record
  }

  /** The machine's configuration with the paths of its files made absolute. */
  async machineConfig(id: string): Promise<MachineConfig> {
    const { machine } = await this.get(id)
    return withFiles(machine, (path) => (isAbsolute(path) ? path : this.#path(id, path)))
  }

  #path(id: string, ...parts: string[]): string {
    return join(this.#machines, id, ...parts)
  }

  async #write(id: string, record: VmRecord): Promise<void> {
    const machine = withFormats(record.machine, (path) => (isAbsolute(path) ? path : this.#path(id, path)))
    await writeFileAtomically(this.#path(id, RECORD), JSON.stringify({ ...record, machine }, null, 2) + '\n')
  }

  /** A folder that reads like the name, and is nobody else's. */
  async #newFolder(name: string): Promise<string> {
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
        await mkdir(this.#path(id), { mode: 0o700 })
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

const label = (entry: LibraryEntry): string => ('record' in entry ? entry.record.name : entry.id)

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function describeProblem(error: unknown): string {
  if (isCode(error, 'ENOENT')) return `${RECORD} is missing`
  if (isCode(error, 'EACCES')) return `${RECORD} may not be read`
  if (error instanceof SyntaxError) return `${RECORD} is damaged: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

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

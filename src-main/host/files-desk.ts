import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type DriveContents, FILE_PIECE_BYTES, MAX_TREE_ENTRIES } from '../../engine/protocol/drive-files.ts'
import type { HostContract, LogEntry } from '../../engine/protocol/host-contract.ts'
import type { DriveConfig } from '../../engine/protocol/machine-config.ts'
import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { describeError, RpcError, type CallHandlers } from '../../engine/protocol/rpc.ts'
import type { VmState } from '../../engine/protocol/vm.ts'
import { driveSource } from '../../engine/service/media/drive-source.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { Keyring, type SourceOptions } from '../../engine/service/media/media.ts'
import { inTurns } from './in-turns.ts'
import { KeptSecrets } from './kept-secrets.ts'
import type { VmLibrary } from './library.ts'

export type FilesCall =
  | 'driveContents'
  | 'unlockDrive'
  | 'lockDrives'
  | 'driveFiles'
  | 'driveTree'
  | 'readDriveFile'
  | 'writeDriveFile'

/** Files that are on their way in at once. */
const MAX_UPLOADS = 8
/** More than goes into a message piece by piece in reasonable time. */
const MAX_UPLOAD_BYTES = 2 ** 31

/** What the desk needs of the host that it belongs to. */
interface Host {
  exclusively<T>(id: string, change: () => Promise<T>): Promise<T>
  stateOf(id: string): Promise<VmState>
  /** No merging of snapshots works on the disks of a machine until `settle`. */
  stopSettling(id: string): Promise<void>
  settle(id: string): void
  note(id: string, level: LogEntry['level'], text: string): void
}

/** The image that a drive of a machine is, as it shows itself to the guest. */
interface Source {
  path: string
  options: SourceOptions
}

/** Answers what windows ask about the files on the drives of machines that are off. */
export class FilesDesk {
  readonly #browser = new ImageBrowser()
  readonly #secrets = new KeptSecrets()
  /** Where what came so far is kept, by machine, place and name. */
  #uploads = new Map<string, { folder: string; file: string }>()

  constructor(
    private readonly library: VmLibrary,
    private readonly host: Host,
  ) {}

  async close(): Promise<void> {
    this.#secrets.close()
    await Promise.all(
      [...this.#uploads.values()].map(({ folder }) => rm(folder, { recursive: true, force: true })),
    )
  }

  readonly calls: Pick<CallHandlers<HostContract>, FilesCall> = {
    driveContents: async ({ id }) => {
      await this.#checkOff(id)
      const { drives } = await this.library.machineConfig(id)
      const keyring = this.#secrets.keyringOf(id)
      return drives.flatMap((drive, index) =>
        drive.path === null ? [] : [this.#contents(drive, index, keyring)],
      )
    },
    unlockDrive: async ({ id, drive, secret }) => {
      const { path, options } = await this.source(id, drive)
      const keyring = new Keyring([...this.#secrets.secretsOf(id), secret])
      this.#browser.volumes(path, { ...options, keyring })
      this.#secrets.keep(id, secret, keyring)
    },
    lockDrives: ({ id }) => this.#secrets.forget(id),
    driveFiles: async ({ id, drive, partition, path }) => {
      const source = await this.source(id, drive)
      return this.#browser.list(source.path, path, { ...source.options, partition })
    },
    driveTree: async ({ id, drive, partition, path }) => {
      const source = await this.source(id, drive)
      return this.#browser.tree(source.path, path, MAX_TREE_ENTRIES, { ...source.options, partition })
    },
    readDriveFile: async ({ id, drive, partition, path, from }) => {
      const source = await this.source(id, drive)
      const bytes = this.#browser.read(source.path, path, from, FILE_PIECE_BYTES, {
        ...source.options,
        partition,
      })
      return Buffer.from(bytes).toString('base64')
    },
    writeDriveFile: async ({ id, drive, partition, path, name, from, totalBytes, data, replaces }) => {
      const source = await this.source(id, drive)
      const key = JSON.stringify([id, drive, partition, path, name])
      const upload = await this.#upload(key, name, from, totalBytes)
      await appendFile(upload.file, Buffer.from(data, 'base64'))
      const { size } = await stat(upload.file)
      if (size < totalBytes) return
      this.#uploads.delete(key)
      try {
        if (size > totalBytes)
          throw new RpcError('bad-request', {
            name: 'writeDriveFile',
            reason: because('more-bytes-than-told'),
          })
        await this.#putIn(id, source, upload.file, path, { ...source.options, partition, replaces })
        this.host.note(id, 'info', `${source.path}: ${path ? `${path}/` : ''}${name} is copied in`)
      } finally {
        await rm(upload.folder, { recursive: true, force: true })
      }
    },
  }

  #contents(drive: DriveConfig, index: number, keyring: Keyring | undefined): DriveContents {
    const { path, options } = driveSource(drive)
    const known = { drive: index, kind: drive.kind, name: basename(drive.path!), isLocked: false }
    const nothing = { volumes: [], isWritable: false }
    try {
      const volumes = this.#browser.volumes(path, { ...options, keyring })
      const isWritable = !drive.readonly && volumes.some(({ kind }) => kind?.startsWith('FAT') ?? false)
      return { ...known, volumes, isWritable, problem: null }
    } catch (error) {
      const { code, details } = describeError(error)
      if (code === 'passphrase-missing' || code === 'passphrase-wrong')
        return { ...known, ...nothing, isLocked: true, problem: null }
      if (code !== 'file-unusable') throw error
      return { ...known, ...nothing, problem: details.reason ?? null }
    }
  }

  /** The first piece of a file begins it anew. */
  async #upload(
    key: string,
    name: string,
    from: number,
    totalBytes: number,
  ): Promise<{ folder: string; file: string }> {
    const refuse = (reason: Reason) => new RpcError('bad-request', { name: 'writeDriveFile', reason })
    const known = this.#uploads.get(key)
    if (from > 0) {
      if (!known || (await stat(known.file)).size !== from) throw refuse(because('piece-missing'))
      return known
    }
    if (known) await rm(known.folder, { recursive: true, force: true })
    if (totalBytes > MAX_UPLOAD_BYTES) throw refuse(because('upload-too-large'))
    if (!known && this.#uploads.size >= MAX_UPLOADS) throw refuse(because('uploads-too-many'))
    const folder = await mkdtemp(join(tmpdir(), 'vitrine-files-'))
    const upload = { folder, file: join(folder, name) }
    this.#uploads.set(key, upload)
    return upload
  }

  async #putIn(
    id: string,
    { path }: Source,
    file: string,
    folder: string,
    options: SourceOptions & { partition: number; replaces: boolean },
  ): Promise<void> {
    await this.host.stopSettling(id)
    try {
      await this.host.exclusively(id, async () => {
        await this.#checkOff(id)
        // A state remembers its disks: written behind its back they would no longer be those.
        if ((await this.host.stateOf(id)) === 'saved') throw new RpcError('vm-busy', { id, state: 'saved' })
        await inTurns(this.#browser.copyIn(path, [file], folder, options))
      })
    } finally {
      this.host.settle(id)
    }
  }

  /** The image in a drive of a machine that is off. Throws `vm-busy`, `option-invalid`. */
  async source(id: string, index: number): Promise<Source> {
    await this.#checkOff(id)
    const drive = (await this.library.machineConfig(id)).drives[index]
    if (!drive || drive.path === null)
      throw new RpcError('option-invalid', {
        option: `drive ${index}`,
        reason: because('drive-empty'),
      })
    const { path, options } = driveSource(drive)
    return { path, options: { ...options, keyring: this.#secrets.keyringOf(id) } }
  }

  /** Nothing of a machine is read here any more: it starts. */
  forget(id: string): void {
    this.#secrets.forget(id)
  }

  /** A guest that runs has its own view of its disks. Throws `vm-busy`. */
  async #checkOff(id: string): Promise<void> {
    const state = await this.host.stateOf(id)
    if (state !== 'off' && state !== 'aborted' && state !== 'saved')
      throw new RpcError('vm-busy', { id, state })
  }
}

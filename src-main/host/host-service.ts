import { readFile, rm } from 'node:fs/promises'
import { cpus, freemem, totalmem } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Channel } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract, type NewVm } from '../../engine/protocol/host-contract.ts'
import type { DriveConfig } from '../../engine/protocol/machine-config.ts'
import type { Preset } from '../../engine/protocol/preset.ts'
import { because, inWords } from '../../engine/protocol/reasons.ts'
import { RpcError, RpcServer, type CallHandlers } from '../../engine/protocol/rpc.ts'
import { savedPictureName, savedStateName } from '../../engine/service/snapshots/tree.ts'
import type { SerialLinkTarget, SerialTarget } from '../../engine/protocol/serial-target.ts'
import { VmRecord, type HostFault, type VmState, type VmSummary } from '../../engine/protocol/vm.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { AutoSnapshotSchedule } from './auto-snapshots.ts'
import { serveControl, type ControlHandlers, type ControlSocket } from './control-socket.ts'
import { exists } from './exists.ts'
import { ExportDesk, type ExportCall } from './export-desk.ts'
import { faultText } from './fault-text.ts'
import { FilesDesk, type FilesCall } from './files-desk.ts'
import { FolderDesk, type FolderCall } from './folder-desk.ts'
import { hostActivity } from './host-activity.ts'
import { Images } from './images.ts'
import { ImportDesk, type ImportCall } from './import-desk.ts'
import { VmLibrary, type LibraryEntry } from './library.ts'
import { bundled, version } from './locations.ts'
import { RECORD } from './machine-record.ts'
import { MachineStart } from './machine-start.ts'
import { MediaDesk, type MediaCall } from './media-desk.ts'
import { newMachine } from './new-machine.ts'
import { pictureCalls, type PictureCall } from './picture-desk.ts'
import { loadPresets } from './presets.ts'
import { ReviewDesk, type ReviewCall } from './review-desk.ts'
import { hasPty } from './serial-links.ts'
import { SettingsDesk, type SettingsCall } from './settings-desk.ts'
import { ShelfDesk, type ShelfCall } from './shelf-desk.ts'
import { SnapshotDesk, type SnapshotCall } from './snapshot-desk.ts'
import { RecentMedia } from './recent-media.ts'
import { Supervisor, type VmStatus } from './supervisor.ts'
import { UNWATCHED } from './task.ts'
import { VmLock } from './vm-lock.ts'
import { VmLog } from './vm-log.ts'
import type { VmProcess } from './vm-process.ts'
import { summaryOf } from './vm-summary.ts'

/** How long guests have to shut down by themselves when everything is closed. */
const SHUT_DOWN_MS = 30_000
/** How long a machine that was removed can come back. */
const UNDO_MS = 10 * 60_000

/** Shows a file where the system lists files. @returns whether it can */
export type RevealFile = (path: string) => Promise<boolean>

/** The library and its machines, served to any number of windows and pages. */
export class HostService<P extends VmProcess> {
  readonly images: Images
  readonly folders: FolderDesk
  readonly supervisor: Supervisor<P>
  readonly #log: VmLog
  readonly #presets: Preset[] = loadPresets()
  readonly #settings: SettingsDesk<P>
  readonly #snapshots: SnapshotDesk<P>
  readonly #files: FilesDesk
  readonly #imports: ImportDesk
  readonly #exports: ExportDesk
  readonly #automatic: AutoSnapshotSchedule
  readonly #media: MediaDesk
  readonly #shelf: ShelfDesk
  readonly #reviews: ReviewDesk
  readonly #pictures: Pick<CallHandlers<HostContract>, PictureCall>
  #clients = new Set<RpcServer<HostContract>>()
  #lastLogged = new Map<string, string>()
  /** Machines whose writes are thrown away at the end of their run. */
  #disposable = new Set<string>()
  /** Passphrases of encrypted disks of machines that run; they are nowhere else. */
  #secrets = new Map<string, readonly string[]>()
  /** Of each machine that was started: when its lock has been given back. */
  #locks = new Map<string, Promise<void>>()
  #purges = new Map<string, NodeJS.Timeout>()
  /** Changes of one record come one after the other. */
  #changing = new Map<string, Promise<unknown>>()

  private constructor(
    private readonly library: VmLibrary,
    recent: RecentMedia,
    startProcess: (id: string) => P,
    private readonly revealFile: RevealFile,
  ) {
    this.images = new Images(library.mediaFolder, recent)
    this.#log = new VmLog((id) => library.folderOf(id))
    this.supervisor = new Supervisor(
      startProcess,
      (id) => {
        this.#logStatus(id, this.supervisor.status(id))
        void this.#changed(id)
      },
      (id, fault) => this.#tellFault(id, fault),
    )
    this.#snapshots = new SnapshotDesk(library, this.supervisor, {
      exclusively: (id, change) => this.#exclusively(id, change),
      lockIsFree: (id) => this.#locks.get(id) ?? Promise.resolve(),
      start: (id, secrets) => this.#start(id, false, secrets),
      secrets: (id) => this.#secrets.get(id) ?? [],
      saveState: (id) => this.#saveState(id),
      isDisposable: (id) => this.#disposable.has(id),
      changed: (id) => this.#changed(id),
      merging: (id, state) => {
        for (const client of this.#clients) client.emit('merging', { id, ...state })
      },
      tellOf: (id) => this.#tellOf(id),
      note: (id, level, text) => this.#log.note(id, level, text),
    })
    const stateOf = async (id: string): Promise<VmState> => {
      const entry = await this.library.read(id)
      if (!entry) throw new RpcError('vm-unknown', { id })
      return (await this.#summaryOf(entry)).state
    }
    this.#files = new FilesDesk(library, {
      exclusively: (id, change) => this.#exclusively(id, change),
      stateOf,
      stopSettling: (id) => this.#snapshots.stopSettling(id),
      settle: (id) => this.#snapshots.settle(id),
      note: (id, level, text) => this.#log.note(id, level, text),
    })
    this.#imports = new ImportDesk(library, this.images, {
      tellOf: (id) => this.#tellOf(id),
      noteImport: (id, kind) => this.#log.note(id, 'info', `made after a machine of ${kind}`),
    })
    this.#exports = new ExportDesk(library, {
      stateOf,
      whileOff: (id, work) => this.#snapshots.whileOff(id, work),
      note: (id, level, text) => this.#log.note(id, level, text),
    })
    this.#automatic = new AutoSnapshotSchedule({
      isRunning: (id) => this.#state(id) === 'running',
      plan: async (id) => {
        const entry = this.supervisor.process(id) ? await this.library.read(id) : null
        if (!entry || 'problem' in entry || this.#disposable.has(id)) return null
        return { ...entry.record.autoSnapshots, ...(await this.#snapshots.automatic(id)) }
      },
      take: async (id) =>
        void (await this.#snapshots.take(
          id,
          { name: automaticName(), notes: '', isAutomatic: true },
          UNWATCHED,
        )),
      remove: (id, snapshot) => this.#snapshots.remove(id, snapshot),
      failed: (id, error) => this.#log.note(id, 'warning', `no automatic snapshot: ${textOf(error)}`),
    })
    this.#settings = new SettingsDesk(library, this.images, this.supervisor, {
      exclusively: (id, change) => this.#exclusively(id, change),
      stopSettling: (id) => this.#snapshots.stopSettling(id),
      settle: (id) => this.#snapshots.settle(id),
      changed: (id) => this.#changed(id),
      tellOf: (id) => this.#tellOf(id),
      armSnapshots: (id) => this.#automatic.arm(id),
    })
    this.#media = new MediaDesk(this.images, {
      driveSource: (id, drive) => this.#files.source(id, drive),
    })
    this.#shelf = new ShelfDesk(this.images, library, {
      checkAtRest: async (id) => {
        const state = await stateOf(id)
        if (state !== 'off' && state !== 'aborted') throw new RpcError('vm-busy', { id, state })
      },
      whileOff: (id, work) => this.#snapshots.whileOff(id, work),
    })
    this.#reviews = new ReviewDesk({
      chainOf: (image) => this.#shelf.chainOf(image),
      folderAt: (id) => this.folders.placeOf(id),
    })
    this.#pictures = pictureCalls(library, {
      exclusively: (id, change) => this.#exclusively(id, change),
      changed: (id) => this.#changed(id),
    })
    this.folders = new FolderDesk(library, {
      sentPlace: (folder) => this.#media.placeOf(folder),
      dropSent: (folder) => this.#media.drop(folder),
      tellOf: (id) => this.#tellOf(id),
      note: (id, text) => this.#log.note(id, 'info', text),
    })
  }

  /**
   * Opens the library at a folder; a new one gets the demo machine.
   * @param revealFile what shows files to whoever uses the windows
   */
  static async open<P extends VmProcess>(
    folder: string,
    startProcess: (id: string) => P,
    revealFile: RevealFile = () => Promise.resolve(false),
  ): Promise<HostService<P>> {
    const library = new VmLibrary(folder)
    if (await library.open()) await addDemo(library)
    await library.purge()
    const recent = await RecentMedia.open(join(folder, 'recent-media.json'))
    return new HostService(library, recent, startProcess, revealFile)
  }

  /** Answers one window or page until its channel closes. */
  serve(channel: Channel): void {
    const client = new RpcServer<HostContract>(
      hostContract,
      channel,
      {
        ...this.#calls,
        ...this.#settings.calls,
        ...this.#snapshots.calls,
        ...this.#files.calls,
        ...this.#imports.calls,
        ...this.#exports.calls,
        ...this.#media.calls,
        ...this.#shelf.calls,
        ...this.#reviews.calls,
        ...this.folders.calls,
        ...this.#pictures,
      },
      {},
      () => this.#clients.delete(client),
    )
    this.#clients.add(client)
  }

  /** Place of a file that was exported, by its name from the folder of exports on; null where none can be. */
  exported(name: string): string | null {
    const parts = name.split('/')
    const isPlain = parts.length <= 2 && parts.every((part) => /^[\w-][\w.-]*$/.test(part))
    return isPlain ? join(this.library.exportsFolder, ...parts) : null
  }

  async list(): Promise<VmSummary[]> {
    return Promise.all((await this.library.list()).map((entry) => this.#summaryOf(entry)))
  }

  /**
   * Ends every machine and its process.
   * @param running what becomes of machines that run: one whose state cannot be saved loses its power instead
   */
  async close(running: 'save' | 'shutDown' | 'powerOff' = 'powerOff'): Promise<void> {
    if (running === 'save')
      await Promise.all(
        this.supervisor.live.map((id) =>
          this.#saveState(id).catch((error) =>
            this.#log.note(id, 'error', `its state could not be saved: ${textOf(error)}`),
          ),
        ),
      )
    if (running === 'shutDown') await Promise.all(this.supervisor.live.map((id) => this.#shutDown(id)))
    await this.supervisor.close()
    await Promise.all(this.#locks.values())
    this.#automatic.close()
    await this.#snapshots.close()
    await this.#files.close()
    await this.#media.close()
    for (const timer of this.#purges.values()) clearTimeout(timer)
    await this.#log.flush()
  }

  readonly #calls: Omit<
    CallHandlers<HostContract>,
    | SettingsCall
    | SnapshotCall
    | FilesCall
    | ImportCall
    | ExportCall
    | MediaCall
    | ShelfCall
    | ReviewCall
    | FolderCall
    | PictureCall
  > = {
    list: () => this.list(),
    images: () => this.images.list(),
    presets: () => this.#presets,
    host: async () => ({
      version: version(),
      memoryMiB: Math.floor(totalmem() / 2 ** 20),
      freeMiB: Math.floor(freemem() / 2 ** 20),
      processors: cpus().length,
      platform: process.platform,
      hasPty: await hasPty(),
    }),
    activity: () => hostActivity(this.supervisor),
    create: (wish) => this.#create(wish),
    clone: ({ id, name, linked }, task) =>
      this.#snapshots.clone(id, null, name, linked ? 'linked' : 'full', task),
    remove: ({ id, files }) => this.#remove(id, files),
    showFolder: async ({ id }) => {
      const path = await this.library.placeOf(id)
      return { path, isShown: await this.revealFile(join(path, RECORD)) }
    },
    putBack: async ({ id }) => {
      await this.library.putBack(id)
      clearTimeout(this.#purges.get(id))
      this.#purges.delete(id)
      return this.#tellOf(id)
    },
    start: ({ id, disposable, secrets }) => this.#start(id, disposable, secrets),
    pause: ({ id }) => this.supervisor.client(id).call('pause', undefined),
    resume: ({ id }) => this.supervisor.client(id).call('resume', undefined),
    reset: ({ id }) => this.supervisor.client(id).call('reset', undefined),
    powerButton: ({ id }) => this.supervisor.client(id).call('powerButton', undefined),
    powerOff: ({ id }) => this.supervisor.powerOff(id),
    saveState: ({ id }) => this.#saveState(id),
    discardState: async ({ id }) => {
      await this.library.get(id)
      if (this.supervisor.process(id)) throw new RpcError('vm-busy', { id, state: this.#state(id) })
      await rm(await this.#savedState(id), { force: true })
      await rm(await this.#savedPicture(id), { force: true })
      this.#log.note(id, 'info', 'its saved state is discarded')
      await this.#changed(id)
    },
    // One after the other: what is put in last stays.
    insert: ({ id, drive, image }) =>
      this.#exclusively(id, async () => {
        const { path } = await this.images.find(image)
        await this.supervisor.client(id).call('insert', { drive, path, readonly: false })
        this.#log.note(id, 'info', `${drive}: ${path} is put in`)
        await this.#remember(id, drive, path)
        await this.images.noteUse(path)
      }),
    eject: ({ id, drive }) =>
      this.#exclusively(id, async () => {
        await this.supervisor.client(id).call('eject', { drive })
        this.#log.note(id, 'info', `${drive}: its medium is taken out`)
        await this.#remember(id, drive, null)
      }),
    log: async ({ id }) => {
      if (!(await this.library.read(id))) throw new RpcError('vm-unknown', { id })
      return this.#log.read(id)
    },
    thumbnail: async ({ id }) => {
      const state = this.#state(id)
      if (state === 'running' || state === 'paused')
        return this.supervisor.client(id).call('thumbnail', undefined)
      if (state === 'starting' || !(await exists(await this.#savedState(id)))) return null
      return readFile(await this.#savedPicture(id), 'base64').catch(() => null)
    },
  }

  async #create(wish: NewVm): Promise<VmSummary> {
    const preset = this.#presets.find(({ id }) => id === wish.preset) ?? null
    if (wish.preset !== null && !preset)
      throw new RpcError('bad-request', {
        name: 'create',
        reason: because('preset-missing', { preset: wish.preset }),
      })
    const images = await Promise.all(wish.images.map((id) => this.images.find(id)))
    const made = newMachine(wish, preset, images)
    const id = await this.library.create(made.record, {}, (folder) => made.prepare(folder))
    for (const { path } of images) await this.images.noteUse(path)
    this.#log.note(id, 'info', preset ? `made for ${preset.name}` : 'made')
    return this.#tellOf(id)
  }

  async #start(id: string, disposable: boolean, secrets: readonly string[]): Promise<void> {
    const record = await this.library.get(id)
    if (record.template) throw new RpcError('vm-template', { id })
    const { state } = this.supervisor.status(id)
    if (state !== 'off' && state !== 'aborted') throw new RpcError('vm-busy', { id, state })
    await this.#locks.get(id) // its process may be about to end
    this.#files.forget(id)
    await this.#snapshots.stopSettling(id)
    const lock = await VmLock.take(this.library.folderOf(id), id)
    const machine = new MachineStart(this.library, id)
    try {
      const { config, ...from } = await machine.prepare(disposable)
      const { memoryMiB, cpuModel, accel } = config
      this.#log.note(id, 'info', `starts: ${memoryMiB} MiB, processor ${cpuModel}, accelerator ${accel}`)
      const serial = record.serial.map((target) => this.#linkTarget(id, target))
      const order = {
        config,
        serial,
        execution: record.execution,
        clipboard: record.clipboard.direction,
        secrets: [...secrets],
        ...from,
      }
      const { stateRead } = await this.supervisor.start(id, order)
      const begun = machine.begun(stateRead)
      if (secrets.length > 0) this.#secrets.set(id, secrets)
      if (disposable) this.#disposable.add(id)
      await this.#automatic.arm(id)
      this.#snapshots.settle(id)
      const control = await this.#serveControl(id)
      this.#locks.set(
        id,
        this.supervisor.ended(id).then(async () => {
          this.#automatic.disarm(id)
          control?.close()
          this.#disposable.delete(id)
          await begun
          await lock.release()
          this.#snapshots.settle(id, this.#secrets.get(id))
          this.#secrets.delete(id)
        }),
      )
    } catch (error) {
      await machine.failed()
      await lock.release()
      if (!isAsking(error)) this.#log.note(id, 'error', `it could not be started: ${textOf(error)}`)
      throw error
    }
  }

  /** Lets the command line at a machine. One that cannot be reached by it runs all the same. */
  async #serveControl(id: string): Promise<ControlSocket | null> {
    const handlers: ControlHandlers = {
      state: () => ({ state: this.#state(id), pid: process.pid }),
      pause: () => this.supervisor.client(id).call('pause', undefined),
      resume: () => this.supervisor.client(id).call('resume', undefined),
      reset: () => this.supervisor.client(id).call('reset', undefined),
      powerButton: () => this.supervisor.client(id).call('powerButton', undefined),
      powerOff: () => this.supervisor.powerOff(id),
      saveState: () => this.#saveState(id),
      takeSnapshot: async (wish, task) => ({ id: await this.#snapshots.take(id, wish, task) }),
      deleteSnapshot: ({ snapshot }) => this.#snapshots.remove(id, snapshot),
      mergeSnapshots: (_, task) => this.#snapshots.settled(id, task),
    }
    try {
      return await serveControl(this.library.folderOf(id), handlers)
    } catch (error) {
      this.#log.note(id, 'warning', `the command line cannot reach it: ${textOf(error)}`)
      return null
    }
  }

  /** Presses the power button and waits for the guest; one that does not know it stays on. */
  async #shutDown(id: string): Promise<void> {
    const client = this.supervisor.client(id)
    if (this.#state(id) === 'paused') await client.call('resume', undefined)
    await client.call('powerButton', undefined)
    await Promise.race([
      this.supervisor.ended(id),
      new Promise((resolve) => setTimeout(resolve, SHUT_DOWN_MS).unref()),
    ])
  }

  async #saveState(id: string): Promise<void> {
    if (this.#disposable.has(id)) throw new RpcError('vm-disposable', { id })
    const client = this.supervisor.client(id)
    const picture = await client.call('thumbnail', undefined)
    await this.#snapshots.stopSettling(id)
    try {
      await client.call('saveState', { path: await this.#savedState(id) })
    } catch (error) {
      this.#snapshots.settle(id)
      throw error
    }
    await writeFileAtomically(await this.#savedPicture(id), Buffer.from(picture, 'base64'))
    this.#log.note(id, 'info', 'its state is saved')
    await this.supervisor.powerOff(id)
  }

  #linkTarget(id: string, target: SerialTarget): SerialLinkTarget {
    if (target.kind !== 'file') return target
    return { kind: 'file', path: join(this.library.folderOf(id), target.name) }
  }

  async #remove(id: string, files: 'keep' | 'delete'): Promise<void> {
    await this.#snapshots.checkUnused(id)
    await this.#snapshots.stopSettling(id)
    await this.supervisor.powerOff(id)
    await this.#locks.get(id)
    await this.#log.flush()
    await this.library.remove(id, files)
    clearTimeout(this.#purges.get(id))
    if (files === 'delete') {
      const timer = setTimeout(() => void this.library.purge(id).catch(() => {}), UNDO_MS)
      this.#purges.set(id, timer.unref())
    }
    for (const client of this.#clients) client.emit('removed', { id })
  }

  /** Keeps what lies in a drive for the next start, while nothing else changes the machine. */
  async #remember(id: string, drive: string, path: string | null): Promise<void> {
    const record = await this.library.get(id)
    const { drives } = record.machine
    const changed = drives.indexOf(configOf(drive, drives)!)
    if (changed < 0) return
    const machine = { ...record.machine, drives: drives.with(changed, { ...drives[changed]!, path }) }
    await this.library.update(id, { ...record, machine })
    await this.#changed(id)
  }

  async #exclusively<T>(id: string, change: () => Promise<T>): Promise<T> {
    const done = (this.#changing.get(id) ?? Promise.resolve()).then(change, change)
    this.#changing.set(id, done)
    try {
      return await done
    } finally {
      if (this.#changing.get(id) === done) this.#changing.delete(id)
    }
  }

  #state(id: string): VmStatus['state'] {
    return this.supervisor.status(id).state
  }

  /** File of the state that the machine goes on from. */
  async #savedState(id: string): Promise<string> {
    return join(this.library.folderOf(id), savedStateName(await this.library.get(id)))
  }

  async #savedPicture(id: string): Promise<string> {
    return join(this.library.folderOf(id), savedPictureName(await this.library.get(id)))
  }

  #summaryOf(entry: LibraryEntry): Promise<VmSummary> {
    return summaryOf(entry, this.library, this.supervisor.status(entry.id))
  }

  #tellFault(id: string, fault: HostFault): void {
    this.#log.note(id, 'error', faultText(fault))
    for (const client of this.#clients) client.emit('fault', { id, fault })
  }

  #logStatus(id: string, { state, reason }: VmStatus): void {
    const text = reason === null ? `it is ${state}` : `it is ${state}: ${inWords(reason)}`
    if (this.#lastLogged.get(id) === text) return
    this.#lastLogged.set(id, text)
    this.#log.note(id, state === 'aborted' ? 'error' : 'info', text)
  }

  async #changed(id: string): Promise<void> {
    const entry = await this.library.read(id)
    if (!entry) return
    const summary = await this.#summaryOf(entry)
    for (const client of this.#clients) client.emit('changed', summary)
  }

  /** Tells every window of a machine that may be new. */
  async #tellOf(id: string): Promise<VmSummary> {
    const entry = await this.library.read(id)
    if (!entry) throw new RpcError('vm-unknown', { id })
    const summary = await this.#summaryOf(entry)
    for (const client of this.#clients) client.emit('changed', summary)
    return summary
  }
}

/** By the host's clock, as it is read there. */
function automaticName(): string {
  const now = new Date()
  const two = (part: number): string => String(part).padStart(2, '0')
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-')
  return `${day} ${two(now.getHours())}:${two(now.getMinutes())}`
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Which configured drive a running machine's drive is; floppy drives by their number, a CD-ROM drive when there is but one. */
function configOf(id: string, drives: readonly DriveConfig[]): DriveConfig | undefined {
  const floppy = /^floppy(\d)$/.exec(id)
  if (floppy) return drives.filter(({ kind }) => kind === 'floppy')[Number(floppy[1])]
  const optical = drives.filter(({ kind }) => kind === 'cdrom')
  return optical.length === 1 ? optical[0] : undefined
}

/** The machine that is there at the first start, so that the first click shows something. */
async function addDemo(library: VmLibrary): Promise<void> {
  const image = await readFile(bundled('guests', 'diagnostic.img')).catch(() => null)
  if (!image) return
  const drives = [
    { kind: 'floppy', path: 'diagnostic.img' },
    { kind: 'cdrom', path: null },
  ]
  const machine = { version: 1, memoryMiB: 32, drives, boot: ['floppy', 'cdrom'] }
  const record = v.parse(VmRecord, { version: 1, name: 'Vitrine diagnostics', icon: 'lab', machine })
  await library.create(record, { 'diagnostic.img': image })
}

/** Nothing went wrong: somebody has to give a passphrase first. */
const isAsking = (error: unknown): boolean => error instanceof RpcError && error.code === 'passphrase-missing'

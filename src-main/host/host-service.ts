import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import * as v from 'valibot'
import type { Channel } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract, type NewVm } from '../../engine/protocol/host-contract.ts'
import type { DriveConfig } from '../../engine/protocol/machine-config.ts'
import { RpcServer, type CallHandlers } from '../../engine/protocol/rpc.ts'
import { VmRecord, type VmSummary } from '../../engine/protocol/vm.ts'
import { Images } from './images.ts'
import { VmLibrary, type LibraryEntry } from './library.ts'
import { bundled } from './locations.ts'
import { Supervisor } from './supervisor.ts'
import type { VmProcess } from './vm-process.ts'

/** The library and its machines, served to any number of windows and pages. */
export class HostService<P extends VmProcess> {
  readonly images: Images
  readonly supervisor: Supervisor<P>
  #clients = new Set<RpcServer<HostContract>>()

  private constructor(
    private readonly library: VmLibrary,
    startProcess: (id: string) => P,
  ) {
    this.images = new Images(library.mediaFolder)
    this.supervisor = new Supervisor(startProcess, (id) => void this.#changed(id))
  }

  /** Opens the library at a folder; a new one gets the demo machine. */
  static async open<P extends VmProcess>(
    folder: string,
    startProcess: (id: string) => P,
  ): Promise<HostService<P>> {
    const library = new VmLibrary(folder)
    if (await library.open()) await addDemo(library)
    return new HostService(library, startProcess)
  }

  /** Answers one window or page until its channel closes. */
  serve(channel: Channel): void {
    const client = new RpcServer<HostContract>(hostContract, channel, this.#calls, {}, () =>
      this.#clients.delete(client),
    )
    this.#clients.add(client)
  }

  async list(): Promise<VmSummary[]> {
    return (await this.library.list()).map((entry) => this.#summary(entry))
  }

  async close(): Promise<void> {
    await this.supervisor.close()
  }

  #calls: CallHandlers<HostContract> = {
    list: () => this.list(),
    images: () => this.images.list(),
    create: (wish) => this.#create(wish),
    remove: async ({ id }) => {
      await this.supervisor.powerOff(id)
      await this.library.remove(id)
      for (const client of this.#clients) client.emit('removed', { id })
    },
    start: async ({ id }) => this.supervisor.start(id, await this.library.machineConfig(id)),
    pause: ({ id }) => this.supervisor.client(id).call('pause', undefined),
    resume: ({ id }) => this.supervisor.client(id).call('resume', undefined),
    reset: ({ id }) => this.supervisor.client(id).call('reset', undefined),
    powerButton: ({ id }) => this.supervisor.client(id).call('powerButton', undefined),
    powerOff: ({ id }) => this.supervisor.powerOff(id),
    insert: async ({ id, drive, image }) => {
      const { path } = await this.images.find(image)
      await this.supervisor.client(id).call('insert', { drive, path, readonly: false })
      await this.#remember(id, drive, path)
    },
    eject: async ({ id, drive }) => {
      await this.supervisor.client(id).call('eject', { drive })
      await this.#remember(id, drive, null)
    },
  }

  async #create({ name, memoryMiB, image }: NewVm): Promise<VmSummary> {
    const chosen = image === null ? null : await this.images.find(image)
    // Floppy and CD drives are always there, so that a medium can be put in later.
    const kinds =
      chosen?.kind === 'disk' ? (['floppy', 'disk', 'cdrom'] as const) : (['floppy', 'cdrom'] as const)
    const drives = kinds.map((kind) => ({ kind, path: chosen?.kind === kind ? chosen.path : null }))
    const boot = chosen ? [chosen.kind, ...kinds.filter((kind) => kind !== chosen.kind)] : [...kinds]
    const record = v.parse(VmRecord, { version: 1, name, machine: { version: 1, memoryMiB, drives, boot } })
    const id = await this.library.create(record)
    const summary = this.#summary({ id, record })
    for (const client of this.#clients) client.emit('changed', summary)
    return summary
  }

  /** Keeps what lies in a drive for the next start. */
  async #remember(id: string, drive: string, path: string | null): Promise<void> {
    const record = await this.library.get(id)
    const { drives } = record.machine
    const changed = drives.indexOf(configOf(drive, drives)!)
    if (changed < 0) return
    const machine = { ...record.machine, drives: drives.with(changed, { ...drives[changed]!, path }) }
    await this.library.update(id, { ...record, machine })
    await this.#changed(id)
  }

  async #changed(id: string): Promise<void> {
    const entry = await this.library.read(id)
    if (entry) for (const client of this.#clients) client.emit('changed', this.#summary(entry))
  }

  #summary(entry: LibraryEntry): VmSummary {
    const { id } = entry
    if ('problem' in entry)
      return { id, name: id, state: 'inaccessible', reason: entry.problem, memoryMiB: null, drives: [] }
    const { name, machine } = entry.record
    const drives = machine.drives.map(({ kind, path }) => ({
      kind,
      name: path === null ? null : basename(path),
    }))
    return { id, name, ...this.supervisor.status(id), memoryMiB: machine.memoryMiB, drives }
  }
}

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
  const record = v.parse(VmRecord, { version: 1, name: 'Vitrine diagnostics', machine })
  await library.create(record, { 'diagnostic.img': image })
}

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { USUAL_CLIPBOARD } from '../../engine/protocol/clipboard.ts'
import type { Channel } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import type { MachineConfig } from '../../engine/protocol/machine-config.ts'
import { RpcError, RpcServer } from '../../engine/protocol/rpc.ts'
import {
  USUAL_DISPLAY,
  USUAL_EXECUTION,
  USUAL_INPUT,
  type HostFault,
  type VmSummary,
} from '../../engine/protocol/vm.ts'
import type { MachineThread } from '../../engine/service/machine-thread.ts'
import type { MachineViews } from '../../engine/service/machine-views.ts'
import { serveViews } from '../vm-process/view-server.ts'
import { WebHost } from '../web/web-host.ts'

const ID = 'run'

/** The interface on a machine that runs in this process and is in no library: `--display web`. */
export class WebDisplay {
  #clients = new Set<RpcServer<HostContract>>()
  #web: WebHost
  #views: ReturnType<typeof serveViews>

  private constructor(
    private readonly thread: MachineThread,
    private readonly config: MachineConfig,
    private readonly folder: string,
  ) {
    const windows = process.platform === 'win32'
    const socket = windows ? `\\\\.\\pipe\\vitrine-${randomBytes(8).toString('hex')}` : join(folder, 'view')
    this.#views = serveViews(socket)
    this.#web = new WebHost({
      serve: (channel) => this.#serve(channel),
      viewSocket: (id) => (id === ID ? socket : null),
      store: () => Promise.reject(new RpcError('not-in-library')),
      exported: () => null,
    })
  }

  static async open(thread: MachineThread, views: MachineViews, config: MachineConfig): Promise<WebDisplay> {
    const display = new WebDisplay(thread, config, await mkdtemp(join(tmpdir(), 'vitrine-')))
    await display.#views.listening
    display.#views.serve(views)
    await display.#web.listen(0)
    process.stderr.write(`The screen is at ${display.#web.loginAddress()}\n`)
    return display
  }

  /** The machine's state has changed. */
  changed(): void {
    for (const client of this.#clients) client.emit('changed', this.#summary())
  }

  /** The host failed the machine. */
  failed(fault: HostFault): void {
    for (const client of this.#clients) client.emit('fault', { id: ID, fault })
  }

  async close(): Promise<void> {
    this.#web.close()
    this.#views.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  #serve(channel: Channel): void {
    const { thread } = this
    const never = (): never => {
      throw new RpcError('not-in-library')
    }
    const client = new RpcServer<HostContract>(
      hostContract,
      channel,
      {
        list: () => [this.#summary()],
        images: () => [],
        reviewFolder: never,
        reviewedFile: never,
        takeChanges: never,
        endReview: never,
        presets: () => [],
        host: never,
        activity: never,
        create: never,
        settings: never,
        change: never,
        choose: never,
        clone: never,
        remove: never,
        showFolder: never,
        putBack: never,
        start: never,
        pause: () => thread.ask('pause'),
        resume: () => thread.ask('resume'),
        reset: () => thread.ask('reset'),
        powerButton: () => thread.ask('powerButton'),
        powerOff: () => thread.powerOff(),
        saveState: never,
        discardState: never,
        snapshots: () => ({ snapshots: [], current: null, startFrom: null }),
        takeSnapshot: never,
        restoreSnapshot: never,
        deleteSnapshot: never,
        editSnapshot: never,
        cloneSnapshot: never,
        startFrom: never,
        snapshotPicture: () => null,
        compareSnapshots: never,
        snapshotMemory: never,
        holdMerge: never,
        stopMerge: never,
        driveContents: () => [],
        unlockDrive: never,
        lockDrives: never,
        driveFiles: never,
        driveTree: never,
        readDriveFile: never,
        writeDriveFile: never,
        planImport: never,
        importMachine: never,
        planFolder: never,
        addFolder: never,
        planExport: never,
        exportMachine: never,
        beginFolder: never,
        addToFolder: never,
        dropFolder: never,
        mediumOfFolder: never,
        compareMedia: never,
        shelf: never,
        makeImage: never,
        convertImage: never,
        resizeImage: never,
        compactImage: never,
        checkImage: never,
        changePassphrase: never,
        removeImage: never,
        insert: never,
        eject: ({ drive }) => thread.ask('eject', drive),
        log: () => [],
        thumbnail: never,
        picture: never,
        setPicture: never,
      },
      {},
      () => this.#clients.delete(client),
    )
    this.#clients.add(client)
  }

  #summary(): VmSummary {
    const { kind } = this.thread.state ?? { kind: 'off' }
    const { memoryMiB, cpuModel, drives } = this.config
    return {
      id: ID,
      name: 'vitrine run',
      state: kind === 'running' || kind === 'paused' ? kind : 'off',
      reason: null,
      icon: 'pc',
      picture: null,
      group: '',
      tags: [],
      notes: '',
      template: false,
      display: USUAL_DISPLAY,
      execution: USUAL_EXECUTION,
      keyboardLayout: 'us',
      input: USUAL_INPUT,
      clipboard: USUAL_CLIPBOARD,
      memoryMiB,
      cpuModel,
      drives: drives.map((drive) => ({
        kind: drive.kind,
        name: drive.path === null ? null : basename(drive.path),
      })),
    }
  }
}

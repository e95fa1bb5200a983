import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostContract, LogEntry } from '../../engine/protocol/host-contract.ts'
import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { type CallHandlers, RpcError } from '../../engine/protocol/rpc.ts'
import type { VmState } from '../../engine/protocol/vm.ts'
import { differencesOf, exportMachine, stemOf } from '../../engine/service/export/export-machine.ts'
import { asShellCommand, qemuCommand } from '../../engine/service/export/qemu-command.ts'
import { inTurns } from './in-turns.ts'
import type { VmLibrary } from './library.ts'

export type ExportCall = 'planExport' | 'exportMachine'

/** What the desk needs of the host that it belongs to. */
interface Host {
  stateOf(id: string): Promise<VmState>
  /** Has a machine that is off to itself meanwhile. Throws `vm-busy`, `vm-locked`. */
  whileOff<T>(id: string, work: () => Promise<T>): Promise<T>
  note(id: string, level: LogEntry['level'], text: string): void
}

/** Answers windows that give machines to other programs. What is written lies in a folder of the library. */
export class ExportDesk {
  constructor(
    private readonly library: VmLibrary,
    private readonly host: Host,
  ) {}

  readonly calls: Pick<CallHandlers<HostContract>, ExportCall> = {
    planExport: async ({ id, kind }) => {
      const { name } = await this.library.get(id)
      const config = await this.library.machineConfig(id)
      if (kind !== 'qemu') return { command: null, differences: await this.#differences(id, kind) }
      const { words, differences } = qemuCommand(name, config)
      return { command: asShellCommand(words), differences }
    },
    exportMachine: async ({ id, kind }, { signal, progress }) => {
      const { name, notes } = await this.library.get(id)
      const folder = this.library.exportsFolder
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const own = await this.#freeName(stemOf(name), kind === 'ova' ? '.ova' : '')
      const place = join(folder, own)
      const { files } = await this.host.whileOff(id, async () => {
        const config = await this.library.machineConfig(id)
        const work = exportMachine(place, { kind, name, notes, config, nowMs: Date.now() })
        return inTurns(work, signal, progress)
      })
      this.host.note(id, 'info', `exported to ${place}`)
      return { place, files: kind === 'ova' ? files : files.map((file) => `${own}/${file}`) }
    },
  }

  async #differences(id: string, kind: 'ova' | 'ovf' | 'libvirt'): Promise<Reason[]> {
    const state = await this.host.stateOf(id)
    if (state !== 'off' && state !== 'aborted' && state !== 'saved')
      throw new RpcError('vm-busy', { id, state })
    const lines = differencesOf({ kind, config: await this.library.machineConfig(id) })
    return state === 'saved' ? [because('export-saved'), ...lines] : lines
  }

  async #freeName(stem: string, ending: string): Promise<string> {
    const taken = new Set(await readdir(this.library.exportsFolder))
    for (let number = 1; ; number++) {
      const name = `${stem}${number === 1 ? '' : `-${number}`}${ending}`
      if (!taken.has(name)) return name
    }
  }
}

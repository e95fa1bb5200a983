import { basename } from 'node:path'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import type { ImportReport, ImportSource } from '../../engine/protocol/media.ts'
import { because, technical } from '../../engine/protocol/reasons.ts'
import { type CallHandlers, RpcError } from '../../engine/protocol/rpc.ts'
import type { VmSummary } from '../../engine/protocol/vm.ts'
import { type ImportPlan, planImport } from '../../engine/service/import/import-machine.ts'
import type { Images } from './images.ts'
import { importedMachine } from './imported-machine.ts'
import { inTurns } from './in-turns.ts'
import type { VmLibrary } from './library.ts'

export type ImportCall = 'planImport' | 'importMachine'

/** What the desk needs of the host that it belongs to. */
interface Host {
  tellOf(id: string): Promise<VmSummary>
  noteImport(id: string, kind: string): void
}

/** Answers windows that bring machines of other programs. Files are named by the ids of images, as everywhere. */
export class ImportDesk {
  constructor(
    private readonly library: VmLibrary,
    private readonly images: Images,
    private readonly host: Host,
  ) {}

  readonly calls: Pick<CallHandlers<HostContract>, ImportCall> = {
    planImport: async (source) => reportOf((await this.#plan(source)).plan),
    importMachine: async ({ source, name }, { signal, progress }) => {
      const { path, plan } = await this.#plan(source)
      const machine = importedMachine(path, plan, name)
      if (typeof machine === 'string')
        throw new RpcError('file-unusable', {
          path,
          reason: because('import-settings', { detail: technical(machine) }),
        })
      const id = await this.library.create(machine.record, {}, (folder) =>
        inTurns(machine.copies(folder), signal, progress),
      )
      this.host.noteImport(id, plan.kind)
      return this.host.tellOf(id)
    },
  }

  async #plan({ image, given }: ImportSource): Promise<{ path: string; plan: ImportPlan }> {
    const { path } = await this.images.find(image)
    const places = await Promise.all(
      given.map(async ({ name, image: id }) => [name, (await this.images.find(id)).path] as const),
    )
    return { path, plan: planImport(path, { given: new Map(places) }) }
  }
}

function reportOf({ kind, name, machine, items, converted, missing }: ImportPlan): ImportReport {
  return {
    kind,
    name,
    memoryMiB: machine.memoryMiB ?? 0,
    cpuModel: machine.cpuModel ?? '',
    drives: (machine.drives ?? []).map((drive, index) => ({
      kind: drive.kind,
      name: drive.path === null ? null : basename(drive.path),
      isCopied: converted.includes(index),
    })),
    items,
    missing,
  }
}

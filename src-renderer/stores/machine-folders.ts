import { defineStore } from 'pinia'
import { MAX_SENT_RECORD, type FolderReport } from '../../engine/protocol/machine-folder.ts'
import { because } from '../../engine/protocol/reasons.ts'
import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import type { ChosenFolder, FolderFile } from '../files/folder-files.ts'
import { useMachines } from './machines.ts'
import { useMedia } from './media.ts'

/** A folder of a machine as this front knows it: by the host's id of its place, or by its contents alone. */
export type MachineFolder =
  | { by: 'place'; folder: string }
  | { by: 'contents'; name: string; files: FolderFile[]; record: string }

/** Brings folders of machines into the library. */
export const useMachineFolders = defineStore('machine-folders', () => {
  const machines = useMachines()
  const media = useMedia()

  return {
    /** Reads what is known of a folder whose place is not. Throws `machine-folder-unusable`. */
    async ofContents({ name, files }: ChosenFolder): Promise<MachineFolder> {
      const record = files.find(({ path }) => path.join('/') === 'vm.json')?.file
      if (!record) throw new RpcError('machine-folder-unusable', { reason: because('record-missing') })
      if (record.size > MAX_SENT_RECORD)
        throw new RpcError('machine-folder-unusable', { reason: because('record-too-large') })
      return { by: 'contents', name, files, record: await record.text() }
    },
    plan: async (from: MachineFolder): Promise<FolderReport> =>
      machines.host().call('planFolder', from.by === 'place' ? from : { by: 'record', record: from.record }),
    /** @param path where its folder lies on the host, for one whose contents alone are known */
    async addWhereItIs(from: MachineFolder, path: string): Promise<void> {
      const wish =
        from.by === 'place'
          ? ({ how: 'stay', folder: from.folder } as const)
          : ({ how: 'there', path, record: from.record } as const)
      machines.reveal(await machines.host().call('addFolder', wish))
    },
    async addCopy(from: MachineFolder, task: CallTask): Promise<void> {
      if (from.by === 'place')
        return machines.reveal(
          await machines.host().call('addFolder', { how: 'copy', folder: from.folder }, task),
        )
      // Sending is nearly all of it.
      const { signal } = task
      const sending = { signal, progress: (part: number) => task.progress(part * 0.9) }
      const folder = await media.send(from.files, sending)
      const rest = { signal, progress: (part: number) => task.progress(0.9 + part / 10) }
      machines.reveal(await machines.host().call('addFolder', { how: 'sent', folder }, rest))
    },
  }
})

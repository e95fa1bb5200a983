import { defineStore } from 'pinia'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { FILE_PIECE_BYTES } from '../../engine/protocol/drive-files.ts'
import type {
  EXPORT_PLANS,
  ExportPlan,
  ExportResult,
  FileChanges,
  FolderMedium,
  ImportReport,
  ImportSource,
  MediumSide,
} from '../../engine/protocol/media.ts'
import type { FolderFile } from '../files/folder-files.ts'
import type { CallTask } from '../../engine/protocol/rpc.ts'
import { toBase64 } from './base64.ts'
import { useMachines } from './machines.ts'

export type ExportChoice = (typeof EXPORT_PLANS)[number]

/** Machines of other programs, media that are made of folders, and what differs between two of them. */
export const useMedia = defineStore('media', () => {
  const machines = useMachines()

  /** Sends a folder to the host. @returns its id there */
  async function send(files: readonly FolderFile[], task: CallTask): Promise<string> {
    const host = machines.host()
    const folder = await host.call('beginFolder', undefined)
    const total = files.reduce((sum, { file }) => sum + file.size, 0)
    let sent = 0
    try {
      for (const { path, file } of files) {
        let from = 0
        do {
          if (task.signal.aborted) throw new DOMException('', 'AbortError')
          const piece = new Uint8Array(await file.slice(from, from + FILE_PIECE_BYTES).arrayBuffer())
          const data = toBase64(piece)
          await host.call('addToFolder', { folder, path, from, modifiedMs: file.lastModified, data })
          from += piece.length
          sent += piece.length
          task.progress(total === 0 ? 1 : sent / total)
        } while (from < file.size)
      }
    } catch (error) {
      await host.call('dropFolder', { folder })
      throw error
    }
    return folder
  }

  return {
    send,
    plan: async (source: ImportSource): Promise<ImportReport> => machines.host().call('planImport', source),
    importMachine: async (source: ImportSource, name: string, task: CallTask): Promise<void> =>
      machines.reveal(await machines.host().call('importMachine', { source, name }, task)),
    /** Deletes what was sent for an import: nothing lists it. */
    removeSent: async (image: string): Promise<void> => machines.host().call('removeImage', { image }),
    planExport: async (id: string, kind: ExportChoice): Promise<ExportPlan> =>
      machines.host().call('planExport', { id, kind }),
    exportMachine: async (
      id: string,
      kind: Exclude<ExportChoice, 'qemu'>,
      task: CallTask,
    ): Promise<ExportResult> => machines.host().call('exportMachine', { id, kind }, task),
    mediumOf: async (
      files: readonly FolderFile[],
      wish: Omit<FolderMedium, 'folder'>,
      task: CallTask,
    ): Promise<ImageChoice> => {
      // Sending is most of it, and the rest is told apart.
      const half = (start: number): CallTask => ({
        signal: task.signal,
        progress: (part) => task.progress(start + part / 2),
      })
      const folder = await send(files, half(0))
      return machines.host().call('mediumOfFolder', { ...wish, folder }, half(0.5))
    },
    compare: async (before: MediumSide, after: MediumSide, task: CallTask): Promise<FileChanges> =>
      machines.host().call('compareMedia', { before, after, partition: null }, task),
  }
})

import { defineStore } from 'pinia'
import {
  type DriveContents,
  type DriveEntry,
  type DriveTree,
  FILE_PIECE_BYTES,
} from '../../engine/protocol/drive-files.ts'
import { MAX_ZIP_BYTES, type ZipEntry, zipOf } from '../files/zip.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { useLocale } from './locale.ts'
import { useMachines } from './machines.ts'

/** A folder or file on a drive of a machine. */
export interface Place {
  id: string
  drive: number
  partition: number
  /** Names with slashes between them. */
  path: string
}

/** Files on the drives of machines that are off; they cross piece by piece. */
export const useDriveFiles = defineStore('drive-files', () => {
  const machines = useMachines()

  /** @param onProgress told how much of it has come, 0 to 1 */
  async function read(place: Place, bytes: number, onProgress: (part: number) => void): Promise<Blob> {
    const pieces: Uint8Array<ArrayBuffer>[] = []
    for (let from = 0; from < bytes;) {
      const piece = fromBase64(await machines.host().call('readDriveFile', { ...place, from }))
      if (piece.length === 0) break
      pieces.push(piece)
      from += piece.length
      onProgress(from / bytes)
    }
    return new Blob(pieces)
  }

  async function write(folder: Place, file: File, onProgress: (part: number) => void): Promise<void> {
    const { name, size: totalBytes } = file
    let from = 0
    do {
      const piece = new Uint8Array(await file.slice(from, from + FILE_PIECE_BYTES).arrayBuffer())
      const data = toBase64(piece)
      await machines
        .host()
        .call('writeDriveFile', { ...folder, name, from, totalBytes, data, replaces: false })
      from += piece.length
      onProgress(totalBytes === 0 ? 1 : from / totalBytes)
    } while (from < totalBytes)
  }

  /** A folder with all in it as an archive; links and devices are left out. */
  async function readFolder(folder: Place, onProgress: (part: number) => void): Promise<Blob> {
    const tree: DriveTree = await machines.host().call('driveTree', { ...folder })
    const total = tree.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
    // The archive's own headers are a small part of it.
    if (total > MAX_ZIP_BYTES - 2 ** 24) throw new Error(useLocale().t('files.tooMuch'))
    const entries: ZipEntry[] = []
    let done = 0
    for (const { path, kind, bytes, modifiedMs } of tree) {
      if (kind === 'other') continue
      const place = { ...folder, path: [folder.path, path].filter(Boolean).join('/') }
      const size = bytes ?? 0
      const contents =
        kind === 'file'
          ? await read(place, size, (part) => onProgress((done + part * size) / Math.max(1, total)))
          : null
      entries.push({ path, modifiedMs, contents })
      done += size
    }
    return zipOf(entries)
  }

  return {
    contents: async (id: string): Promise<DriveContents[]> => machines.host().call('driveContents', { id }),
    /** Throws `passphrase-wrong`. */
    unlock: async (id: string, drive: number, secret: string): Promise<void> =>
      machines.host().call('unlockDrive', { id, drive, secret }),
    lock: async (id: string): Promise<void> => machines.host().call('lockDrives', { id }),
    list: async (folder: Place): Promise<DriveEntry[]> => machines.host().call('driveFiles', { ...folder }),
    read,
    readFolder,
    write,
  }
})

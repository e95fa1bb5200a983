import { defineStore } from 'pinia'
import { type DriveContents, type DriveEntry, FILE_PIECE_BYTES } from '../../engine/protocol/drive-files.ts'
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

  return {
    contents: async (id: string): Promise<DriveContents[]> => machines.host().call('driveContents', { id }),
    list: async (folder: Place): Promise<DriveEntry[]> => machines.host().call('driveFiles', { ...folder }),
    read,
    write,
  }
})

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))

/** In parts that fit on the stack as arguments. */
function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

import { constants, copyFile as copyWhole, open, rm, type FileHandle } from 'node:fs/promises'
import type { CallTask } from '../../engine/protocol/rpc.ts'
import { checkWanted } from './task.ts'

const PIECE_BYTES = 4 << 20

/**
 * Copies a file to where none is. Where the file system can, both share the blocks until one is written; else it is
 * copied piece by piece, and pieces of zeros stay holes. Throws `cancelled`, and leaves nothing then.
 */
export async function copyFile(from: string, to: string, task: CallTask): Promise<void> {
  try {
    return await copyWhole(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
  } catch {
    // It shares no blocks: they are copied, and that says what is wrong if anything is.
  }
  try {
    await copyPieces(from, to, task)
  } catch (error) {
    if (!isThere(error)) await rm(to, { force: true })
    throw error
  }
}

async function copyPieces(from: string, to: string, task: CallTask): Promise<void> {
  const source = await open(from, 'r')
  try {
    const { size } = await source.stat()
    const target = await open(to, 'wx', 0o600)
    try {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.max(1, size)))
      const zeros = Buffer.alloc(piece.length)
      for (let at = 0; at < size;) {
        checkWanted(task)
        const { bytesRead } = await source.read(piece, 0, piece.length, at)
        if (bytesRead === 0) break // somebody has cut it meanwhile
        const isHole = piece.compare(zeros, 0, bytesRead, 0, bytesRead) === 0
        if (!isHole) await writeAll(target, piece.subarray(0, bytesRead), at)
        at += bytesRead
        task.progress(at / size)
      }
      await target.truncate(size)
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function writeAll(target: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await target.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}

const isThere = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST'

import { because } from '../protocol/reasons.ts'
import { DiskError } from '../storage/block-image.ts'
import { openHostFile, unusable } from '../storage/host-file.ts'

/**
 * Reads a whole file that a machine is built with: firmware, a kernel, a module.
 * Throws `file-unusable` for what is no plain file of 1 to `mostBytes` bytes.
 * @param what the file is, to say why so many bytes are too many
 */
export function readFile(path: string, what: string, mostBytes: number): Uint8Array {
  const file = openHostFile(path, false)
  try {
    const { size } = file
    if (size > mostBytes)
      throw unusable(path, because('file-too-large-for', { bytes: size, what, most: mostBytes }))
    const bytes = new Uint8Array(size)
    file.readAt(0, bytes)
    return bytes
  } catch (error) {
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  } finally {
    file.close()
  }
}

import { open } from 'node:fs/promises'

/** Returns when what anybody wrote to a file is on the host's disk. */
export async function syncFile(path: string): Promise<void> {
  // For writing, since Windows flushes no other files.
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

import { VmLibrary } from '../host/library.ts'
import { libraryFolder } from '../host/locations.ts'
import { VmLock } from '../host/vm-lock.ts'

/** The user's library, made when there is none yet. */
export async function openLibrary(): Promise<VmLibrary> {
  const library = new VmLibrary(libraryFolder())
  await library.open()
  return library
}

export const print = (line: string): void => void process.stdout.write(line + '\n')

/** Does something with a machine that nobody runs. Throws `vm-unknown`, `vm-locked`. */
export async function whileLocked<T>(library: VmLibrary, id: string, work: () => Promise<T>): Promise<T> {
  await library.get(id)
  const lock = await VmLock.take(library.folderOf(id), id)
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

import { VmLibrary } from '../host/library.ts'
import { libraryFolder } from '../host/locations.ts'

/** The user's library, made when there is none yet. */
export async function openLibrary(): Promise<VmLibrary> {
  const library = new VmLibrary(libraryFolder())
  await library.open()
  return library
}

export const print = (line: string): void => void process.stdout.write(line + '\n')

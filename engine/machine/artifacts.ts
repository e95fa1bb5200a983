import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Path of a file that the build makes for the engine (ROM images, Wasm modules): out/engine, seen from a bundle
 * in out/ or from this source file; ROM images are also kept with the sources.
 */
export function artifact(name: string): string {
  const candidates = ['../engine/', '../../out/engine/', '../../resources/firmware/'].map((folder) =>
    fileURLToPath(new URL(folder + name, import.meta.url)),
  )
  return candidates.find((path) => existsSync(path)) ?? candidates[0]!
}

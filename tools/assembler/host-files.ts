import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Files } from './source.ts'

/** Source files of the host; included ones are looked for beside the file that names them, then in `folders`. */
export function hostFiles(folders: readonly string[] = []): Files {
  return {
    readText: (path) => readFileSync(path, 'utf8'),
    readBytes: (path) => readFileSync(path),
    find: (name, includedFrom) =>
      [dirname(includedFrom), ...folders]
        .map((folder) => resolve(folder, name))
        .find((path) => existsSync(path)) ?? null,
  }
}

/** A file of a folder that the user chose. */
export interface FolderFile {
  /** Names from the folder on. */
  path: string[]
  file: File
}

export interface ChosenFolder {
  name: string
  files: FolderFile[]
}

/** What an input for folders gives; empty folders are not among it. Null for nothing. */
export function chosenFolder(given: Iterable<File> | null): ChosenFolder | null {
  const files = [...(given ?? [])].map((file) => ({ path: file.webkitRelativePath.split('/'), file }))
  const name = files[0]?.path[0]
  return name === undefined
    ? null
    : { name, files: files.map(({ path, file }) => ({ path: path.slice(1), file })) }
}

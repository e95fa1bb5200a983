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

/** What is in a folder that was dropped on a page. */
export async function droppedFolder(folder: FileSystemDirectoryEntry): Promise<ChosenFolder> {
  return { name: folder.name, files: await filesBelow(folder, []) }
}

async function filesBelow(folder: FileSystemDirectoryEntry, path: string[]): Promise<FolderFile[]> {
  const files: FolderFile[] = []
  for (const entry of await entriesOf(folder)) {
    const at = [...path, entry.name]
    if (isFolder(entry)) files.push(...(await filesBelow(entry, at)))
    else if (isFile(entry)) files.push({ path: at, file: await fileOf(entry) })
  }
  return files
}

/** A reader gives some entries at a time, and none at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return all
    all.push(...some)
  }
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject))

export const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile

import type { ChangesTaken, ReviewedChange } from '../../engine/protocol/folder-review.ts'

/**
 * Makes changes in a folder that a browser lends the page, which lets nothing out of it; names that the browser does not
 * have are left out. A file is there whole or as it was.
 *
 * @param replaces whether files may be replaced and removed; where not, and there are such, nothing is done
 * @param read gives a file as the guest left it
 */
export async function takeIntoLent(
  folder: FileSystemDirectoryHandle,
  changes: readonly ReviewedChange[],
  replaces: boolean,
  read: (change: ReviewedChange) => Promise<Blob>,
): Promise<ChangesTaken> {
  const files = changes.filter(({ kind }) => kind === 'file')
  if (!replaces) {
    const there = await Promise.all(files.map(async ({ path }) => ((await has(folder, path)) ? [path] : [])))
    if (there.flat().length > 0) return { conflicts: there.flat(), taken: 0, left: [] }
  }
  const left: string[] = []
  const isRemoved = ({ change }: ReviewedChange): boolean => change === 'removed'
  // What a folder holds is removed before the folder.
  const ordered = [...changes.filter((one) => !isRemoved(one)), ...changes.filter(isRemoved).toReversed()]
  for (const change of ordered)
    try {
      await takeOne(folder, change, read)
    } catch (error) {
      if (!isOfName(error)) throw error
      left.push(change.path)
    }
  return { conflicts: [], taken: ordered.length - left.length, left }
}

async function takeOne(
  root: FileSystemDirectoryHandle,
  change: ReviewedChange,
  read: (change: ReviewedChange) => Promise<Blob>,
): Promise<void> {
  const names = change.path.split('/')
  const name = names.pop()!
  if (change.change === 'removed') return (await folderAt(root, names, false)).removeEntry(name)
  const folder = await folderAt(root, names, true)
  if (change.kind === 'folder') return void (await folder.getDirectoryHandle(name, { create: true }))
  const contents = await read(change)
  const file = await (await folder.getFileHandle(name, { create: true })).createWritable()
  await file.write(contents)
  await file.close()
}

async function folderAt(
  root: FileSystemDirectoryHandle,
  names: readonly string[],
  create: boolean,
): Promise<FileSystemDirectoryHandle> {
  let at = root
  for (const name of names) at = await at.getDirectoryHandle(name, { create })
  return at
}

async function has(root: FileSystemDirectoryHandle, path: string): Promise<boolean> {
  const names = path.split('/')
  const name = names.pop()!
  try {
    await (await folderAt(root, names, false)).getFileHandle(name)
    return true
  } catch (error) {
    if (isOfName(error)) return false
    throw error
  }
}

/** Nothing of this name is there, something else is, or no such name is allowed. */
const isOfName = (error: unknown): boolean =>
  error instanceof TypeError ||
  (error instanceof DOMException &&
    ['NotFoundError', 'TypeMismatchError', 'InvalidModificationError'].includes(error.name))

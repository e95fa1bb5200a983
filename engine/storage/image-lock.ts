import * as fs from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { because } from '../protocol/reasons.ts'
import { isProcessAlive, startOfProcess } from './process-identity.ts'
import { unusable, type HostFile } from './host-file.ts'

/** Many may read a file, or one may write it. */
export type LockMode = 'shared' | 'exclusive'

export interface ImageLock {
  release(): void
}

/**
 * The folder of the user's lock notes. It is the same for all programs of a user on this host, whatever their
 * session; the user id keeps users apart in a shared temporary folder.
 */
export function defaultLockFolder(): string {
  const { uid, username } = userInfo()
  return join(tmpdir(), `vitrine-locks-${uid >= 0 ? uid : username}`)
}

interface Note {
  file: string
  mode: LockMode
  pid: number
}

/**
 * Locks an open file against other machines, in this process and others.
 *
 * Node has no flock, so each holder leaves a note, an empty file named after the image's device and inode, the
 * mode, its process id and that process's start time. Whoever wants the lock writes its own note *first* and then
 * looks for others that conflict; so of two that try at once at least one sees the other. A note whose process
 * is gone (killed, or its id given to a later process) counts for nothing and is removed: a crash leaves no lock.
 * Throws `file-unusable` when the file is in use.
 *
 * @param besideOwn this process knows what it has open itself: only others are in the way
 */
export function lockImage(
  file: HostFile,
  mode: LockMode,
  folder = defaultLockFolder(),
  besideOwn = false,
): ImageLock {
  const prefix = `${file.identity}.`
  let own: string
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    own = writeNote(folder, prefix, mode)
  } catch (error) {
    // Who only reads can do no harm; that others do not see it is better than not reading at all.
    if (mode === 'shared') return { release() {} }
    throw unusable(file.path, because('file-not-locked', { folder }), error)
  }
  const other = readNotes(folder, prefix).find(
    (note) =>
      note.file !== own &&
      (mode === 'exclusive' || note.mode === 'exclusive') &&
      !(besideOwn && note.pid === process.pid),
  )
  const release = () => fs.rmSync(join(folder, own), { force: true })
  if (!other) return { release }
  release()
  const use = other.mode === 'exclusive' ? 'written' : 'read'
  const where = other.pid === process.pid ? 'here' : 'elsewhere'
  throw unusable(file.path, because(`image-${use}-${where}`, { process: other.pid }))
}

/** Stands in a note's name for a start that the host does not tell. */
const UNKNOWN_START = '0'

function writeNote(folder: string, prefix: string, mode: LockMode): string {
  const holder = `${prefix}${mode}.${process.pid}.${startOfProcess(process.pid) || UNKNOWN_START}`
  for (let number = 0; ; number++) {
    const name = `${holder}.${number}`
    try {
      fs.writeFileSync(join(folder, name), '', { flag: 'wx', mode: 0o600 })
      return name
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}

/** The notes of living holders; those of dead ones are removed. */
function readNotes(folder: string, prefix: string): Note[] {
  const notes: Note[] = []
  for (const file of fs.readdirSync(folder)) {
    if (!file.startsWith(prefix)) continue
    const [mode, pid, start] = file.slice(prefix.length).split('.')
    if ((mode !== 'shared' && mode !== 'exclusive') || !pid || !start) continue
    const began = start === UNKNOWN_START ? '' : start
    if (isProcessAlive(Number(pid), began)) notes.push({ file, mode, pid: Number(pid) })
    else fs.rmSync(join(folder, file), { force: true })
  }
  return notes
}

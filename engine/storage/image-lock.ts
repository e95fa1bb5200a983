import * as fs from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
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
    throw unusable(file.path, `it cannot be locked: ${folder} cannot be written; open it read-only`, error)
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
  const use = other.mode === 'exclusive' ? 'is being written' : 'is being read'
  const who = other.pid === process.pid ? 'another drive of this program' : `process ${other.pid}`
  throw unusable(file.path, `it ${use} by ${who}; close it there, or open both read-only or ephemeral`)
}

function writeNote(folder: string, prefix: string, mode: LockMode): string {
  const holder = `${prefix}${mode}.${process.pid}.${startOf(process.pid) ?? 0}`
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
    if (isAlive(Number(pid), start)) notes.push({ file, mode, pid: Number(pid) })
    else fs.rmSync(join(folder, file), { force: true })
  }
  return notes
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it exists, but is another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = startOf(pid)
  return now === null || start === '0' || now === start
}

/**
 * When a process began, in clock ticks since the host started, to tell it from a later one of the same id.
 * Null where the host does not say (no /proc): then the id alone has to do.
 */
function startOf(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 22 of proc(5), counted after the name in parentheses, which may itself hold blanks.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

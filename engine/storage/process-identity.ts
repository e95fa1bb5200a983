import { readFileSync } from 'node:fs'

/** Where the host does not say when processes begin. */
const UNKNOWN = ''
/** States of proc(5) in which a process has ended, and only its parent has not noticed yet. */
const ENDED = /^[ZXx]$/

/**
 * When a process began, to tell it from a later one with the same number: clock ticks since the host started, or an
 * empty text where the host does not say (no /proc).
 */
export const startOfProcess = (pid: number): string => statOf(pid)?.start ?? UNKNOWN

/**
 * Whether the process of a number that began then still runs. One that has ended does not, even while the host keeps its
 * number for a parent that has not asked yet. Where nothing is known of when it began, the number alone has to do.
 * @param start as `startOfProcess` gave it
 */
export function isProcessAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it exists, but is another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = statOf(pid)
  if (now === null) return true
  return !ENDED.test(now.state) && (start === UNKNOWN || now.start === start)
}

function statOf(pid: number): { state: string; start: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Counted after the name in parentheses, which may itself hold blanks: fields 3 and 22 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state = '', start = UNKNOWN] = [fields[0], fields[19]]
    return { state, start }
  } catch {
    return null
  }
}

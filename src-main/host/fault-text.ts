import { inWords } from '../../engine/protocol/reasons.ts'
import type { HostFault } from '../../engine/protocol/vm.ts'

const FAILED: Record<HostFault['operation'], string> = {
  read: 'it could not be read',
  write: 'it could not be written',
  flush: 'what was written to it could not be kept',
}
const ADVICE: Partial<Record<HostFault['kind'], string>> = {
  full: 'make room on its disk',
  limit: 'copy it to a disk that takes larger files, or give this user the right to them',
  gone: 'shut the guest down, and give it a whole copy of the file',
  io: "check the host's disk, and copy the file to another one",
}

/** What failed a machine and what to do, in one line for logs and terminals. */
export function faultText({ drive, operation, path, kind, reason }: HostFault): string {
  const seen = drive === null ? '' : `; the guest was given an error of ${drive} and goes on`
  const advice = ADVICE[kind]
  return `${path}: ${FAILED[operation]}: ${inWords(reason)}${seen}${advice ? `; ${advice}` : ''}`
}

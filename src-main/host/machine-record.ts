import { readFile, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, normalize } from 'node:path'
import * as v from 'valibot'
import { findIssue, withFiles, type MachineConfig } from '../../engine/protocol/machine-config.ts'
import { because, technical, technicalOf, type Reason } from '../../engine/protocol/reasons.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'

/** The file in a machine's folder that makes it one. */
export const RECORD = 'vm.json'
/** A record is a few hundred bytes and a thousand for each snapshot; more than this is no record. */
const MAX_RECORD_BYTES = 16 << 20

/** A record, or why there is none that can be used. */
export type FoundRecord = { record: VmRecord } | { problem: Reason }

/** The record of the machine in a folder. */
export async function readRecord(folder: string): Promise<FoundRecord> {
  try {
    const path = join(folder, RECORD)
    if ((await stat(path)).size > MAX_RECORD_BYTES) return { problem: because('record-too-large') }
    return recordOf(await readFile(path, 'utf8'))
  } catch (error) {
    return { problem: describeProblem(error) }
  }
}

/** The record that a text is. */
export function recordOf(text: string): FoundRecord {
  try {
    const json: unknown = JSON.parse(text)
    const newer = newerVersion(json)
    if (newer !== null) return { problem: because('record-newer', { format: newer }) }
    const issue = findIssue(VmRecord, json)
    return issue === null
      ? { record: v.parse(VmRecord, json) }
      : { problem: because('record-invalid', { detail: technical(issue) }) }
  } catch (error) {
    return { problem: describeProblem(error) }
  }
}

/**
 * The files that a machine uses and that do not lie in its folder. A folder from elsewhere names them without anybody
 * having chosen them here, so they are told before it is used.
 */
export function outsideFiles(record: VmRecord): string[] {
  return [...new Set(filesOf(record).filter((file) => isAbsolute(file)))]
}

/** Why the record of a folder from elsewhere is not to be trusted; null when it is. */
export function suspicion({ snapshots, ...record }: VmRecord): Reason | null {
  const climbing = filesOf({ ...record, snapshots }).find((file) => !isAbsolute(file) && climbs(file))
  if (climbing !== undefined) return because('record-leads-out', { file: climbing })
  const foreign = snapshots?.discarded.find((file) => isAbsolute(file) || climbs(file))
  return foreign === undefined ? null : because('record-removes', { file: foreign })
}

/** What lists show of its drives. */
export const drivesOf = ({ machine }: VmRecord) =>
  machine.drives.map(({ kind, path }) => ({ kind, name: path === null ? null : basename(path) }))

const climbs = (file: string): boolean => /^\.\.([\\/]|$)/.test(normalize(file))

function filesOf({ machine, snapshots }: VmRecord): string[] {
  const files: string[] = []
  const note = (config: MachineConfig): void =>
    void withFiles(config, (path) => {
      files.push(path)
      return path
    })
  note(machine)
  for (const snapshot of snapshots?.snapshots ?? []) note(snapshot.machine)
  for (const { file, parent } of snapshots?.layers ?? [])
    files.push(file, ...(parent === null ? [] : [parent]))
  return files
}

/** The format of a record that this version does not know yet; null when it does. */
function newerVersion(json: unknown): number | null {
  const version = typeof json === 'object' && json !== null && 'version' in json ? json.version : null
  return typeof version === 'number' && version > 1 ? version : null
}

function describeProblem(error: unknown): Reason {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (code === 'ENOENT' || code === 'ENOTDIR') return because('record-missing')
  if (code === 'EACCES') return because('record-forbidden')
  if (error instanceof SyntaxError) return because('record-damaged', { detail: technical(error.message) })
  return technicalOf(error)
}

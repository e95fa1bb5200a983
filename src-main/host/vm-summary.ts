import { basename, join } from 'node:path'
import { USUAL_CLIPBOARD } from '../../engine/protocol/clipboard.ts'
import {
  USUAL_DISPLAY,
  USUAL_EXECUTION,
  USUAL_INPUT,
  type VmRecord,
  type VmSummary,
} from '../../engine/protocol/vm.ts'
import { firstFile, savedStateName } from '../../engine/service/snapshots/tree.ts'
import { exists } from './exists.ts'
import type { LibraryEntry, VmLibrary } from './library.ts'
import { pictureStamp } from './machine-picture.ts'
import type { VmStatus } from './supervisor.ts'

/** A machine as lists show it. @param status of its process */
export async function summaryOf(
  entry: LibraryEntry,
  library: VmLibrary,
  status: VmStatus,
): Promise<VmSummary> {
  const { id } = entry
  const place = await library.elsewhere(id)
  const elsewhere = place === null ? {} : { elsewhere: place }
  if ('problem' in entry) return { ...INACCESSIBLE, ...elsewhere, id, name: id, reason: entry.problem }
  const { name, icon, group, tags, notes, template, display, execution, keyboardLayout, input, clipboard } =
    entry.record
  const { machine } = entry.record
  const saved = join(library.folderOf(id), savedStateName(entry.record))
  const isSaved = status.state === 'off' && (await exists(saved))
  return {
    id,
    name,
    icon,
    picture: await pictureStamp(library.folderOf(id)),
    group,
    tags,
    notes,
    ...elsewhere,
    template,
    display,
    execution,
    keyboardLayout,
    input,
    clipboard,
    ...(isSaved ? { state: 'saved', reason: null } : status),
    memoryMiB: machine.memoryMiB,
    cpuModel: machine.cpuModel,
    drives: machine.drives.map(({ kind, path }) => ({ kind, ...namesOf(entry.record, path) })),
  }
}

const INACCESSIBLE: Omit<VmSummary, 'id' | 'name' | 'reason'> = {
  state: 'inaccessible',
  icon: 'pc',
  picture: null,
  group: '',
  tags: [],
  notes: '',
  template: false,
  display: USUAL_DISPLAY,
  execution: USUAL_EXECUTION,
  keyboardLayout: 'us',
  input: USUAL_INPUT,
  clipboard: USUAL_CLIPBOARD,
  memoryMiB: null,
  cpuModel: null,
  drives: [],
}

/** What lists call a medium, and its file where that is called otherwise. */
function namesOf(record: VmRecord, path: string | null): { name: string | null; file?: string } {
  if (path === null) return { name: null }
  const name = basename(firstFile(record, path))
  return name === basename(path) ? { name } : { name, file: basename(path) }
}

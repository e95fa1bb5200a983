import * as v from 'valibot'
import { findIssue, KNOBS } from '../../engine/protocol/machine-config.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { UsageError } from './usage-error.ts'

/** What `vitrine set` changes by a name of its own, and where it is in vm.json. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  name: ['name'],
  notes: ['notes'],
  icon: ['icon'],
  group: ['group'],
  tags: ['tags'],
  template: ['template'],
  scaling: ['display', 'scaling'],
  smooth: ['display', 'smooth'],
  monitorAspect: ['display', 'monitorAspect'],
  pauseOnBlur: ['display', 'pauseOnBlur'],
  keyboardLayout: ['keyboardLayout'],
  capture: ['input', 'capture'],
  relativeMouse: ['input', 'relativeMouse'],
  clipboard: ['clipboard', 'direction'],
  clipboardAutomatic: ['clipboard', 'automatic'],
  cap: ['execution', 'capPercent'],
  priority: ['execution', 'priority'],
  autoSnapshots: ['autoSnapshots', 'everyMinutes'],
  autoSnapshotsKept: ['autoSnapshots', 'keep'],
  memory: ['machine', 'memoryMiB'],
  cpuModel: ['machine', 'cpuModel'],
  accel: ['machine', 'accel'],
  boot: ['machine', 'boot'],
  serialPorts: ['machine', 'serialPorts'],
  mouse: ['machine', 'mouse'],
  reboot: ['machine', 'reboot'],
  ...Object.fromEntries(KNOBS.map((knob) => [knob, ['machine', 'knobs', knob]])),
}
/** Their values are lists, with commas between the parts. */
const LISTS = new Set(['tags', 'boot', 'floppyTypes'])
const WORDS = new Set([
  'name',
  'notes',
  'icon',
  'group',
  'scaling',
  'cpuModel',
  'accel',
  'keyboardLayout',
  'capture',
  'clipboard',
  'mouse',
  'tags',
  'boot',
  'priority',
])

export const SETTABLE = Object.keys(PLACES)

/**
 * The record with settings changed that are given as NAME=VALUE; an empty value takes an optional one away. Throws
 * `UsageError`.
 */
export function withSettings(record: VmRecord, settings: readonly string[]): VmRecord {
  const changed = structuredClone(record) as unknown as Record<string, unknown>
  for (const setting of settings) {
    const at = setting.indexOf('=')
    const name = at < 0 ? setting : setting.slice(0, at)
    const place = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined
    if (!place)
      throw new UsageError(`${setting}: it is NAME=VALUE, and NAME is one of ${SETTABLE.join(', ')}`)
    if (at < 0) throw new UsageError(`${setting}: the value is missing; write ${setting}=VALUE`)
    put(changed, place, valueOf(name, setting.slice(at + 1)))
  }
  const issue = findIssue(VmRecord, changed)
  if (issue !== null) throw new UsageError(issue)
  return v.parse(VmRecord, changed)
}

function put(record: Record<string, unknown>, place: readonly string[], value: unknown): void {
  let branch = record
  for (const key of place.slice(0, -1)) branch = branch[key] as Record<string, unknown>
  const last = place.at(-1)!
  if (value === undefined) delete branch[last]
  else branch[last] = value
}

function valueOf(name: string, text: string): unknown {
  const plain = (part: string): unknown => {
    if (WORDS.has(name)) return part
    if (part === 'true' || part === 'false') return part === 'true'
    return Number(part)
  }
  if (LISTS.has(name)) return text === '' ? undefined : text.split(',').map((part) => plain(part.trim()))
  return text === '' && name !== 'notes' && name !== 'group' ? undefined : plain(text)
}

import {
  ACCELERATORS,
  CPU_MODELS,
  MAX_MEMORY_MIB,
  MICE,
  SERIAL_PORTS,
} from '../../engine/protocol/machine-config.ts'
import { LAYOUT_NAMES } from '../../engine/protocol/keyboard-layouts.ts'
import { MAX_KEPT_SNAPSHOTS, MAX_SNAPSHOT_MINUTES } from '../../engine/protocol/auto-snapshots.ts'
import { PRIORITIES } from '../../engine/protocol/execution.ts'
import { CLIPBOARD_DIRECTIONS } from '../../engine/protocol/clipboard.ts'
import { CAPTURES, SCALINGS } from '../../engine/protocol/vm.ts'
import type { MessageKey } from '../i18n/messages.ts'

/** Settings that have a label and a help text in the catalogue. */
export type FieldId = MessageKey extends infer K ? (K extends `setting.${infer Id}.help` ? Id : never) : never
export type CategoryId = MessageKey extends infer K ? (K extends `category.${infer Id}` ? Id : never) : never

export interface Choice {
  /** Undefined is what the machine does when nothing is set. */
  value: string | number | undefined
  /** A message, or words that are the same in every language. */
  label: MessageKey | { text: string }
}

export type Control =
  | { kind: 'text'; most: number }
  | { kind: 'lines' }
  | { kind: 'tags' }
  | { kind: 'toggle' }
  | { kind: 'choice'; choices: readonly Choice[] }
  | {
      kind: 'number'
      least: number
      most: number
      unit?: MessageKey
      /** How many make one that is shown. */
      per?: number
      optional?: boolean
    }
  | { kind: 'date' }
  | { kind: 'file'; whenNone: MessageKey }
  /** These have components of their own. */
  | { kind: 'icon' | 'memory' | 'boot' | 'drives' | 'serial' | 'floppy-types' }

export interface Field {
  id: FieldId
  category: CategoryId
  /** Where the value is in `VmSettings`. */
  at: readonly string[]
  control: Control
  /** It can change while the machine runs. */
  live?: boolean
  /** Only there when something else is. */
  needs?: readonly string[]
  /** What is taken away with the value, where the value cannot be missing in it. */
  clears?: readonly string[]
}

const message = (value: string): Choice => ({
  value,
  label: `choice.${value}` as MessageKey,
})
const knob = (name: string): readonly string[] => ['machine', 'knobs', name]

export const CATEGORIES: readonly CategoryId[] = [
  'general',
  'processor',
  'memory',
  'start',
  'drives',
  'display',
  'input',
  'clock',
  'serial',
  'legacy',
]

/**
 * Every setting, in the order of the dialog. A new field of the configuration is one row here, and its label and
 * help in the catalogues.
 */
export const FIELDS: readonly Field[] = [
  { id: 'name', category: 'general', at: ['name'], control: { kind: 'text', most: 80 }, live: true },
  {
    id: 'icon',
    category: 'general',
    at: ['icon'],
    control: { kind: 'icon' },
    live: true,
  },
  { id: 'group', category: 'general', at: ['group'], control: { kind: 'text', most: 200 }, live: true },
  { id: 'tags', category: 'general', at: ['tags'], control: { kind: 'tags' }, live: true },
  { id: 'template', category: 'general', at: ['template'], control: { kind: 'toggle' } },
  { id: 'notes', category: 'general', at: ['notes'], control: { kind: 'lines' }, live: true },
  {
    id: 'autoSnapshots',
    category: 'general',
    at: ['autoSnapshots', 'everyMinutes'],
    control: { kind: 'number', least: 0, most: MAX_SNAPSHOT_MINUTES, unit: 'unit.minutes' },
    live: true,
  },
  {
    id: 'autoSnapshotsKept',
    category: 'general',
    at: ['autoSnapshots', 'keep'],
    control: { kind: 'number', least: 1, most: MAX_KEPT_SNAPSHOTS },
    live: true,
  },

  {
    id: 'cpuModel',
    category: 'processor',
    at: ['machine', 'cpuModel'],
    control: {
      kind: 'choice',
      choices: CPU_MODELS.map(message),
    },
  },
  {
    id: 'accel',
    category: 'processor',
    at: ['machine', 'accel'],
    control: { kind: 'choice', choices: ACCELERATORS.map(message) },
  },
  {
    id: 'speed',
    category: 'processor',
    at: knob('instructionsPerSecond'),
    control: {
      kind: 'number',
      least: 10_000,
      most: 1_000_000_000_000,
      unit: 'unit.mips',
      per: 1_000_000,
      optional: true,
    },
  },
  {
    id: 'cap',
    category: 'processor',
    at: ['execution', 'capPercent'],
    control: { kind: 'number', least: 1, most: 100, unit: 'unit.percent' },
    live: true,
  },
  {
    id: 'priority',
    category: 'processor',
    at: ['execution', 'priority'],
    control: { kind: 'choice', choices: PRIORITIES.map(message) },
    live: true,
  },
  {
    id: 'cpus',
    category: 'processor',
    at: ['machine', 'cpus'],
    control: { kind: 'number', least: 1, most: 1 },
  },

  { id: 'memory', category: 'memory', at: ['machine', 'memoryMiB'], control: { kind: 'memory' } },

  { id: 'boot', category: 'start', at: ['machine', 'boot'], control: { kind: 'boot' } },
  {
    id: 'bootMenu',
    category: 'start',
    at: knob('bootMenuMs'),
    control: { kind: 'number', least: 0, most: 60_000, unit: 'unit.ms', optional: true },
  },
  { id: 'reboot', category: 'start', at: ['machine', 'reboot'], control: { kind: 'toggle' } },
  {
    id: 'firmware',
    category: 'start',
    at: ['machine', 'firmware'],
    control: { kind: 'file', whenNone: 'file.builtIn' },
  },
  {
    id: 'vgaBios',
    category: 'start',
    at: ['machine', 'vgaBios'],
    control: { kind: 'file', whenNone: 'file.builtIn' },
  },
  {
    id: 'kernel',
    category: 'start',
    at: ['machine', 'kernel', 'path'],
    control: { kind: 'file', whenNone: 'file.none' },
    clears: ['machine', 'kernel'],
  },
  {
    id: 'kernelAppend',
    category: 'start',
    at: ['machine', 'kernel', 'append'],
    control: { kind: 'text', most: 2047 },
    needs: ['machine', 'kernel'],
  },
  {
    id: 'initrd',
    category: 'start',
    at: ['machine', 'kernel', 'initrd'],
    control: { kind: 'file', whenNone: 'file.none' },
    needs: ['machine', 'kernel'],
  },

  { id: 'drives', category: 'drives', at: ['machine', 'drives'], control: { kind: 'drives' } },

  {
    id: 'scaling',
    category: 'display',
    at: ['display', 'scaling'],
    control: { kind: 'choice', choices: SCALINGS.map(message) },
    live: true,
  },
  {
    id: 'monitorAspect',
    category: 'display',
    at: ['display', 'monitorAspect'],
    control: { kind: 'toggle' },
    live: true,
  },
  { id: 'smooth', category: 'display', at: ['display', 'smooth'], control: { kind: 'toggle' }, live: true },
  {
    id: 'pauseOnBlur',
    category: 'display',
    at: ['display', 'pauseOnBlur'],
    control: { kind: 'toggle' },
    live: true,
  },

  {
    id: 'keyboardLayout',
    category: 'input',
    at: ['keyboardLayout'],
    control: {
      kind: 'choice',
      choices: LAYOUT_NAMES.map((value) => ({ value, label: `layout.${value}` as const })),
    },
    live: true,
  },
  {
    id: 'capture',
    category: 'input',
    at: ['input', 'capture'],
    control: { kind: 'choice', choices: CAPTURES.map(message) },
    live: true,
  },
  {
    id: 'relativeMouse',
    category: 'input',
    at: ['input', 'relativeMouse'],
    control: { kind: 'toggle' },
    live: true,
  },
  {
    id: 'clipboard',
    category: 'input',
    at: ['clipboard', 'direction'],
    control: { kind: 'choice', choices: CLIPBOARD_DIRECTIONS.map(message) },
    live: true,
  },
  {
    id: 'clipboardAutomatic',
    category: 'input',
    at: ['clipboard', 'automatic'],
    control: { kind: 'toggle' },
    live: true,
  },

  { id: 'localTime', category: 'clock', at: knob('localTime'), control: { kind: 'toggle' } },
  {
    id: 'utcOffset',
    category: 'clock',
    at: knob('utcOffsetMinutes'),
    control: { kind: 'number', least: -720, most: 840, unit: 'unit.minutes', optional: true },
  },
  { id: 'startTime', category: 'clock', at: knob('startTimeMs'), control: { kind: 'date' } },

  {
    id: 'serialPorts',
    category: 'serial',
    at: ['machine', 'serialPorts'],
    control: { kind: 'number', least: 0, most: SERIAL_PORTS },
  },
  { id: 'serial', category: 'serial', at: ['serial'], control: { kind: 'serial' } },
  {
    id: 'mouse',
    category: 'serial',
    at: ['machine', 'mouse'],
    control: {
      kind: 'choice',
      choices: MICE.map((name) =>
        name === 'ps2' ? message(name) : { value: name, label: { text: name.toUpperCase() } },
      ),
    },
  },

  {
    id: 'cpuidLimit',
    category: 'legacy',
    at: knob('cpuidLimit'),
    control: { kind: 'number', least: 1, most: 16, optional: true },
  },
  {
    id: 'ideDelay',
    category: 'legacy',
    at: knob('ideInterruptDelayUs'),
    control: { kind: 'number', least: 0, most: 100_000, unit: 'unit.us', optional: true },
  },
  { id: 'busyPolling', category: 'legacy', at: knob('busyPolling'), control: { kind: 'toggle' } },
  { id: 'smallTlb', category: 'legacy', at: knob('smallTlb'), control: { kind: 'toggle' } },
  { id: 'systemManagement', category: 'legacy', at: knob('systemManagement'), control: { kind: 'toggle' } },
  { id: 'hpet', category: 'legacy', at: knob('hpet'), control: { kind: 'toggle' } },
  { id: 'floppyTypes', category: 'legacy', at: knob('floppyTypes'), control: { kind: 'floppy-types' } },
]

/** For the slider: what the whole table is made to allow. */
export const MEMORY_RANGE = { least: 1, most: MAX_MEMORY_MIB } as const

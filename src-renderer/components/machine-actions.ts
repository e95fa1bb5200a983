import type { VmSummary } from '../../engine/protocol/vm.ts'
import type { MessageKey } from '../i18n/messages.ts'
import { isAtRest, isLive } from './states.ts'

/** What can be done with a machine: by a button, the menu of a row, a menu of its window, or keys. */
export type VmAction =
  | 'start'
  | 'start-disposable'
  | 'pause'
  | 'reset'
  | 'save-state'
  | 'shut-down'
  | 'power-off'
  | 'close'
  | 'discard-state'
  | 'settings'
  | 'clone'
  | 'export'
  | 'group'
  | 'show-folder'
  | 'remove'

type Condition = (machine: VmSummary) => boolean
const always: Condition = () => true
const live: Condition = ({ state }) => isLive(state)
const atRest: Condition = ({ state }) => isAtRest(state)
const startable: Condition = (machine) => atRest(machine) && !machine.template
const usable: Condition = ({ state }) => state !== 'inaccessible'

interface VmActionFacts {
  action: VmAction
  label: MessageKey | ((machine: VmSummary) => MessageKey)
  fits: Condition
  /** The first is named in each language. */
  keys?: VmMenuEntry['keys']
  /** The toolbar has a button for it. */
  hasButton?: Condition
}

/** All of them in the order of menus, in the groups that lines are drawn between. */
const ACTIONS: readonly (readonly VmActionFacts[])[] = [
  [
    {
      action: 'start',
      label: ({ state }) => (state === 'saved' ? 'machine.resumeSaved' : 'machine.start'),
      fits: startable,
      hasButton: always,
    },
    { action: 'start-disposable', label: 'snapshots.disposable', fits: startable },
    {
      action: 'pause',
      label: ({ state }) => (state === 'paused' ? 'machine.resume' : 'machine.pause'),
      fits: live,
      hasButton: always,
    },
    { action: 'reset', label: 'machine.reset', fits: live, hasButton: always },
    { action: 'save-state', label: 'machine.saveState', fits: live },
    { action: 'shut-down', label: 'machine.shutDown', fits: live, hasButton: always },
    { action: 'power-off', label: 'machine.powerOff', fits: live, hasButton: always },
    { action: 'close', label: 'machine.close', fits: live },
    { action: 'discard-state', label: 'machine.discardState', fits: ({ state }) => state === 'saved' },
  ],
  [
    { action: 'settings', label: 'settings.open', fits: usable, keys: ['keys.ctrl', 'S'], hasButton: always },
    {
      action: 'clone',
      label: ({ template }) => (template ? 'template.use' : 'machine.clone'),
      fits: atRest,
      keys: ['keys.ctrl', 'O'],
      hasButton: ({ template }) => template,
    },
    { action: 'export', label: 'export.open', fits: atRest, keys: ['keys.ctrl', 'E'] },
    { action: 'group', label: 'group.open', fits: usable },
    { action: 'show-folder', label: 'machine.showFolder', fits: always },
  ],
  [
    {
      action: 'remove',
      label: 'machine.remove',
      fits: (machine) => atRest(machine) || !usable(machine),
      keys: ['keys.del'],
    },
  ],
]

/** An action as menus have it. */
export interface VmMenuEntry {
  action: VmAction
  label: MessageKey
  keys: readonly [MessageKey, letter?: string] | null
  hasButton: boolean
}

/** Those that fit a machine as it is, a list for each group of them. */
export function actionsFor(machine: VmSummary): VmMenuEntry[][] {
  return ACTIONS.map((group) =>
    group
      .filter(({ fits }) => fits(machine))
      .map(({ action, label, keys = null, hasButton }) => ({
        action,
        label: typeof label === 'string' ? label : label(machine),
        keys,
        hasButton: hasButton?.(machine) ?? false,
      })),
  ).filter((group) => group.length > 0)
}

export const fits = (action: VmAction, machine: VmSummary): boolean =>
  actionsFor(machine).some((group) => group.some((entry) => entry.action === action))

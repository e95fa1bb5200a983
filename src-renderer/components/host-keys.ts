/** What the host key with another key does, by the key's place on the keyboard. */
export const HOST_COMBINATIONS = {
  KeyF: 'full-screen',
  KeyE: 'screenshot',
  KeyP: 'pause',
  KeyQ: 'close',
  KeyS: 'settings',
  KeyN: 'activity',
  KeyR: 'reset',
  KeyH: 'shut-down',
  KeyG: 'fast-forward',
  KeyT: 'snapshot',
  KeyI: 'mouse-integration',
  Delete: 'ctrl-alt-del',
  Backspace: 'ctrl-alt-backspace',
} as const
export type HostAction = (typeof HOST_COMBINATIONS)[keyof typeof HOST_COMBINATIONS]

/** All that a window can be told to do with its machine: by a menu, or by the host key with another key. */
export type MachineAction = HostAction | 'log' | 'serial' | 'save-state' | 'power-off'

export const hostActionOf = (code: string): HostAction | null =>
  Object.hasOwn(HOST_COMBINATIONS, code) ? HOST_COMBINATIONS[code as keyof typeof HOST_COMBINATIONS] : null

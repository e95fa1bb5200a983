import type { VmState } from '../../engine/protocol/vm.ts'

/** How states look. */
export const STATE_TONES: Record<VmState, 'idle' | 'good' | 'warm' | 'bad'> = {
  off: 'idle',
  saved: 'warm',
  starting: 'warm',
  running: 'good',
  paused: 'warm',
  aborted: 'bad',
  inaccessible: 'bad',
}

/** It can be started, unless it is a template. */
export const isAtRest = (state: VmState): boolean =>
  state === 'off' || state === 'saved' || state === 'aborted'

export const isLive = (state: VmState): boolean => state === 'running' || state === 'paused'

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

export const isLive = (state: VmState): boolean => state === 'running' || state === 'paused'

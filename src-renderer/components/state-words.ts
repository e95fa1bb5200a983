import type { VmState } from '../../engine/protocol/vm.ts'

/** What states are called, and their tone. */
export const STATE_WORDS: Record<VmState, { word: string; tone: 'idle' | 'good' | 'warm' | 'bad' }> = {
  off: { word: 'Off', tone: 'idle' },
  starting: { word: 'Starting', tone: 'warm' },
  running: { word: 'Running', tone: 'good' },
  paused: { word: 'Paused', tone: 'warm' },
  aborted: { word: 'Failed', tone: 'bad' },
  inaccessible: { word: 'Not usable', tone: 'bad' },
}

export const isLive = (state: VmState): boolean => state === 'running' || state === 'paused'

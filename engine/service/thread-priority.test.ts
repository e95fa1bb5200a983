import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { describe, expect, it } from 'vitest'
import { goBeforeCompilers } from './thread-priority.ts'

describe.skipIf(process.platform !== 'linux')(
  'the thread of a machine (priorities of threads: Linux)',
  () => {
    it('keeps its priority, and those that compile for it step back', () => {
      const before = getPriority(process.pid)
      goBeforeCompilers()
      const others = readdirSync('/proc/self/task').map(Number)
      const priorities = others
        .filter((thread) => thread !== process.pid)
        .map((thread) => getPriority(thread))
      expect(getPriority(process.pid)).toBe(before)
      // Among them are the threads of V8's pool, whatever their names.
      expect(priorities.filter((priority) => priority === 10).length).toBeGreaterThan(1)
    })
  },
)

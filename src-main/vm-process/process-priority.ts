import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { VmExecution } from '../../engine/protocol/execution.ts'
import { technicalOf } from '../../engine/protocol/reasons.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'

/** Nice values of POSIX; Windows makes classes of them. */
const NICE = { normal: 0, low: 10, lowest: 19 } as const

/** How the host's scheduler ranks this process. */
export class ProcessPriority {
  /** What it was started with: normal is that, since the user may have chosen it. */
  readonly #usual = getPriority()

  /** Throws `priority-refused`: most systems let a program lower its priority and not raise it again. */
  set(priority: VmExecution['priority']): void {
    const nice = Math.max(this.#usual, NICE[priority])
    try {
      for (const thread of threads()) if (getPriority(thread) !== nice) setPriority(thread, nice)
    } catch (error) {
      throw new RpcError('priority-refused', {
        reason: technicalOf(error),
      })
    }
  }
}

/** On Linux each thread has a priority of its own, which those that it starts later take over. */
function threads(): number[] {
  if (process.platform !== 'linux') return [process.pid]
  return readdirSync('/proc/self/task').map(Number)
}

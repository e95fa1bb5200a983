import { cpus, freemem, totalmem } from 'node:os'
import type { HostActivity } from '../../engine/protocol/host-activity.ts'
import type { Supervisor } from './supervisor.ts'
import type { VmProcess } from './vm-process.ts'

/** A machine that answers later than this is left out until it does. */
const ANSWER_MS = 800

/** What this computer and each machine that runs on it are busy with. */
export async function hostActivity<P extends VmProcess>(supervisor: Supervisor<P>): Promise<HostActivity> {
  const asked = supervisor.live.map(async (id) => {
    const stop = AbortSignal.timeout(ANSWER_MS)
    const usage = await supervisor.client(id).call('usage', undefined, { signal: stop })
    return { id, usage }
  })
  const answers = await Promise.allSettled(asked)
  const processors = cpus()
  return {
    atMs: performance.now(),
    processors: processors.length,
    busyMs: processors.reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0),
    memoryMiB: Math.floor(totalmem() / 2 ** 20),
    freeMiB: Math.floor(freemem() / 2 ** 20),
    machines: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
  }
}

import { stat, statfs } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { because } from '../../engine/protocol/reasons.ts'
import { RpcError, type RpcClient } from '../../engine/protocol/rpc.ts'
import type { LayerMerge } from '../../engine/protocol/machine-config.ts'
import type { VmContract } from '../../engine/protocol/vm-contract.ts'
import type { MergingMachine } from '../../engine/service/snapshots/layer-merges.ts'
import type { Settling } from './settling.ts'

/** A machine that runs, while what deleted snapshots left of its disks is merged. */
export class LiveMerging implements MergingMachine {
  constructor(
    private readonly client: RpcClient<VmContract>,
    private readonly settling: Settling,
    readonly exclusively: <T>(change: () => Promise<T>) => Promise<T>,
  ) {}

  async merge(layers: LayerMerge): Promise<void> {
    await checkRoom(layers)
    const { client, settling } = this
    const { signal, hold } = settling
    // It may have ended: then the merge ends as well.
    const tell = (call: Promise<void>): void => void call.catch(() => {})
    const stop = (): void => tell(client.call('stopMerge', undefined))
    settling.tell(0)
    settling.onHold = () => tell(client.call('holdMerge', { isHeld: hold.isHeld }))
    settling.onHold()
    signal.addEventListener('abort', stop)
    try {
      // Not cancelled by its signal: it is over when the machine says so, and the disk is as it was.
      const merging = client.call('mergeLayers', layers, { progress: (part) => settling.tell(part) })
      if (signal.aborted) stop()
      await merging
    } finally {
      signal.removeEventListener('abort', stop)
      settling.onHold = () => {}
    }
    settling.hasMerged = true
  }

  async end(isMerged: boolean): Promise<void> {
    try {
      await this.client.call('endMerge', { isMerged })
    } catch (error) {
      // One that has ended has closed both layers.
      if (!(error instanceof RpcError && ENDED.has(error.code))) throw error
    }
  }

  async between({ done, total }: { done: number; total: number }): Promise<void> {
    await this.settling.between(done / total)
  }
}

/** What is left to a guest when a merge has taken all that it may need. */
const SPARE_BYTES = 64 * 2 ** 20

/** A merge must not take the room that the guest needs. Throws `file-unusable`. */
async function checkRoom({ upper, lower }: LayerMerge): Promise<void> {
  const [{ size }, { bavail, bsize }] = await Promise.all([stat(upper), statfs(dirname(lower))])
  if (bavail * bsize < size + SPARE_BYTES)
    throw new RpcError('file-unusable', {
      path: lower,
      reason: because('no-room-to-merge', { name: basename(upper) }),
    })
}

const ENDED = new Set(['disconnected', 'not-running'])

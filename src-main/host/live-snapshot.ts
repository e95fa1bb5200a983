import type { DiskLayer } from '../../engine/protocol/machine-config.ts'
import type { CallTask, RpcClient } from '../../engine/protocol/rpc.ts'
import type { VmContract } from '../../engine/protocol/vm-contract.ts'
import type { LiveMachine } from '../../engine/service/snapshots/snapshot-store.ts'

/** A machine that runs, for a snapshot of it. */
export class LiveSnapshot implements LiveMachine {
  /** How long the guest stood still. */
  stoodMs = 0

  /** @param isRunning it is not paused already */
  constructor(
    private readonly client: RpcClient<VmContract>,
    private readonly isRunning: boolean,
    private readonly task: CallTask,
  ) {}

  async picture(): Promise<Uint8Array> {
    return Buffer.from(await this.client.call('thumbnail', undefined), 'base64')
  }

  async freeze(layers: DiskLayer[]): Promise<void> {
    try {
      await this.client.call('freeze', { layers })
    } catch (error) {
      await this.resume()
      throw error
    }
  }

  async thaw(): Promise<void> {
    await this.client.call('thaw', undefined)
  }

  async resume(): Promise<void> {
    if (this.isRunning) await this.client.call('resume', undefined)
  }

  async keepState(path: string): Promise<void> {
    const { stoodMs } = await this.client.call('keepState', { path }, this.task)
    this.stoodMs = Math.round(stoodMs)
  }
}

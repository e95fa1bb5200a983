import { RpcError } from '../../engine/protocol/rpc.ts'
import { Hold } from '../../engine/service/hold.ts'

/** How far the merging of what deleted snapshots left is. */
export interface MergeState {
  /** Of the layer that is being written down, 0 to 1; null when nothing is. */
  part: number | null
  isHeld: boolean
}

/** The merging of one machine's layers in the background: it can be held, and stopped at any point. */
export class Settling {
  readonly hold = new Hold()
  /** Told when it is held, or goes on. */
  onHold: () => void = () => {}
  /** Something was merged. */
  hasMerged = false
  readonly #stop = new AbortController()
  #part: number | null = null

  /** @param onChange told how far it is, a hundred times at most for each layer */
  constructor(private readonly onChange: (state: MergeState) => void) {}

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** How much of the layer that is being merged is written down, 0 to 1; null when none is. */
  get part(): number | null {
    return this.#part
  }

  stop(): void {
    this.#stop.abort()
  }

  setHeld(isHeld: boolean): void {
    this.hold.set(isHeld)
    this.onHold()
    this.#tell()
  }

  tell(part: number | null): void {
    const rounded = part === null ? null : Math.floor(part * 100) / 100
    if (rounded === this.#part) return
    this.#part = rounded
    this.#tell()
  }

  #tell(): void {
    this.onChange({ part: this.#part, isHeld: this.hold.isHeld })
  }

  /** Lets others have their turn between two pieces. Throws `cancelled` once it is stopped. */
  async between(part: number): Promise<void> {
    this.hasMerged = true
    this.tell(part)
    await new Promise((resolve) => setImmediate(resolve))
    await this.hold.passed(this.signal)
    if (this.signal.aborted) throw new RpcError('cancelled')
  }
}

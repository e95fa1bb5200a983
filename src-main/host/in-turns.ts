import { RpcError } from '../../engine/protocol/rpc.ts'
import type { Progress } from '../../engine/service/media/media.ts'

/** How often at most somebody is told how far a work is. */
const TELL_MS = 200

/**
 * Carries out a work bit by bit, so that everything else gets its turn in between. When it is stopped it undoes what it
 * did, as it does when it fails. Throws `cancelled`.
 *
 * @param tell is told now and then how much is done, 0 to 1
 */
export async function inTurns<T>(
  work: Generator<Progress, T>,
  signal?: AbortSignal,
  tell: (part: number) => void = () => {},
): Promise<T> {
  let toldAtMs = performance.now()
  try {
    for (;;) {
      const step = work.next()
      if (step.done) return step.value
      await new Promise((resolve) => setImmediate(resolve))
      if (signal?.aborted) throw new RpcError('cancelled')
      const now = performance.now()
      if (now - toldAtMs < TELL_MS) continue
      toldAtMs = now
      tell(step.value.total > 0 ? step.value.done / step.value.total : 1)
    }
  } finally {
    work.return(undefined as T)
  }
}

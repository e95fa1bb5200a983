import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'

/** For work that nobody watches and nobody cancels. */
export const UNWATCHED: CallTask = { signal: new AbortController().signal, progress: () => {} }

/** One of several parts of a task, each of which counts for as much. */
export const partOf = ({ signal, progress }: CallTask, at: number, of: number): CallTask => ({
  signal,
  progress: (part) => progress((at + part) / of),
})

/** Throws `cancelled` when nobody wants it any more. */
export function checkWanted({ signal }: CallTask): void {
  if (signal.aborted) throw new RpcError('cancelled')
}

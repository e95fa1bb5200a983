import type { Random } from './random.ts'
import type { DiskOperation, SimulatedDisk } from './simulated-disk.ts'

type Pending<Note> = Extract<DiskOperation<Note>, { kind: 'write' | 'truncate' }>

/** What a disk may hold after the power failed: everything that was flushed, and some of what was not. */
export interface CrashPoint<Note> {
  /** Operations that were begun. */
  cut: number
  disk: SimulatedDisk<Note>
  /** Which of the unflushed operations reached the disk, for messages. */
  survivors: string
}

/**
 * Goes through all points of a record at which the power can fail. At each, of the operations since their file's
 * last flush: none reaches the disk, all, all but one, only one, and random ones; writes may be torn between
 * sectors of 512 bytes or pages of 4 KiB.
 *
 * @param subsets random choices at each point
 */
export function* crashPoints<Note>(
  start: SimulatedDisk<Note>,
  log: readonly DiskOperation<Note>[],
  random: Random,
  subsets: number,
): Generator<CrashPoint<Note>> {
  const durable = start.copy()
  let pending: Pending<Note>[] = []
  for (const [index, operation] of log.entries()) {
    if (operation.kind === 'write' || operation.kind === 'truncate') {
      pending.push(operation)
      yield* choices(durable, pending, index + 1, random, subsets)
    } else if (operation.kind === 'flush') {
      for (const one of pending) if (one.path === operation.path) durable.apply(one)
      pending = pending.filter(({ path }) => path !== operation.path)
      yield { cut: index + 1, disk: after(durable, pending, () => null), survivors: 'none' }
    } else if (operation.kind === 'note') yield { cut: index + 1, disk: durable.copy(), survivors: 'none' }
    else {
      // Names are kept by the file system's journal, in their order.
      durable.apply(operation)
      yield { cut: index + 1, disk: durable.copy(), survivors: 'none' }
    }
  }
}

function* choices<Note>(
  durable: SimulatedDisk<Note>,
  pending: readonly Pending<Note>[],
  cut: number,
  random: Random,
  subsets: number,
): Generator<CrashPoint<Note>> {
  const whole = (operation: Pending<Note>): Pending<Note> => operation
  const point = (
    survivors: string,
    choose: (operation: Pending<Note>, index: number) => Pending<Note> | null,
  ) => ({
    cut,
    disk: after(durable, pending, choose),
    survivors,
  })
  yield point('all', whole)
  // Earlier points had the older ones; each is dropped and kept alone once in a while.
  const last = pending.length - 1
  yield point('only the last', (one, index) => (index === last ? one : null))
  if (last > 0) {
    const chosen = random.below(pending.length)
    yield point(`all but ${chosen}`, (one, index) => (index === chosen ? null : one))
    yield point(`only ${chosen}`, (one, index) => (index === chosen ? one : null))
  }
  for (let count = 0; count < subsets; count++) {
    const seed = random.word()
    let bits = seed
    yield point(`some, torn (${seed})`, (one) => {
      bits = (Math.imul(bits, 1664525) + 1013904223) >>> 0
      if (bits >>> 31) return null
      return (bits >>> 29) & 1 ? torn(one, random) : one
    })
  }
}

function after<Note>(
  durable: SimulatedDisk<Note>,
  pending: readonly Pending<Note>[],
  choose: (operation: Pending<Note>, index: number) => Pending<Note> | null,
): SimulatedDisk<Note> {
  const disk = durable.copy()
  for (const [index, operation] of pending.entries()) {
    const chosen = choose(operation, index)
    if (chosen) disk.apply(chosen)
  }
  return disk
}

/** Only the first or the last part of a write, cut between sectors or pages. */
function torn<Note>(operation: Pending<Note>, random: Random): Pending<Note> {
  if (operation.kind !== 'write') return operation
  const unit = random.pick([512, 4096])
  const { position, bytes } = operation
  const first = Math.floor(position / unit) + 1
  const last = Math.floor((position + bytes.length - 1) / unit)
  if (last < first) return operation
  const at = (first + random.below(last - first + 1)) * unit - position
  return random.chance(2)
    ? { ...operation, bytes: bytes.subarray(0, at) }
    : { ...operation, position: position + at, bytes: bytes.subarray(at) }
}

import type { HostFile } from '../../host-file.ts'
import type { Checking } from '../disk-image.ts'
import { readPadded, viewOf } from '../fields.ts'
import type { TableCache } from '../table-cache.ts'
import { COPIED, hasPlace, isCompressed, isContradiction, isCopied, packedAt, positionAt } from './entries.ts'
import { entryBytesOf, type Qcow2Header } from './header.ts'
import type { Refcounts } from './refcounts.ts'

interface Parts {
  file: HostFile
  header: Qcow2Header
  l1: DataView
  l2: TableCache
  refcounts: Refcounts
}

/** Clusters of a file at most: a count for each is kept in memory. */
const MAX_CLUSTERS = 2 ** 26

/** Counts that are compared between two looks at whether anybody still wants to know. */
const COUNTS_A_STEP = 2 ** 18

/**
 * Counts every use of every cluster and compares: a count that is too low is damage, one too high a leak. Repair
 * writes the counts that were found and the flags that follow from them.
 */
export function* checkQcow2(parts: Parts, repair: boolean): Checking {
  const { file, header, l1, l2, refcounts } = parts
  const clusterBytes = 2 ** header.clusterBits
  const clusters = Math.ceil(file.size / clusterBytes)
  if (clusters > MAX_CLUSTERS)
    return { damage: ['it is too large to be checked'], leakedBytes: 0, repaired: false }
  const uses = new Uint32Array(clusters)
  const compared = Math.max(clusters, Math.min(refcounts.span, clusters * 2))
  const snapshotEntries = header.snapshots.reduce((sum, { l1Entries }) => sum + l1Entries, 0)
  const total = snapshotEntries + l1.byteLength / 8 + Math.ceil(compared / COUNTS_A_STEP)
  let done = 0
  let outside = 0
  let contradictions = 0
  let misplaced = 0
  const use = (position: number, bytes: number): void => {
    const last = Math.floor((position + bytes - 1) / clusterBytes)
    for (let cluster = Math.floor(position / clusterBytes); cluster <= last; cluster++)
      if (cluster < clusters) uses[cluster]!++
      else outside++
  }

  use(0, clusterBytes)
  const { tablePosition, tableClusters, blocks } = refcounts.own
  use(tablePosition, tableClusters * clusterBytes)
  for (const block of blocks) if (block !== 0) use(block, clusterBytes)
  for (const snapshot of header.snapshots) {
    const table = new Uint8Array(snapshot.l1Entries * 8)
    readPadded(file, snapshot.l1Position, table)
    if (table.length > 0) use(snapshot.l1Position, table.length)
    yield* useTables(viewOf(table))
  }
  if (header.snapshotTable) use(header.snapshotTable.position, header.snapshotTable.bytes)
  if (header.encryption) use(header.encryption.position, header.encryption.bytes)
  use(header.l1Position, Math.max(1, l1.byteLength))
  yield* useTables(l1)

  function* useTables(table: DataView): Generator<{ done: number; total: number }, void> {
    for (let at = 0; at < table.byteLength; at += 8) {
      const position = positionAt(table, at)
      done++
      if (position === 0) continue
      use(position, clusterBytes)
      // A table that lies nowhere has no entries worth following.
      if (position % clusterBytes !== 0 || position >= file.size) outside++
      else useEntries(l2.get(position).view, (at / 8) * (clusterBytes / entryBytesOf(header)))
      yield { done, total }
    }
  }

  function useEntries(view: DataView, first: number): void {
    const isDataFile = header.dataFile !== null
    for (let at = 0; at < view.byteLength; at += entryBytesOf(header)) {
      if (header.hasSubclusters && isContradiction(view, at, hasPlace(view, at, isDataFile))) contradictions++
      if (isDataFile) {
        const place = (first + at / entryBytesOf(header)) * clusterBytes
        const isThere = hasPlace(view, at, true)
        if (isCompressed(view, at) || (isThere && positionAt(view, at) !== place)) misplaced++
      } else if (isCompressed(view, at)) {
        const { position, bytes } = packedAt(view, at, header.clusterBits)
        use(position, bytes)
      } else {
        const position = positionAt(view, at)
        if (position !== 0) use(position, clusterBytes)
        if (position % clusterBytes !== 0) outside++
      }
    }
  }

  let low = 0
  let leaked = 0
  for (let cluster = 0; cluster < compared; cluster++) {
    if (cluster % COUNTS_A_STEP === 0) yield { done: done++, total }
    const count = refcounts.get(cluster)
    const wanted = uses[cluster] ?? 0
    if (count < wanted) low++
    if (count > wanted) leaked++
  }
  const flags = checkFlags(parts, uses, false)
  const damage = [
    ...(outside > 0 ? [`${outside} references lead out of the file`] : []),
    ...(low > 0 ? [`${low} clusters are counted too low`] : []),
    ...(misplaced > 0 ? [`${misplaced} entries lead to another place of the data file`] : []),
    ...(contradictions > 0 ? [`${contradictions} entries contradict themselves`] : []),
    ...(flags > 0 ? [`${flags} entries have a wrong flag`] : []),
    ...(header.isDirty ? ['it was not closed properly'] : []),
    ...(header.isCorrupt ? ['it is marked as damaged'] : []),
  ]
  // Which of two things was meant cannot be told.
  const isMendable = outside === 0 && misplaced === 0 && contradictions === 0
  if (repair && isMendable) {
    for (let cluster = 0; cluster < clusters; cluster++)
      if (refcounts.get(cluster) !== uses[cluster]) refcounts.set(cluster, uses[cluster]!)
    checkFlags(parts, uses, true)
    clearMarks(file, header)
  }
  return { damage, leakedBytes: leaked * clusterBytes, repaired: repair && isMendable }
}

/** Entries of the disk's own tables whose "used once" flag is wrong; set right when asked to. */
function checkFlags({ header, l1, l2, file }: Parts, uses: Uint32Array, mend: boolean): number {
  const clusterBytes = 2 ** header.clusterBits
  let wrong = 0
  const check = (view: DataView, at: number, isOnce: (position: number) => boolean): boolean => {
    const position = positionAt(view, at)
    if (position === 0 || isCopied(view, at) === isOnce(position)) return false
    wrong++
    if (mend) view.setUint32(at, (view.getUint32(at) ^ COPIED) >>> 0)
    return mend
  }
  const isOnce = (position: number): boolean => uses[position / clusterBytes] === 1
  // Nothing else uses what a data file has.
  const isDataOnce = header.dataFile === null ? isOnce : () => true
  for (let l1At = 0; l1At < l1.byteLength; l1At += 8) {
    const position = positionAt(l1, l1At)
    if (position === 0 || position % clusterBytes !== 0 || position >= file.size) continue
    if (check(l1, l1At, isOnce))
      file.writeAt(header.l1Position + l1At, new Uint8Array(l1.buffer, l1.byteOffset + l1At, 8))
    const table = l2.get(position)
    for (let at = 0; at < clusterBytes; at += entryBytesOf(header))
      if (!isCompressed(table.view, at) && check(table.view, at, isDataOnce)) l2.changed(table, at, 8)
  }
  return wrong
}

/** The last byte of the incompatible features; its other bits say how the tables are to be read. */
const LOWEST_FEATURES_AT = 79
const DIRTY_AND_CORRUPT = 3

/** Neither dirty nor corrupt any more. */
function clearMarks(file: HostFile, header: Qcow2Header): void {
  if (!header.isDirty && !header.isCorrupt) return
  const lowest = new Uint8Array(1)
  file.readAt(LOWEST_FEATURES_AT, lowest)
  file.writeAt(LOWEST_FEATURES_AT, Uint8Array.of(lowest[0]! & ~DIRTY_AND_CORRUPT))
  header.isDirty = false
  header.isCorrupt = false
}

import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import type { HostFile } from '../../host-file.ts'
import type { Checking, CheckReport } from '../disk-image.ts'
import { readPadded } from '../fields.ts'
import { ABSENT, type ClusterMap, PACKED, ZEROS } from '../mapped-image.ts'
import type { Qcow2Map } from './cluster-map.ts'
import { allocatedParts, isCompressed, isContradiction, setParts, SUBCLUSTERS, zeroParts } from './entries.ts'

const ALL_PARTS = 0xffff_ffff

/** A cluster that no entry points to yet. */
interface NewCluster {
  position: number
  /** Parts that have been copied into it. */
  copied: number
}

/**
 * Subclusters of qcow2 (extended L2 entries), each the 32nd part of a cluster: the disk is seen as made of those, and
 * all that is in one cluster of the disk lies in one cluster of the file. A part that is written for the first time
 * needs no other bytes of its cluster. Source: QEMU, docs/interop/qcow2.txt, "Extended L2 Entries".
 */
export class SubclusterMap implements ClusterMap {
  readonly partBytes: number
  /** By the number of the cluster. */
  readonly #new = new Map<number, NewCluster>()
  #unpacked: { cluster: number; bytes: Uint8Array } | null = null

  /** @param data the file as its clusters are in clear */
  constructor(
    private readonly data: HostFile,
    private readonly map: Qcow2Map,
    private readonly clusterBytes: number,
  ) {
    this.partBytes = clusterBytes / SUBCLUSTERS
  }

  get crowded(): boolean {
    return this.map.crowded
  }

  locate(part: number): number {
    const entry = this.map.entryOf(clusterOf(part))
    if (!entry) return ABSENT
    const { view, at } = entry
    if (this.map.isPacked(view, at)) return PACKED
    const position = this.#position(clusterOf(part), view, at)
    const bit = bitOf(part)
    if (allocatedParts(view, at) & bit) return position + this.#offset(part)
    return zeroParts(view, at) & bit ? ZEROS : ABSENT
  }

  /** Throws `DiskError` for an entry that nothing writes so. */
  #position(cluster: number, view: DataView, at: number): number {
    const position = this.map.placeOf(cluster, view, at)
    if (isContradiction(view, at, position !== ABSENT))
      throw new DiskError('io', this.data.path, because('tables-damaged'))
    return position
  }

  #offset(part: number): number {
    return (part % SUBCLUSTERS) * this.partBytes
  }

  locateOwned(part: number): number {
    const own = this.#ownCluster(clusterOf(part))
    return own !== ABSENT && this.locate(part) >= 0 ? own + this.#offset(part) : ABSENT
  }

  /** Position of a cluster whose bytes may be written in place. */
  #ownCluster(cluster: number): number {
    const entry = this.map.entryOf(cluster)
    if (entry && !this.map.isPacked(entry.view, entry.at)) this.#position(cluster, entry.view, entry.at)
    return this.map.locateOwned(cluster)
  }

  unpack(part: number, into: Uint8Array): void {
    into.set(this.#cluster(clusterOf(part)).subarray(this.#offset(part), this.#offset(part) + into.length))
  }

  /** All of a compressed cluster; its parts are asked for one after the other. */
  #cluster(cluster: number): Uint8Array {
    if (this.#unpacked?.cluster === cluster) return this.#unpacked.bytes
    const bytes = new Uint8Array(this.clusterBytes)
    this.map.unpack(cluster, bytes)
    this.#unpacked = { cluster, bytes }
    return bytes
  }

  allocate(part: number): number {
    const cluster = clusterOf(part)
    const own = this.#ownCluster(cluster)
    return (own === ABSENT ? this.#newCluster(cluster) : own) + this.#offset(part)
  }

  /** A place for a cluster, with what it has so far. */
  #newCluster(cluster: number): number {
    const known = this.#new.get(cluster)
    if (known) return known.position
    const position = this.map.allocate(cluster)
    try {
      this.#new.set(cluster, { position, copied: this.#copyParts(cluster, position) })
    } catch (error) {
      this.map.abandon(position)
      throw error
    }
    return position
  }

  /** @returns parts that are in the new place */
  #copyParts(cluster: number, to: number): number {
    const entry = this.map.entryOf(cluster)
    if (!entry) return 0
    const { view, at } = entry
    if (isCompressed(view, at)) {
      this.data.writeAt(to, this.#cluster(cluster))
      return ALL_PARTS
    }
    const from = this.#position(cluster, view, at)
    const allocated = allocatedParts(view, at)
    for (let first = 0; first < SUBCLUSTERS;) {
      let end = first
      while (end < SUBCLUSTERS && allocated & (1 << end)) end++
      if (end > first) {
        const bytes = new Uint8Array((end - first) * this.partBytes)
        readPadded(this.data, from + first * this.partBytes, bytes)
        this.data.writeAt(to + first * this.partBytes, bytes)
      }
      first = end + 1
    }
    return allocated
  }

  assign(part: number, position: number): void {
    const cluster = clusterOf(part)
    const bit = bitOf(part)
    const made = this.#new.get(cluster)
    if (!made) {
      this.map.changeEntry(cluster, (view, at) =>
        setParts(view, at, allocatedParts(view, at) | bit, zeroParts(view, at) & ~bit),
      )
      return
    }
    const entry = this.map.entryOf(cluster)
    const zeros = entry && !isCompressed(entry.view, entry.at) ? zeroParts(entry.view, entry.at) : 0
    const allocated = made.copied | bit
    this.map.assign(cluster, position - this.#offset(part))
    this.map.changeEntry(cluster, (view, at) => setParts(view, at, allocated, zeros & ~allocated))
    this.#new.delete(cluster)
    if (this.#unpacked?.cluster === cluster) this.#unpacked = null
  }

  abandon(position: number): void {
    for (const [cluster, made] of this.#new) {
      // A part of a cluster that was there before needs nothing given back.
      if (position < made.position || position >= made.position + this.clusterBytes) continue
      this.#new.delete(cluster)
      this.map.abandon(made.position)
    }
  }

  modified(): void {
    this.map.modified()
  }

  commit(): void {
    this.map.commit()
  }

  check(repair: boolean): CheckReport {
    return this.map.check(repair)
  }

  checking(repair: boolean): Checking {
    return this.map.checking(repair)
  }

  grow(sizeBytes: number): boolean {
    return this.map.grow(sizeBytes)
  }
}

const clusterOf = (part: number): number => Math.floor(part / SUBCLUSTERS)
const bitOf = (part: number): number => 1 << (part % SUBCLUSTERS)

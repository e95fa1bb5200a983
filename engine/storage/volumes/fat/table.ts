import type { ByteWindow } from '../byte-window.ts'
import { damaged } from '../volume.ts'
import { BITS, type FatLayout } from './layout.ts'

/** From this value on, less 12, 16 or 28 bits, an entry ends its chain. */
const END = { FAT12: 0xff8, FAT16: 0xfff8, FAT32: 0x0fff_fff8 }
const MASK = { FAT12: 0xfff, FAT16: 0xffff, FAT32: 0x0fff_ffff }

/** The file allocation table: which cluster follows which. */
export class FatTable {
  /** Where the search for free clusters goes on. */
  #next = 2

  constructor(
    private readonly volume: ByteWindow,
    private readonly layout: FatLayout,
  ) {}

  get last(): number {
    return this.layout.clusterCount + 1
  }

  /** Throws `file-unusable` for a chain that goes round, leads out of the volume or to what is free. */
  *chain(first: number, maxClusters = this.layout.clusterCount): Generator<number> {
    const { kind } = this.layout
    let cluster = first
    for (let count = 0; cluster < END[kind]; count++) {
      if (cluster < 2 || cluster > this.last)
        throw damaged(this.volume.name, `a chain leads to cluster ${cluster}, which is none`)
      if (count >= maxClusters)
        throw damaged(this.volume.name, `the chain from cluster ${first} does not end`)
      yield cluster
      cluster = this.get(cluster)
    }
  }

  /** The cluster that comes so many links after another one. Throws `file-unusable` as `chain` does. */
  follow(first: number, links: number): number {
    const { kind } = this.layout
    let cluster = first
    for (let count = 0; count < links; count++) {
      if (cluster < 2 || cluster > this.last)
        throw damaged(this.volume.name, `a chain leads to cluster ${cluster}, which is none`)
      cluster = this.get(cluster)
      if (cluster >= END[kind])
        throw damaged(this.volume.name, `the chain from cluster ${first} is too short`)
    }
    return cluster
  }

  get(cluster: number): number {
    const { kind, fatStart } = this.layout
    const at = fatStart + Math.floor((cluster * BITS[kind]) / 8)
    if (kind === 'FAT32') return this.volume.uint(at, 4) & MASK.FAT32
    const value = this.volume.uint(at, 2)
    return kind === 'FAT16' ? value : cluster & 1 ? value >> 4 : value & 0xfff
  }

  /** In every copy of the table. */
  set(cluster: number, value: number): void {
    const { kind, fatStart, fatBytes, fatCount } = this.layout
    for (let copy = 0; copy < fatCount; copy++) {
      const at = fatStart + copy * fatBytes + Math.floor((cluster * BITS[kind]) / 8)
      const view = this.volume.view(at, kind === 'FAT32' ? 4 : 2)
      if (kind === 'FAT32') view.setUint32(0, (view.getUint32(0, true) & 0xf000_0000) | value, true)
      else if (kind === 'FAT16') view.setUint16(0, value, true)
      else {
        const before = view.getUint16(0, true)
        view.setUint16(0, cluster & 1 ? (before & 0xf) | (value << 4) : (before & 0xf000) | value, true)
      }
      this.volume.write(at, new Uint8Array(view.buffer))
    }
  }

  get end(): number {
    return MASK[this.layout.kind]
  }

  /** Some free clusters, which stay free until `link` uses them; fewer when there are no more. */
  findFree(count: number): number[] {
    const found: number[] = []
    const { clusterCount } = this.layout
    for (let tried = 0; tried < clusterCount && found.length < count; tried++) {
      if (this.get(this.#next) === 0) found.push(this.#next)
      this.#next = this.#next >= this.last ? 2 : this.#next + 1
    }
    return found
  }

  /** Makes a chain of clusters, behind another one if need be. */
  link(clusters: readonly number[], behind: number | null = null): void {
    clusters.forEach((cluster, index) => this.set(cluster, clusters[index + 1] ?? this.end))
    if (behind !== null && clusters.length > 0) this.set(behind, clusters[0]!)
  }

  free(first: number): void {
    // All of it first: each link leads on only as long as it stands.
    const clusters = [...this.chain(first)]
    for (const cluster of clusters) this.set(cluster, 0)
  }
}

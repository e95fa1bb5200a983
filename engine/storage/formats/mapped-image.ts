import { because } from '../../protocol/reasons.ts'
import { checkRange, DiskError } from '../block-image.ts'
import type { HostFile } from '../host-file.ts'
import {
  type Checking,
  type CheckReport,
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from './disk-image.ts'
import { readPadded } from './fields.ts'

/** How far behind the end of its file a cluster may lie that a table has: programs leave an end of zeros away. */
const MAX_GAP_BYTES = 64 * 1024 ** 2

/** What a `ClusterMap` says of a cluster that is at no position of the file. */
export const ABSENT = -1 // what lies below shows through, or zeros
export const ZEROS = -2
export const PACKED = -3 // `unpack` has the contents

/**
 * Where a format keeps the clusters of a disk: the part in which the formats differ.
 *
 * Nothing that a map notes need be on the disk before `commit`, but what `commit` writes has to be in an order
 * that leaves an image without loss wherever the power fails.
 */
export interface ClusterMap {
  /** Position of the cluster's bytes in the file, or `ABSENT`, `ZEROS`, `PACKED`. */
  locate(cluster: number): number
  /** Position at which the cluster may be overwritten, or `ABSENT` when it needs a new place. */
  locateOwned(cluster: number): number
  /** Fills `into` with a whole cluster that is `PACKED`. */
  unpack(cluster: number, into: Uint8Array): void
  /** Takes a place for a cluster's bytes; nothing points there yet. Throws `DiskError`. */
  allocate(cluster: number): number
  /** The place that `allocate` gave has the cluster's contents now. */
  assign(cluster: number, position: number): void
  /** The place that `allocate` gave last stays unused: writing there failed. */
  abandon(position: number): void
  /** The disk is about to be written, for the first time or again. */
  modified(): void
  /** True when so much is noted that it should be committed before more is. */
  readonly crowded: boolean
  /** Returns when data and map are on the host's disk. */
  commit(): void
  check(repair: boolean): CheckReport
  /** The same piece by piece, where it may take long. */
  checking?(repair: boolean): Checking
  /** Makes the disk larger in place, at once and whole, where the format can. */
  grow?(sizeBytes: number): boolean
}

/** A run of bytes that one call reads or writes. */
interface Run {
  where: number
  from: number
  to: number
}

/** A disk whose clusters lie where a map says, over a backing image or over zeros. */
export class MappedImage implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly holdsBack = true
  /** The last cluster that was unpacked: small reads in a row need it again and again. */
  #unpacked: { cluster: number; bytes: Uint8Array } | null = null

  /** Takes over file and backing image. */
  constructor(
    private readonly file: HostFile,
    private readonly map: ClusterMap,
    readonly sectorCount: number,
    private readonly clusterBytes: number,
    readonly details: ImageDetails,
    public backing: DiskImage | null,
  ) {}

  get name(): string {
    return this.file.path
  }

  get readonly(): boolean {
    return !this.file.writable
  }

  goOnOver(backing: DiskImage | null): void {
    this.backing = backing
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    const start = sector * SECTOR_BYTES
    const cluster = Math.floor(start / this.clusterBytes)
    const at = start - cluster * this.clusterBytes
    // Most of what guests read is small; it needs no runs.
    const where = at + into.length <= this.clusterBytes ? this.map.locate(cluster) : PACKED
    if (where >= 0) readPadded(this.file, where + at, into)
    else this.#readBytes(start, into)
  }

  #readBytes(start: number, into: Uint8Array): void {
    let run: Run = { where: ABSENT, from: 0, to: 0 }
    for (let done = 0; done < into.length;) {
      const cluster = Math.floor((start + done) / this.clusterBytes)
      const at = start + done - cluster * this.clusterBytes
      const bytes = Math.min(this.clusterBytes - at, into.length - done)
      const where = this.map.locate(cluster)
      if (where === PACKED) {
        this.#readRun(run, start, into)
        into.set(this.#unpack(cluster).subarray(at, at + bytes), done)
        run = { where: ABSENT, from: done + bytes, to: done + bytes }
      } else if (where >= 0 ? run.where + (run.to - run.from) === where + at : run.where === where)
        run.to = done + bytes
      else {
        this.#readRun(run, start, into)
        run = { where: where >= 0 ? where + at : where, from: done, to: done + bytes }
      }
      done += bytes
    }
    this.#readRun(run, start, into)
  }

  #readRun({ where, from, to }: Run, start: number, into: Uint8Array): void {
    if (from === to) return
    const part = into.subarray(from, to)
    if (where >= 0) readPadded(this.file, where, part)
    else if (where === ABSENT && this.backing) this.#readBacking(this.backing, start + from, part)
    else part.fill(0)
  }

  /** A backing image may be smaller; zeros follow it. */
  #readBacking(backing: DiskImage, position: number, part: Uint8Array): void {
    const end = backing.sectorCount * SECTOR_BYTES
    const below = Math.max(0, Math.min(part.length, end - position))
    if (below > 0) backing.read(position / SECTOR_BYTES, below / SECTOR_BYTES, part.subarray(0, below))
    if (below < part.length) part.fill(0, below)
  }

  #unpack(cluster: number): Uint8Array {
    if (this.#unpacked?.cluster === cluster) return this.#unpacked.bytes
    const bytes = new Uint8Array(this.clusterBytes)
    this.map.unpack(cluster, bytes)
    this.#unpacked = { cluster, bytes }
    return bytes
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    if (this.readonly) throw new DiskError('readonly', this.name, because('opened-read-only'))
    if (this.map.crowded) this.map.commit()
    this.map.modified()
    const start = sector * SECTOR_BYTES
    let run: Run = { where: ABSENT, from: 0, to: 0 }
    let placed: { cluster: number; position: number }[] = []
    const finish = (): void => {
      this.#writeRun(run, from, placed)
      placed = []
    }
    for (let done = 0; done < from.length;) {
      const cluster = Math.floor((start + done) / this.clusterBytes)
      const at = start + done - cluster * this.clusterBytes
      const bytes = Math.min(this.clusterBytes - at, from.length - done)
      const owned = this.map.locateOwned(cluster)
      // A damaged table must not make the file grow to any size.
      if (owned > this.file.size + MAX_GAP_BYTES)
        throw new DiskError('io', this.name, because('tables-lead-out'))
      if (owned < 0 && bytes < this.clusterBytes && !this.#readsAsZeros(cluster)) {
        finish()
        this.#rewriteCluster(cluster, at, from.subarray(done, done + bytes))
        run = { where: ABSENT, from: done + bytes, to: done + bytes }
      } else {
        const position = owned >= 0 ? owned : this.#place(cluster, finish)
        const isHole = position >= this.file.size && !this.file.holesAreNoise
        const isFresh = owned >= 0 || bytes === this.clusterBytes || isHole
        if (!isFresh) {
          finish()
          this.#fill(cluster, position, at, from.subarray(done, done + bytes))
          run = { where: ABSENT, from: done + bytes, to: done + bytes }
        } else {
          if (run.to === run.from || run.where + (run.to - run.from) !== position + at) {
            finish()
            run = { where: position + at, from: done, to: done }
          }
          run.to = done + bytes
          if (owned < 0) placed.push({ cluster, position })
        }
      }
      done += bytes
    }
    finish()
  }

  /** A new place; what was gathered is written first when there is no room for another one. */
  #place(cluster: number, finish: () => void): number {
    try {
      return this.map.allocate(cluster)
    } catch (error) {
      finish()
      throw error
    }
  }

  #readsAsZeros(cluster: number): boolean {
    const where = this.map.locate(cluster)
    return where === ZEROS || (where === ABSENT && !this.backing)
  }

  #writeRun({ where, from, to }: Run, source: Uint8Array, placed: readonly Placed[]): void {
    if (from === to) return
    this.#guarded(placed, () => this.file.writeAt(where, source.subarray(from, to)))
    for (const { cluster, position } of placed) this.#assign(cluster, position)
  }

  #assign(cluster: number, position: number): void {
    if (this.#unpacked?.cluster === cluster) this.#unpacked = null
    this.map.assign(cluster, position)
  }

  /** Writes a part of a cluster into a place that is not known to hold zeros. */
  #fill(cluster: number, position: number, at: number, part: Uint8Array): void {
    const whole = new Uint8Array(this.clusterBytes)
    whole.set(part, at)
    this.#guarded([{ cluster, position }], () => this.file.writeAt(position, whole))
    this.#assign(cluster, position)
  }

  /** Writes a part of a cluster whose other sectors are elsewhere: below, packed or shared. */
  #rewriteCluster(cluster: number, at: number, part: Uint8Array): void {
    const whole = new Uint8Array(this.clusterBytes)
    this.#readBytes(cluster * this.clusterBytes, whole)
    whole.set(part, at)
    const position = this.map.allocate(cluster)
    this.#guarded([{ cluster, position }], () => this.file.writeAt(position, whole))
    this.#assign(cluster, position)
  }

  #guarded(placed: readonly Placed[], write: () => void): void {
    try {
      write()
    } catch (error) {
      for (const { position } of placed.toReversed()) this.map.abandon(position)
      throw error
    }
  }

  extentAt(sector: number, limit: number): Extent {
    const last = Math.min(this.sectorCount, sector + limit) - 1
    const clusterSectors = this.clusterBytes / SECTOR_BYTES
    const end = Math.floor(last / clusterSectors)
    let cluster = Math.floor(sector / clusterSectors)
    const holds = this.#holds(cluster)
    while (cluster < end && this.#holds(cluster + 1) === holds) cluster++
    return { sectors: Math.min(last + 1, (cluster + 1) * clusterSectors) - sector, holds }
  }

  #holds(cluster: number): Extent['holds'] {
    const where = this.map.locate(cluster)
    return where === ABSENT ? 'nothing' : where === ZEROS ? 'zeros' : 'data'
  }

  check(repair: boolean): CheckReport {
    return this.map.check(repair && !this.readonly)
  }

  *checking(repair: boolean): Checking {
    const mends = repair && !this.readonly
    return this.map.checking ? yield* this.map.checking(mends) : this.map.check(mends)
  }

  resize(sizeBytes: number): boolean {
    return sizeBytes > this.sectorCount * SECTOR_BYTES && (this.map.grow?.(sizeBytes) ?? false)
  }

  flush(): void {
    if (!this.readonly) this.map.commit()
  }

  close(): void {
    try {
      this.backing?.close()
    } finally {
      this.file.close()
    }
  }
}

interface Placed {
  cluster: number
  position: number
}

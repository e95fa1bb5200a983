import type { HostFile } from '../host-file.ts'
import { readPadded, viewOf } from './fields.ts'

const SECTOR = 512

export interface CachedTable {
  readonly position: number
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Sectors that differ from the file, from the first to before the last; null when none does. */
  dirty: { from: number; to: number } | null
  /** Nothing on the disk points to it yet. */
  isNew: boolean
}

/**
 * Tables of an image that lie in its file, the recently used ones kept in memory. Changes stay in memory until
 * they are written, in the order that the format chooses: an entry on the disk must never point to what is not
 * there yet.
 */
export class TableCache {
  /** Oldest use first. */
  readonly #tables = new Map<number, CachedTable>()
  #last: CachedTable | null = null
  #dirtyTables = 0

  /** @param maxTables tables in memory at most, but for changed ones, of which `crowded` tells */
  constructor(
    private readonly file: HostFile,
    readonly tableBytes: number,
    private readonly maxTables: number,
  ) {}

  /** True when half of the memory is taken by changes. */
  get crowded(): boolean {
    return this.#dirtyTables * 2 >= this.maxTables
  }

  get isDirty(): boolean {
    return this.#dirtyTables > 0
  }

  get(position: number): CachedTable {
    if (this.#last?.position === position) return this.#last
    let table = this.#tables.get(position)
    if (table) this.#tables.delete(position)
    else {
      table = this.#make(position)
      readPadded(this.file, position, table.bytes)
    }
    return this.#keep(table)
  }

  /** A table that is not in the file yet, of zeros, to be written as new. */
  add(position: number): CachedTable {
    const table = this.#make(position)
    table.isNew = true
    this.#tables.delete(position)
    this.#keep(table)
    this.changed(table, 0, this.tableBytes)
    return table
  }

  #make(position: number): CachedTable {
    const bytes = new Uint8Array(this.tableBytes)
    return { position, bytes, view: viewOf(bytes), dirty: null, isNew: false }
  }

  #keep(table: CachedTable): CachedTable {
    this.#tables.set(table.position, table)
    this.#last = table
    if (this.#tables.size > this.maxTables) this.#evict(table)
    return table
  }

  #evict(keep: CachedTable): void {
    for (const table of this.#tables.values()) {
      if (table.dirty || table === keep) continue
      this.#tables.delete(table.position)
      return
    }
  }

  /** Notes that bytes of a table were changed. */
  changed(table: CachedTable, at: number, bytes: number): void {
    const from = at - (at % SECTOR)
    const to = Math.min(this.tableBytes, Math.ceil((at + bytes) / SECTOR) * SECTOR)
    if (!table.dirty) {
      table.dirty = { from, to }
      this.#dirtyTables++
    } else {
      table.dirty.from = Math.min(table.dirty.from, from)
      table.dirty.to = Math.max(table.dirty.to, to)
    }
  }

  /** Forgets a table whose place is given up. */
  drop(position: number): void {
    const table = this.#tables.get(position)
    if (!table) return
    if (table.dirty) this.#dirtyTables--
    this.#tables.delete(position)
    if (this.#last === table) this.#last = null
  }

  /**
   * Writes changes of new tables or of those that the disk knows. Says whether there were any.
   * @param copyAt position of a table's second copy, where the format keeps one
   */
  write(which: 'new' | 'known', copyAt?: (position: number) => number | null): boolean {
    if (this.#dirtyTables === 0) return false
    let wrote = false
    for (const table of this.#tables.values()) {
      const { dirty, position } = table
      if (!dirty || table.isNew !== (which === 'new')) continue
      const part = table.bytes.subarray(dirty.from, dirty.to)
      this.file.writeAt(position + dirty.from, part)
      const copy = copyAt?.(position) ?? null
      if (copy !== null) this.file.writeAt(copy + dirty.from, part)
      table.dirty = null
      this.#dirtyTables--
      wrote = true
    }
    return wrote
  }

  /** New tables are on the disk and pointed to by now. */
  settle(): void {
    for (const table of this.#tables.values()) table.isNew = false
  }
}

import type { TableReader } from '../vcpu/mmu.ts'

/** A bit that the processor sets in an entry without any effect on where it leads: dirty. */
const INDIFFERENT = 0x40
/** Spaces that are remembered; more take turns. */
const MAX_SPACES = 256
/** Looking at more on every load of CR3 costs more than finding code again. */
const MAX_ENTRIES = 1024

/** An address space as programs run in it, known by its page directory. */
export interface AddressSpace {
  /** Small numbers for (code segment, mode) in this space, by base and mode, then by limit. */
  readonly codeIds: Map<number, Map<number, number>>
  /** The words of page tables by which code was found, by physical address. */
  readonly entries: Map<number, number>
  readonly pointers: readonly number[]
}

/**
 * The address spaces that CR3 has pointed at. A load of CR3 says that translations may have changed; whether those of
 * code have is seen by the entries that led to it, so that programs which take turns need not look for their code anew.
 */
export class AddressSpaces {
  readonly #known = new Map<number, AddressSpace>()
  #current: AddressSpace

  constructor(private readonly tables: TableReader) {
    this.#current = this.#empty()
  }

  get current(): AddressSpace {
    return this.#current
  }

  /** CR3 has been loaded. */
  enter(directory: number): void {
    let space = this.#known.get(directory)
    if (space && !this.#holds(space)) space = undefined
    this.#known.delete(directory)
    this.#known.set(directory, (space ??= this.#empty()))
    if (this.#known.size > MAX_SPACES) this.#known.delete(this.#known.keys().next().value!)
    this.#current = space
  }

  /** Code was found by the entry at this physical address. */
  note(address: number): void {
    this.#current.entries.set(address, this.#entry(address))
  }

  forget(): void {
    this.#known.clear()
    this.#current = this.#empty()
  }

  #entry(address: number): number {
    return (this.tables.readPhysical(address, 4) & ~INDIFFERENT) | 0
  }

  #holds({ entries, pointers }: AddressSpace): boolean {
    if (entries.size > MAX_ENTRIES) return false
    const { pdpt } = this.tables
    if (!pointers.every((pointer, i) => pointer === pdpt[i])) return false
    for (const [address, value] of entries) if (this.#entry(address) !== value) return false
    return true
  }

  #empty(): AddressSpace {
    return { codeIds: new Map(), entries: new Map(), pointers: this.tables.pdpt }
  }
}

import { State } from '../isa/state.ts'
import { CR4, type CpuState } from './cpu-state.ts'

/** R/W field of DR7 (SDM vol. 3, 17.2.4). */
const EXECUTE = 0
const WRITE = 1
const PORT = 2

/** The four debug address registers as DR7 enables them. */
export class Breakpoints {
  #hits = 0
  #pages: ReadonlySet<number> = new Set()

  constructor(private readonly state: CpuState) {}

  get #control(): number {
    return this.state.word(State.DEBUG + 28)
  }

  /** True while any breakpoint is enabled: instructions then go one by one. */
  get enabled(): boolean {
    return (this.#control & 0xff) !== 0
  }

  /** Takes note of changed registers; true when the pages to watch are others than before. */
  refresh(): boolean {
    const pages = new Set<number>()
    this.#each((i, kind) => {
      if (kind === EXECUTE || kind === PORT) return
      pages.add(this.#address(i) >>> 12)
    })
    const same = pages.size === this.#pages.size && [...pages].every((page) => this.#pages.has(page))
    this.#pages = pages
    this.#hits = 0
    return !same
  }

  get watchesAny(): boolean {
    return this.#pages.size > 0
  }

  /** Whether accesses to this linear page must be looked at one by one. */
  watches(page: number): boolean {
    return this.#pages.has(page)
  }

  /** Notes an access to memory. */
  touched(linear: number, size: number, write: boolean): void {
    if (this.#pages.size === 0) return
    this.#each((i, kind) => {
      if (kind === EXECUTE || kind === PORT || (kind === WRITE && !write)) return
      this.#noteOverlap(i, linear >>> 0, size)
    })
  }

  /** Notes an access to a port, for which CR4.DE must be set. */
  port(port: number, size: number): void {
    if (!this.enabled || !(this.state.cr4 & CR4.DE)) return
    this.#each((i, kind) => {
      if (kind === PORT) this.#noteOverlap(i, port, size)
    })
  }

  /** Bits for DR6 of the breakpoints at an instruction's first byte. */
  atInstruction(linear: number): number {
    let hits = 0
    this.#each((i, kind) => {
      if (kind === EXECUTE && this.state.word(State.DEBUG + 4 * i) === (linear | 0)) hits |= 1 << i
    })
    return hits
  }

  /** Bits for DR6 of what has been noted since the last call. */
  takeHits(): number {
    const hits = this.#hits
    this.#hits = 0
    return hits
  }

  #each(visit: (index: number, kind: number) => void): void {
    const control = this.#control
    for (let i = 0; i < 4; i++) if (control & (3 << (2 * i))) visit(i, (control >>> (16 + 4 * i)) & 3)
  }

  #length(i: number): number {
    return LENGTHS[(this.#control >>> (18 + 4 * i)) & 3]!
  }

  /** Aligned to the length, as the comparison ignores the low bits. */
  #address(i: number): number {
    return (this.state.word(State.DEBUG + 4 * i) & -this.#length(i)) >>> 0
  }

  #noteOverlap(i: number, from: number, size: number): void {
    const address = this.#address(i)
    if (from < address + this.#length(i) && address < from + size) this.#hits |= 1 << i
  }
}

const LENGTHS = [1, 2, 8, 4] as const

import { technical } from '../../engine/protocol/reasons.ts'
import { type BlockImage, checkRange, DiskError } from '../../engine/storage/block-image.ts'

/**
 * A medium for devices that are hammered: sectors that hold their number until they are written, room for some
 * writes only, and, when asked for, host errors at every so many accesses.
 */
export class FuzzMedium implements BlockImage {
  #written = new Map<number, Uint8Array>()
  #accesses = 0

  constructor(
    readonly name: string,
    readonly sectorBytes: number,
    readonly sectorCount: number,
    private readonly options: { readonly?: boolean; failsOneIn?: number; maxSectors?: number } = {},
  ) {}

  get readonly(): boolean {
    return this.options.readonly ?? false
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    this.#fail()
    for (let index = 0; index < count; index++) {
      const at = index * this.sectorBytes
      const own = this.#written.get(sector + index)
      if (own) into.set(own, at)
      else into.fill((sector + index) & 0xff, at, at + this.sectorBytes)
    }
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    if (this.readonly) throw new DiskError('readonly', this.name, technical('it is write-protected'))
    this.#fail()
    if (this.#written.size + count > (this.options.maxSectors ?? 2048))
      throw new DiskError('full', this.name, technical('no room is left'))
    for (let index = 0; index < count; index++)
      this.#written.set(sector + index, from.slice(index * this.sectorBytes, (index + 1) * this.sectorBytes))
  }

  flush(): void {
    this.#fail()
  }

  close(): void {}

  /** What was written and how far the next host error is, to go back to with `rewind`. */
  mark(): { written: Map<number, Uint8Array>; accesses: number } {
    return { written: new Map(this.#written), accesses: this.#accesses }
  }

  rewind({ written, accesses }: { written: Map<number, Uint8Array>; accesses: number }): void {
    this.#written = new Map(written)
    this.#accesses = accesses
  }

  #fail(): void {
    this.#accesses++
    const { failsOneIn } = this.options
    if (failsOneIn && this.#accesses % failsOneIn === 0)
      throw new DiskError('io', this.name, technical('the host failed'))
  }
}

import type { AccessSize, BusDevice } from './bus-device.ts'
import type { MemoryMap, MemoryRegion, RegionHandle } from './memory-map.ts'
import type { PortClaim, PortMap } from './port-map.ts'

/** Something that a base address register moves about. */
export interface PciWindow {
  /** Moves it to this port or guest-physical address, or takes it off the bus. The same place again is cheap. */
  place(base: number | null): void
  /** Tries again what another window was in the way of. Called after every change of a base or command register. */
  settle(): void
}

/** A block of ports. Where a fixed device or an earlier window answers already, that one keeps answering. */
export class PortWindow implements PciWindow {
  #wanted: number | null = null
  #claim: PortClaim | null = null

  /** @param range `length` is a power of two, at most 256 for a PCI 2.1 device on a PC */
  constructor(
    private readonly ports: PortMap,
    private readonly range: { name: string; length: number; width?: AccessSize },
    private readonly device: BusDevice,
  ) {}

  place(base: number | null): void {
    // The processor has 64 Ki ports; what a base address register holds above them answers to nothing.
    if (base !== null && base + this.range.length > 0x10000) base = null
    if (base === this.#wanted) return
    this.#claim?.release()
    this.#claim = null
    this.#wanted = base
    this.settle()
  }

  settle(): void {
    if (this.#claim || this.#wanted === null || !this.ports.isFree(this.#wanted, this.range.length)) return
    this.#claim = this.ports.map({ ...this.range, base: this.#wanted }, this.device)
  }
}

/** A block of memory; `handle` is for devices that follow what is written to it. */
export class MemoryWindow implements PciWindow {
  readonly handle: RegionHandle
  #base: number | null = null

  constructor(memory: MemoryMap, region: Omit<MemoryRegion, 'base'>) {
    this.handle = memory.map({ ...region, base: 0 })
    this.handle.update(null)
  }

  place(base: number | null): void {
    if (base === this.#base) return
    this.#base = base
    this.handle.update(base === null ? null : { base })
  }

  // Memory windows may overlap: the map decides by priority and age.
  settle(): void {}
}

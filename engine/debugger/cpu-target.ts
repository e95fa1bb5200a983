import type { MemoryMap } from '../bus/memory-map.ts'
import { CS } from '../isa/state.ts'
import type { DebuggableCpu } from '../vcpu/debuggable.ts'
import { lookUpPage } from '../vcpu/page-lookup.ts'
import type { StopReason } from '../vcpu/stops.ts'
import { FEATURES, REGISTERS } from './registers.ts'
import type { DebugSettings, DebugTarget, PointKind, Space } from './target.ts'

const PAGE = 4096
const MAX_POINTS = 1000

/** The software processor and its memory, as a debugger sees them. */
export class CpuTarget implements DebugTarget {
  readonly features = FEATURES
  readonly settings: DebugSettings = { space: 'linear', linearPc: false, stepInterrupts: false }

  constructor(
    private readonly cpu: DebuggableCpu,
    private readonly memory: MemoryMap,
  ) {}

  readRegister(index: number): Uint8Array {
    return REGISTERS[index]!.read(this.cpu, this.settings)
  }

  writeRegister(index: number, value: Uint8Array): boolean {
    return REGISTERS[index]!.write?.(this.cpu, value, this.settings) ?? false
  }

  readMemory(space: Space, address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    let done = 0
    for (const { physical, count } of this.#pieces(space, address, length)) {
      if (physical === null || this.memory.readOffset(Math.floor(physical / PAGE)) < 0) break
      this.memory.dmaRead(physical, bytes.subarray(done, done + count))
      done += count
    }
    return bytes.subarray(0, done)
  }

  writeMemory(space: Space, address: number, bytes: Uint8Array): boolean {
    const pieces = [...this.#pieces(space, address, bytes.length)]
    if (!pieces.every(({ physical }) => physical !== null && this.#isWritable(Math.floor(physical / PAGE))))
      return false
    let done = 0
    for (const { physical, count } of pieces) {
      this.memory.dmaWrite(physical!, bytes.subarray(done, done + count))
      done += count
    }
    // It may have been a page table.
    this.cpu.mmu.flush('all')
    return true
  }

  setPoint(kind: PointKind, linear: number, length: number): boolean {
    const { stops } = this.cpu
    if (stops.count >= MAX_POINTS) return false
    if (kind === 'breakpoint') stops.addBreakpoint(linear)
    else stops.addWatchpoint(kind, linear, length)
    return true
  }

  clearPoint(kind: PointKind, linear: number, length: number): void {
    const { stops } = this.cpu
    if (kind === 'breakpoint') stops.removeBreakpoint(linear)
    else stops.removeWatchpoint(kind, linear, length)
  }

  clearPoints(): void {
    this.cpu.stops.clear()
  }

  begin(single: boolean): void {
    const { stops } = this.cpu
    stops.holdInterrupts = !this.settings.stepInterrupts
    stops.begin(single)
  }

  stopReason(): StopReason {
    const { state, stops } = this.cpu
    return stops.take(state.base(CS) + state.eip)
  }

  #isWritable(page: number): boolean {
    return this.memory.writeOffset(page) >= 0 || this.memory.needsNote(page)
  }

  /** A range cut at page boundaries, with where each piece lies; null where nothing is mapped. */
  *#pieces(
    space: Space,
    address: number,
    length: number,
  ): Generator<{ physical: number | null; count: number }> {
    const { cpu } = this
    for (let done = 0; done < length;) {
      const at = (address + done) >>> 0
      const count = Math.min(length - done, PAGE - (at % PAGE))
      const physical =
        space === 'physical' ? at : lookUpPage(cpu.state, cpu.mmu.pdpt, (where) => this.#readWord(where), at)
      yield {
        physical:
          physical === null || space === 'physical' ? physical : (physical & cpu.mmu.addressMask) >>> 0,
        count,
      }
      done += count
    }
  }

  /** A page-table entry; tables lie in RAM, and what a device would answer is not asked for. */
  #readWord(physical: number): number {
    const bytes = new Uint8Array(4)
    this.memory.dmaRead((physical & this.cpu.mmu.addressMask) >>> 0, bytes)
    return new DataView(bytes.buffer).getInt32(0, true)
  }
}

import type { AccessSize } from '../bus/bus-device.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import { BOUNCE_BYTES, BOUNCE_SLOTS, SEGMENT_BYTES, Segment, State, Walk } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import type { Segmentation } from '../vcpu/segmentation.ts'

/** Bytes of a segment of an 8086. */
const SEGMENT_END = 0x10000

interface Bounce {
  /** Address in a buffer. */
  at: number
  linear: number
  size: number
  user: boolean
}

/** What a code cache must know of a write before it happens. */
export interface CodeGuard {
  hitsCode(host: number, size: number): boolean
}

/**
 * The slow way of a memory access of generated code: misses, page-crossing operands, devices, pages with
 * decoded code, segments at their edges. What one load or store cannot do goes through a bounce buffer,
 * which is written back when the instruction is done.
 */
export class SlowAccess {
  #pending: Bounce[] = []
  #slot = 0
  #refused = false
  deviceReads = 0
  deviceWrites = 0
  /** Asked before an access is begun: true when its instruction must be run by itself instead. */
  stopsAt: (linear: number, size: number, write: boolean) => boolean = () => false

  constructor(
    private readonly state: CpuState,
    private readonly memory: MemoryMap,
    private readonly mmu: Mmu,
    private readonly segmentation: Segmentation,
    private readonly code: CodeGuard,
  ) {}

  /**
   * Linear-memory address for an access; below the bounce limit when it is a buffer. Throws the fault; 0 gives the
   * instruction up as a fault does.
   * @param kind size | write << 8 | read-modify-write << 9
   */
  access(offset: number, segmentAddress: number, kind: number): number {
    const size = kind & 0xff
    const write = (kind & 0x100) !== 0
    if (this.state.is8086 && segmentAddress !== 0) {
      offset &= SEGMENT_END - 1
      if (offset + size > SEGMENT_END) return this.#wrap(offset, segmentAddress, kind)
    }
    const linear =
      segmentAddress === 0
        ? offset >>> 0
        : this.segmentation.check((segmentAddress - State.SEGMENTS) / SEGMENT_BYTES, offset, size, write)
    this.#refused = this.stopsAt(linear, size, write)
    if (this.#refused) return 0
    const user = this.state.cpl === 3
    if (user) this.mmu.checkAligned(linear, size)
    if ((linear & 0xfff) + size <= 0x1000) {
      const host = this.mmu.hostAddress(linear, write ? 'write' : 'read', user)
      if (host >= 0 && !(write && this.code.hitsCode(host, size))) {
        this.mmu.watch?.touched(linear, size, write)
        return host
      }
    } else if (write) this.mmu.probeWrite(linear, size, user)
    const at = this.#buffer()
    this.#bounce({ at, linear, size, user }, kind)
    return at
  }

  /** An 8086 goes on with the first byte of the segment after its last one. */
  #wrap(offset: number, segmentAddress: number, kind: number): number {
    const base = this.state.word(segmentAddress + Segment.BASE) >>> 0
    const [size, write] = [kind & 0xff, (kind & 0x100) !== 0]
    const first = SEGMENT_END - offset
    const linear = base + offset
    this.#refused = this.stopsAt(linear, first, write) || this.stopsAt(base, size - first, write)
    if (this.#refused) return 0
    const at = this.#buffer()
    this.#bounce({ at, linear, size: first, user: false }, kind)
    this.#bounce({ at: at + first, linear: base, size: size - first, user: false }, kind)
    return at
  }

  #buffer(): number {
    const at = State.BOUNCE + this.#slot * BOUNCE_BYTES
    this.#slot = (this.#slot + 1) % BOUNCE_SLOTS
    return at
  }

  #bounce(bounce: Bounce, kind: number): void {
    const [write, modify] = [(kind & 0x100) !== 0, (kind & 0x200) !== 0]
    if (!write || modify) this.#fill(bounce)
    if (!write) return
    this.#pending.push(bounce)
    this.#notePending()
  }

  /** Pieces of at most four bytes, none across a page. */
  #fill({ at, linear, size, user }: Bounce): void {
    const { view } = this.memory.memory
    this.deviceReads++
    for (let done = 0; done < size;) {
      const piece = pieceSize(linear + done, size - done)
      const value = this.mmu.read((linear + done) >>> 0, piece, user)
      if (piece === 1) view.setUint8(at + done, value)
      else if (piece === 2) view.setUint16(at + done, value, true)
      else view.setUint32(at + done, value, true)
      done += piece
    }
  }

  /** Carries out the writes that bounced. */
  writeBack(): void {
    const { view } = this.memory.memory
    this.deviceWrites++
    for (const { at, linear, size, user } of this.#pending)
      for (let done = 0; done < size;) {
        const piece = pieceSize(linear + done, size - done)
        const value =
          piece === 1
            ? view.getUint8(at + done)
            : piece === 2
              ? view.getUint16(at + done, true)
              : view.getUint32(at + done, true)
        this.mmu.write((linear + done) >>> 0, value, piece, user)
        done += piece
      }
    this.drop()
  }

  /** True when the access that gave up its instruction last was one that `stopsAt` refused; told once. */
  takeRefusal(): boolean {
    const refused = this.#refused
    this.#refused = false
    return refused
  }

  /** Forgets writes of an instruction that did not complete. */
  drop(): void {
    this.#pending.length = 0
    this.#slot = 0
    this.#notePending()
  }

  #notePending(): void {
    this.memory.memory.view.setInt32(Walk.PENDING_WRITES, this.#pending.length, true)
  }
}

function pieceSize(linear: number, left: number): AccessSize {
  const inPage = 0x1000 - (linear & 0xfff)
  const most = Math.min(left, inPage)
  return most >= 4 ? 4 : most >= 2 ? 2 : 1
}

import type { AccessSize, BulkPort } from '../bus/bus-device.ts'
import type { PortMap } from '../bus/port-map.ts'
import { IOPL, VM } from '../isa/flags.ts'
import { EAX, ECX, EDI, EDX, ES, ESI, SEGMENT_BYTES, State, TR, gprAt } from '../isa/state.ts'
import type { CpuState } from './cpu-state.ts'
import { generalProtection } from './fault.ts'
import type { Mmu } from './mmu.ts'
import type { Segmentation } from './segmentation.ts'

/** Repetitions of INS and OUTS between two looks at interrupts. */
export const MAX_BATCH = 4096
/** Shorter moves are not worth asking for in one piece. */
const MIN_BULK_BYTES = 16

/** IN, OUT, INS and OUTS with the I/O permission bitmap (SDM vol. 1, chapter 19). */
export class PortIo {
  reads = 0
  writes = 0
  /** Repetitions of INS and OUTS at a time: one while instructions are traced. */
  batch = MAX_BATCH
  /** An access is under way. */
  isAccessing = false
  /** EIP of the instruction whose access that is, null for one that does it in generated code. */
  eip: number | null = null
  /** No more repetitions: something comes between this one and the next. */
  isInterrupted = false
  /** Called with each access to a port, for I/O breakpoints. */
  onAccess: (port: number, size: AccessSize) => void = () => {}

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly segmentation: Segmentation,
    private readonly ports: PortMap,
  ) {}

  in(port: number, size: AccessSize): void {
    port &= 0xffff
    this.#check(port, size)
    this.onAccess(port, size)
    this.state.setRegister(gprAt(EAX, size), size, this.read(port, size))
  }

  out(port: number, size: AccessSize): void {
    port &= 0xffff
    this.#check(port, size)
    this.onAccess(port, size)
    const value = this.state.gpr(EAX)
    this.write(port, size === 1 ? value & 0xff : size === 2 ? value & 0xffff : value, size)
  }

  /** An access that is known to be allowed, and that no breakpoint waits for. */
  read(port: number, size: AccessSize): number {
    this.reads++
    this.isAccessing = true
    const value = this.ports.read(port, size)
    this.isAccessing = false
    return value
  }

  write(port: number, value: number, size: AccessSize): void {
    this.writes++
    this.isAccessing = true
    this.ports.write(port, value >>> 0, size)
    this.isAccessing = false
  }

  #check(port: number, size: number): void {
    const { state, mmu } = this
    if (!state.protectedMode) return
    const flags = state.systemFlags
    if (!(flags & VM) && state.cpl <= (flags & IOPL) >> 12) return
    // A 286 task-state segment has no bitmap.
    const limit = state.limit(TR)
    if ((state.access(TR) & 0x1f) < 9 || limit < 103) throw generalProtection()
    const at = mmu.read(state.base(TR) + 102, 2) + (port >> 3)
    if (at + 1 > limit) throw generalProtection()
    const bits = mmu.read(state.base(TR) + at, 2) >> (port & 7)
    if (bits & ((1 << size) - 1)) throw generalProtection()
  }

  /**
   * INS and OUTS, repeated or not, up to a batch. Gives true when repetitions are left, so that the
   * instruction is to be run again. `kind` as SystemOp says.
   */
  string(input: boolean, kind: number, segmentAddress: number): boolean {
    const { state } = this
    const size = (kind & 0xff) as AccessSize
    const addressMask = ((kind >> 8) & 0xff) === 2 ? 0xffff : 0xffffffff
    const repeated = (kind & 0x10000) !== 0
    const port = state.gpr(EDX) & 0xffff
    this.#check(port, size)
    let left = repeated ? (state.gpr(ECX) & addressMask) >>> 0 : 1
    const step = size * state.word(State.DF)
    const segment = input ? ES : (segmentAddress - State.SEGMENTS) / SEGMENT_BYTES
    const pointer = input ? EDI : ESI
    const user = state.cpl === 3
    const bulk = repeated && size > 1 && step > 0 && this.batch > 1 ? this.ports.bulk(port) : undefined
    this.isInterrupted = false
    for (let done = 0; left > 0 && done < this.batch && !this.isInterrupted; done++) {
      const offset = (state.gpr(pointer) & addressMask) >>> 0
      const linear = this.segmentation.check(segment, offset, size, input)
      if (bulk) {
        const room = Math.min(this.segmentation.room(segment, offset), addressMask - offset + 1)
        const moved = this.#moveBlock(bulk, input, linear, Math.min(room, left * size), user)
        if (moved > 0) {
          this.onAccess(port, size)
          this.#advance(pointer, moved, addressMask)
          this.#advance(ECX, -(moved / size), addressMask)
          left -= moved / size
          continue
        }
      }
      if (input) {
        // The port is read only once the write is known to succeed.
        this.mmu.probeWrite(linear, size, user)
        this.onAccess(port, size)
        this.mmu.write(linear, this.read(port, size), size, user)
      } else {
        const value = this.mmu.read(linear, size, user)
        this.onAccess(port, size)
        this.write(port, value, size)
      }
      this.#advance(pointer, step, addressMask)
      left--
      if (repeated) this.#advance(ECX, -1, addressMask)
    }
    return left > 0
  }

  /** Moves what port and memory can in one piece. @returns bytes, a multiple of 4; 0 when it is to go one by one */
  #moveBlock(bulk: BulkPort, input: boolean, linear: number, length: number, user: boolean): number {
    if (length < MIN_BULK_BYTES) return 0
    const block = this.mmu.block(linear, length, input ? 'write' : 'read', user)
    if (!block) return 0
    if (input) this.reads++
    else this.writes++
    return input ? bulk.readBlock(block) : bulk.writeBlock(block)
  }

  #advance(register: number, by: number, mask: number): void {
    const { state } = this
    const value = state.gpr(register)
    state.setGpr(register, mask === 0xffff ? (value & ~0xffff) | ((value + by) & 0xffff) : value + by)
  }
}

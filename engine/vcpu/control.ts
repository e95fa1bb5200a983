import { State } from '../isa/state.ts'
import { CR0, CR4, type CpuState } from './cpu-state.ts'
import { CpuFault, Vector, generalProtection, invalidOpcode } from './fault.ts'
import type { Mmu } from './mmu.ts'
import { type CpuModel } from './model.ts'

/** Bits of CR0 that exist. */
const CR0_MASK =
  CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG

/** DR7 and DR6 bits that always read as one. */
const DR6_FIXED = 0xffff0ff0 | 0
const DR7_FIXED = 0x400

/** TR6 with its command bit, TR7 with the bit that says whether it was found (486 manual, 10.6). */
const TLB_COMMAND = 6
const TLB_LOOK_UP = 1
const TLB_DATA = 7
const TLB_HIT = 0x10

/** Control, debug and test registers (SDM vol. 3, 2.5 and 17.2). */
export class ControlRegisters {
  /** Called after CR0, CR4 or EFER changed what decoded code depends on. */
  onChange: () => void = () => {}
  /** Called when breakpoints were set or cleared. */
  onDebugChange: () => void = () => {}
  #testRegisters = new Int32Array(8)

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly model: CpuModel,
  ) {}

  read(index: number): number {
    this.#exists(index)
    this.#privileged()
    switch (index) {
      case 0:
        return this.state.cr0
      case 2:
        return this.state.word(State.CR2)
      case 3:
        return this.state.word(State.CR3)
      default:
        return this.state.cr4
    }
  }

  write(index: number, value: number): void {
    this.#exists(index)
    this.#privileged()
    switch (index) {
      case 0:
        return this.setCr0(value)
      case 2:
        return this.state.setWord(State.CR2, value)
      case 3:
        return this.setCr3(value)
      default:
        return this.setCr4(value)
    }
  }

  setCr0(value: number): void {
    const { state, mmu } = this
    const paging = (value & CR0.PG) !== 0
    if (paging && !(value & CR0.PE)) throw generalProtection()
    if (value & CR0.NW && !(value & CR0.CD) && this.model.features.has('486')) throw generalProtection()
    const old = state.cr0
    const next = (value & CR0_MASK) | CR0.ET
    if (paging && !(old & CR0.PG) && state.cr4 & CR4.PAE && !mmu.loadPdpt(state.word(State.CR3)))
      throw generalProtection()
    state.setWord(State.CR0, next)
    if ((old ^ next) & (CR0.PG | CR0.PE | CR0.WP)) mmu.flush('all')
    this.onChange()
  }

  setCr3(value: number): void {
    const { state, mmu } = this
    if (state.cr4 & CR4.PAE && state.cr0 & CR0.PG && !mmu.loadPdpt(value)) throw generalProtection()
    state.setWord(State.CR3, value)
    mmu.flush('local')
  }

  setCr4(value: number): void {
    const { state, mmu } = this
    if (value & ~this.model.cr4Mask) throw generalProtection()
    const old = state.cr4
    if (value & CR4.PAE && !(old & CR4.PAE) && state.cr0 & CR0.PG && !mmu.loadPdpt(state.word(State.CR3)))
      throw generalProtection()
    state.setWord(State.CR4, value)
    if ((old ^ value) & (CR4.PSE | CR4.PAE)) mmu.flush('all')
    else if ((old ^ value) & CR4.PGE) mmu.flush('global')
    this.onChange()
  }

  /** LMSW reaches the low four bits and cannot clear PE. */
  loadStatusWord(value: number): void {
    this.#privileged()
    const { cr0 } = this.state
    this.setCr0((cr0 & ~0xe) | (value & 0xf) | (cr0 & CR0.PE))
  }

  clearTaskSwitched(): void {
    this.#privileged()
    this.state.setWord(State.CR0, this.state.cr0 & ~CR0.TS)
    this.onChange()
  }

  readDebug(index: number): number {
    const at = this.#debugAccess(index)
    const value = this.state.word(at)
    return at === State.DEBUG + 24 ? value | DR6_FIXED : at === State.DEBUG + 28 ? value | DR7_FIXED : value
  }

  writeDebug(index: number, value: number): void {
    this.state.setWord(this.#debugAccess(index), value)
    this.onDebugChange()
  }

  #debugAccess(index: number): number {
    const { state } = this
    this.#privileged()
    if ((index === 4 || index === 5) && state.cr4 & CR4.DE) throw invalidOpcode()
    // General detect: any access while DR7.GD is set is trapped, with DR6.BD saying so.
    if (state.word(State.DEBUG + 28) & 0x2000) {
      state.setWord(State.DEBUG + 28, state.word(State.DEBUG + 28) & ~0x2000)
      state.setWord(State.DEBUG + 24, state.word(State.DEBUG + 24) | 0x2000)
      throw new CpuFault(Vector.DB)
    }
    return State.DEBUG + 4 * (index === 4 ? 6 : index === 5 ? 7 : index)
  }

  /** TR6 and TR7 of the 386, TR3 to TR7 of the 486. Caches and TLB are not there to be tested: a look-up finds nothing. */
  readTest(index: number): number {
    const first = this.model.features.has('486') ? 3 : 6
    if (!this.model.features.has('test-registers') || index < first) throw invalidOpcode()
    this.#privileged()
    return this.#testRegisters[index]!
  }

  writeTest(index: number, value: number): void {
    this.readTest(index)
    this.#testRegisters[index] = value
    if (index === TLB_COMMAND && value & TLB_LOOK_UP) this.#testRegisters[TLB_DATA]! &= ~TLB_HIT
  }

  get testRegisters(): number[] {
    return [...this.#testRegisters]
  }

  set testRegisters(values: readonly number[]) {
    this.#testRegisters.set(values)
  }

  invalidate(linear: number): void {
    this.#privileged()
    this.mmu.invalidatePage(linear)
  }

  /** A register that does not exist is an invalid opcode at any privilege level. */
  #exists(index: number): void {
    if (index === 1 || index > 4 || (index === 4 && !this.model.cr4Mask)) throw invalidOpcode()
  }

  #privileged(): void {
    if (this.state.cpl !== 0) throw generalProtection()
  }
}

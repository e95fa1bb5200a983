import { Attention, CS, DS, ECX, EDI, ES, ESI, FS, GS, SS, Segment, State, segmentAt } from '../isa/state.ts'
import type { ControlRegisters } from './control.ts'
import { CR0, CR4, type CpuState } from './cpu-state.ts'
import { ShutdownFault, invalidOpcode } from './fault.ts'
import type { Mmu } from './mmu.ts'
import type { CpuModel } from './model.ts'
import type { Privilege } from './privilege.ts'
import type { Segmentation } from './segmentation.ts'

/** What a unit of system management works on. */
interface Parts {
  state: CpuState
  mmu: Mmu
  segmentation: Segmentation
  privilege: Privilege
  control: ControlRegisters
}

/** Where the processor's state is kept and the handler begins, from SMBASE on. */
const AREA = 0xfe00
const AREA_BYTES = 0x200
const HANDLER = 0x8000
/** SMBASE as a RESET leaves it. */
const FIRST_SMBASE = 0x30000
/** The handler may have an I/O instruction run again, and may move SMBASE. */
const REVISION = 0x30000
const HALTED = 1
/** In the I/O instruction restart field: what is resumed is the I/O instruction that the SMI came out of. */
const RESTART = 0xff
const SEGMENT_COUNT = 8

/**
 * The map of the state, by offset in the area: SDM vol. 3, table "SMRAM State Save Map". Registers lie by number.
 * CR4 to IO_REGISTERS is where the manual says "reserved".
 */
const MAP = {
  SMBASE: 0xf8,
  REVISION: 0xfc,
  IO_RESTART: 0x100,
  HALT: 0x102,
  CR4: 0x104,
  CPL: 0x108,
  GDTR: 0x10c,
  IDTR: 0x114,
  /** Base, limit and rights of each segment. */
  CACHES: 0x11c,
  /** NMIs are blocked until IRET. */
  NMI_BLOCKED: 0x18c,
  /** EIP and registers as they were before the access that the SMI came out of; of no access: as they are. */
  IO_EIP: 0x17c,
  IO_REGISTERS: 0x180,
  SELECTORS: 0x1a8,
  DR7: 0x1c8,
  DR6: 0x1cc,
  REGISTERS: 0x1d0,
  EIP: 0x1f0,
  EFLAGS: 0x1f4,
  CR3: 0x1f8,
  CR0: 0x1fc,
} as const
/** What a repetition of INS or OUTS changes. */
const IO_REGISTERS = [ECX, ESI, EDI] as const
const CACHE_BYTES = 12
const CACHE_FIELDS = [Segment.BASE, Segment.LIMIT, Segment.ACCESS]
/** Words of the state that go to one place each. */
const PLAIN: readonly (readonly [place: number, word: number])[] = [
  [MAP.CR0, State.CR0],
  [MAP.CR3, State.CR3],
  [MAP.CR4, State.CR4],
  [MAP.CPL, State.CPL],
  [MAP.GDTR, State.GDTR],
  [MAP.GDTR + 4, State.GDTR + 4],
  [MAP.IDTR, State.IDTR],
  [MAP.IDTR + 4, State.IDTR + 4],
  [MAP.DR6, State.DEBUG + 24],
  [MAP.DR7, State.DEBUG + 28],
]

/** An I/O instruction, and IO_REGISTERS, before an access that has raised an SMI. */
interface TrappedAccess {
  /** Null: in front of State.EIP once the instruction is over. */
  eip: number | null
  length: number
  registers: number[]
}

/** System management mode: what an SMI and RSM do (SDM vol. 3, chapter "System Management Mode"). */
export class SystemManagement {
  /** Called before the state is saved and after it is loaded: SMIACT#, by which the chipset shows the memory for it. */
  onActive: (active: boolean) => void = () => {}
  #trapped: TrappedAccess | null = null

  constructor(
    private readonly parts: Parts,
    private readonly model: CpuModel,
    private readonly memory: {
      dmaRead(address: number, into: Uint8Array): void
      dmaWrite(address: number, from: Uint8Array): void
    },
  ) {}

  get isActive(): boolean {
    return this.parts.state.word(State.SMM) !== 0
  }

  /** The pin follows the state, which was replaced as a whole. */
  refresh(): void {
    this.onActive(this.isActive)
  }

  /**
   * The access of the I/O instruction under way has raised the SMI.
   * @param eip of the instruction; null when it is the one before State.EIP
   */
  trapAccess(eip: number | null, length: number): void {
    const { state } = this.parts
    if (!this.isActive) this.#trapped = { eip, length, registers: IO_REGISTERS.map((i) => state.gpr(i)) }
  }

  /** Another instruction comes before the SMI is taken. */
  forgetAccess(): void {
    this.#trapped = null
  }

  /** Saves the state and goes to the handler. @param halted HLT was the last instruction */
  enter(halted: boolean): void {
    const { state, mmu, segmentation, privilege, control } = this.parts
    const base = (state.word(State.SMBASE) + FIRST_SMBASE) >>> 0
    state.setWord(State.SMM, 1)
    this.onActive(true)
    this.memory.dmaWrite(base + AREA, this.#savedState(base, halted))
    state.setWord(State.CR0, state.cr0 & ~(CR0.PE | CR0.EM | CR0.TS | CR0.PG))
    state.setWord(State.CR4, 0)
    state.eflags = 2
    state.setWord(State.DEBUG + 28, 0x400)
    // As in real mode, but for segments of 4 GiB.
    for (const index of [ES, SS, DS, FS, GS]) segmentation.setCache(index, 0, 0, 0xffffffff, 0x93)
    segmentation.setCache(CS, (base >>> 4) & 0xffff, base, 0xffffffff, 0x93)
    privilege.set(0)
    state.eip = HANDLER
    mmu.flush('all')
    control.onChange()
    control.onDebugChange()
    this.#trapped = null
  }

  /** RSM. True when the processor is to go on waiting in HLT. */
  resume(): boolean {
    const { state, mmu, segmentation, privilege, control } = this.parts
    if (!this.isActive) throw invalidOpcode()
    const area = new Uint8Array(AREA_BYTES)
    this.memory.dmaRead((state.word(State.SMBASE) + FIRST_SMBASE + AREA) >>> 0, area)
    const view = new DataView(area.buffer)
    const word = (at: number): number => view.getInt32(at, true)
    this.#check(word(MAP.CR0), word(MAP.CR4), word(MAP.SMBASE))
    for (const [place, at] of PLAIN) state.setWord(at, word(place))
    state.eflags = word(MAP.EFLAGS)
    for (let i = 0; i < 8; i++) state.setGpr(i, word(MAP.REGISTERS + 4 * i))
    for (let index = 0; index < SEGMENT_COUNT; index++) {
      const [base, limit, access] = CACHE_FIELDS.map((_, i) => word(MAP.CACHES + index * CACHE_BYTES + 4 * i))
      segmentation.setCache(index, word(MAP.SELECTORS + 4 * index), base!, limit!, access!)
    }
    privilege.set(state.cpl & 3)
    state.eip = word(MAP.EIP)
    if (view.getUint16(MAP.IO_RESTART, true) === RESTART) {
      state.eip = word(MAP.IO_EIP)
      IO_REGISTERS.forEach((register, i) => state.setGpr(register, word(MAP.IO_REGISTERS + 4 * i)))
    }
    if (state.cr0 & CR0.PG && state.cr4 & CR4.PAE && !mmu.loadPdpt(state.word(State.CR3)))
      throw new ShutdownFault()
    const blocked = word(MAP.NMI_BLOCKED) & Attention.NMI_BLOCKED
    state.setWord(State.ATTENTION, (state.word(State.ATTENTION) & ~Attention.NMI_BLOCKED) | blocked)
    state.setWord(State.SMBASE, word(MAP.SMBASE) - FIRST_SMBASE)
    state.setWord(State.SMM, 0)
    this.onActive(false)
    mmu.flush('all')
    control.onChange()
    control.onDebugChange()
    return (view.getUint16(MAP.HALT, true) & HALTED) !== 0
  }

  #savedState(base: number, halted: boolean): Uint8Array {
    const { state } = this.parts
    const area = new Uint8Array(AREA_BYTES)
    const view = new DataView(area.buffer)
    const put = (at: number, value: number): void => view.setInt32(at, value, true)
    put(MAP.SMBASE, base)
    put(MAP.REVISION, REVISION)
    view.setUint16(MAP.HALT, halted ? HALTED : 0, true)
    for (const [place, at] of PLAIN) put(place, state.word(at))
    put(MAP.NMI_BLOCKED, state.word(State.ATTENTION) & Attention.NMI_BLOCKED)
    put(MAP.EFLAGS, state.eflags)
    put(MAP.EIP, state.eip)
    for (let i = 0; i < 8; i++) put(MAP.REGISTERS + 4 * i, state.gpr(i))
    const access = this.#accessBefore(state.eip)
    put(MAP.IO_EIP, access?.eip ?? state.eip)
    IO_REGISTERS.forEach((register, i) =>
      put(MAP.IO_REGISTERS + 4 * i, access?.registers[i] ?? state.gpr(register)),
    )
    for (let index = 0; index < SEGMENT_COUNT; index++) {
      put(MAP.SELECTORS + 4 * index, state.selector(index))
      CACHE_FIELDS.forEach((field, i) =>
        put(MAP.CACHES + index * CACHE_BYTES + 4 * i, state.word(segmentAt(index) + field)),
      )
    }
    return area
  }

  /** The trapped access, when what goes on at an EIP does so right after it, with the next repetition or instruction. */
  #accessBefore(eip: number): { eip: number; registers: number[] } | null {
    const trapped = this.#trapped
    if (!trapped) return null
    const { length, registers } = trapped
    const start = trapped.eip ?? (eip - length) >>> 0
    return eip === start || eip === (start + length) >>> 0 ? { eip: start, registers } : null
  }

  /** What no state can be makes the processor shut down. */
  #check(cr0: number, cr4: number, base: number): void {
    const isPagingAlone = (cr0 & CR0.PG) !== 0 && !(cr0 & CR0.PE)
    const isWriteThrough = (cr0 & CR0.NW) !== 0 && !(cr0 & CR0.CD)
    // Only a P6 can have it anywhere.
    const isMisplaced = (base & 0x7fff) !== 0 && !this.model.features.has('p6')
    if (isPagingAlone || isWriteThrough || isMisplaced || cr4 & ~this.model.cr4Mask) throw new ShutdownFault()
  }
}

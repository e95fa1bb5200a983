import { RAM_BASE } from '../../../engine/memory/layout.ts'
import { CS, DS, EBX, ECX, EDX, ES, ESP, FS, GS, SS, State, TR } from '../../../engine/isa/state.ts'
import { CR0 } from '../../../engine/vcpu/cpu-state.ts'
import {
  CODE_PAGES,
  CODE_START,
  DATA_BYTES,
  DATA_START,
  DMA_PORT,
  END_PORT,
  EXCHANGE_PORT,
  type LoopProgram,
  MISSING,
  type ProgramMode,
  REGISTERS_PORT,
} from './loop-program.ts'
import { type TestProcessor, type TestProcessorOptions, buildProcessor } from './processor.ts'
import type { Random } from './random.ts'
import { writeDescriptor } from './user-process.ts'

// Physical addresses.
const GDT = 0x800
const IDT = 0x1000
const TSS = 0x2000
const HANDLERS = 0x5000
const DIRECTORY = 0x8000
const TABLE = 0x9000
const TWIN = 0x100000
/** Where paging puts the second page of data: what lies across its beginning is in two places. */
const ELSEWHERE = 0x180000
const RING0_STACK = 0x7000
/** ADD WORD [BP+2], 2: on behind a DIV of two bytes. */
const REAL_HANDLER = [0x55, 0x89, 0xe5, 0x83, 0x46, 0x02, 2, 0x5d, 0xcf]
/** ADD DWORD [ESP], 2; IRETD. */
const DIVIDE_HANDLER = [0x83, 0x04, 0x24, 2, 0xcf]
/** ADD DWORD [ESP+4], 5; ADD ESP, 4; IRETD: on behind MOV EAX, [moffs]. */
const PAGE_HANDLER = [0x83, 0x44, 0x24, 4, 5, 0x83, 0xc4, 4, 0xcf]
const [DIVIDE, PAGE] = [0, 14]
/** Of PAGE_HANDLER's IRETD. */
const IRETD_AT = 16 + PAGE_HANDLER.length - 1
const VM = 0x20000
const IOPL3 = 0x3000

export interface Mode extends ProgramMode {
  name: string
  kind: 'real' | 'virtual' | 'protected'
}

export const MODES: readonly Mode[] = [
  { name: 'flat 32-bit code', kind: 'protected', code32: true, base: 0, paging: false },
  { name: 'flat 32-bit code with paging', kind: 'protected', code32: true, base: 0, paging: true },
  {
    name: '32-bit code in based segments with paging',
    kind: 'protected',
    code32: true,
    base: 0x1230,
    paging: true,
  },
  { name: '16-bit protected code', kind: 'protected', code32: false, base: 0x20340, paging: false },
  { name: 'real mode', kind: 'real', code32: false, base: 0x20340, paging: false },
  { name: 'virtual-8086 mode with paging', kind: 'virtual', code32: false, base: 0x20340, paging: true },
]

/** What a program has left. */
export interface ProgramEnding {
  exit: string
  ended: boolean
  retired: number
  eip: number
  eflags: number
  registers: number[]
  /** Hashes of parts of memory. */
  memory: number
  elsewhere: number
  code: number
  twin: number
}

/** A processor that runs programs of loops in one mode. */
export class ProgramMachine {
  readonly processor: TestProcessor
  #ended = false
  #reads = 0

  constructor(
    private readonly mode: Mode,
    options: TestProcessorOptions = {},
  ) {
    this.processor = buildProcessor(options)
    const { ports, ramView, vcpu, memory } = this.processor
    memory.setA20(true)
    this.#mapDevices()
    const port = (base: number, write: (value: number) => void): void => {
      const device = { read: () => 0xff, write: (_offset: number, value: number) => write(value) }
      ports.map({ name: `port ${base}`, base, length: 1 }, device)
    }
    port(END_PORT, () => {
      this.#ended = true
      vcpu.requestStop()
    })
    port(EXCHANGE_PORT, (value) => {
      const linear = CODE_START + value * 4096
      const entry = TABLE + (linear >> 12) * 4
      const twin = TWIN + value * 4096
      const now = ramView.getUint32(entry, true) & ~0xfff
      ramView.setUint32(entry, (now === twin ? linear : twin) | 7, true)
      vcpu.mmu.invalidatePage(linear)
    })
  }

  /** A device that takes and gives registers, and one that writes memory, code too. */
  #mapDevices(): void {
    const { ports, vcpu, memory } = this.processor
    ports.map(
      { name: 'registers', base: REGISTERS_PORT, length: 1, width: 4 },
      {
        read: (_offset, size) => {
          vcpu.setRegister(ECX, (vcpu.register(ECX) + ++this.#reads) | 0)
          return ((vcpu.register(EBX) ^ this.#reads) >>> 0) % 2 ** (8 * size)
        },
        write: () => {},
      },
    )
    ports.map(
      { name: 'DMA', base: DMA_PORT, length: 1 },
      {
        read: () => 0xff,
        write: (_offset, value) => memory.dmaWrite(vcpu.register(EDX), Uint8Array.of(value)),
      },
    )
  }

  #load(program: LoopProgram): void {
    const { memory, ramView: view } = this.processor
    memory.dmaWrite(0, new Uint8Array(0xa000))
    memory.dmaWrite(CODE_START, program.code)
    memory.dmaWrite(TWIN, program.twin)
    memory.dmaWrite(DATA_START, program.data)
    memory.dmaWrite(ELSEWHERE, program.data.subarray(4096, 8192))
    memory.dmaWrite(HANDLERS, Uint8Array.from(DIVIDE_HANDLER))
    memory.dmaWrite(HANDLERS + 16, Uint8Array.from(PAGE_HANDLER))
    memory.dmaWrite(HANDLERS + 32, Uint8Array.from(REAL_HANDLER))
    if (this.mode.kind === 'real') return view.setUint32(0, HANDLERS + 32, true)
    writeDescriptor(view, GDT + 8, 0, 0xfffff, 0x9b, 0xc)
    writeDescriptor(view, GDT + 16, 0, 0xfffff, 0x93, 0xc)
    const { base, code32 } = this.mode
    writeDescriptor(view, GDT + 24, base, 0xffff, 0x9b, code32 ? 0xc : 0)
    for (const [vector, handler] of [
      [DIVIDE, HANDLERS],
      [PAGE, HANDLERS + 16],
    ] as const) {
      view.setUint32(IDT + vector * 8, (8 << 16) | handler, true)
      view.setUint32(IDT + vector * 8 + 4, 0x8e00, true)
    }
    view.setUint32(TSS + 4, RING0_STACK, true)
    view.setUint32(TSS + 8, 0x10, true)
    view.setUint16(TSS + 102, 0x68, true)
    view.setUint32(DIRECTORY, TABLE | 7, true)
    for (let page = 0; page < 1024; page++)
      view.setUint32(
        TABLE + page * 4,
        page >= MISSING >> 12 && page < (MISSING >> 12) + 4 ? 0 : (page << 12) | 7,
        true,
      )
    view.setUint32(TABLE + ((DATA_START >> 12) + 1) * 4, ELSEWHERE | 7, true)
  }

  #enter({ registers, start }: LoopProgram): void {
    const { vcpu } = this.processor
    const { kind, base, code32, paging } = this.mode
    vcpu.reset()
    const { state, segmentation, control } = vcpu
    registers.forEach((value, i) => state.setGpr(i, value))
    if (kind !== 'real') {
      control.setCr3(DIRECTORY)
      control.setCr0(CR0.PE | CR0.NE | (paging ? CR0.PG | CR0.WP : 0))
      state.setWord(State.GDTR, GDT)
      state.setWord(State.GDTR + 4, 0x7f)
      state.setWord(State.IDTR, IDT)
      state.setWord(State.IDTR + 4, 0x7ff)
      segmentation.setCache(TR, 0x38, TSS, 0x2068, 0x8b)
    } else state.setWord(State.IDTR + 4, 0x3ff)
    const all = [SS, DS, ES, FS, GS]
    if (kind === 'protected') {
      segmentation.setCache(CS, 0x18, base, code32 ? 0xffffffff : 0xffff, code32 ? 0xc09b : 0x009b)
      for (const index of all)
        segmentation.setCache(index, 0x10, base, code32 ? 0xffffffff : 0xffff, code32 ? 0xc093 : 0x0093)
    } else {
      for (const index of [CS, ...all]) segmentation.setCache(index, base >> 4, base, 0xffff, 0x93)
    }
    state.eip = start
    if (kind === 'virtual') this.#enterVirtual(registers[ESP]!, start)
  }

  /** The first instruction is an IRETD to virtual-8086 mode. */
  #enterVirtual(esp: number, eip: number): void {
    const { vcpu, ramView } = this.processor
    const { state, segmentation } = vcpu
    segmentation.setCache(CS, 8, 0, 0xffffffff, 0xc09b)
    segmentation.setCache(SS, 0x10, 0, 0xffffffff, 0xc093)
    const selector = this.mode.base >> 4
    const frame = [eip, selector, VM | IOPL3 | 2, esp, selector, selector, selector, selector, selector]
    frame.forEach((word, i) => ramView.setUint32(RING0_STACK - 64 + i * 4, word, true))
    state.setGpr(ESP, RING0_STACK - 64)
    state.eip = HANDLERS + IRETD_AT
  }

  /** Runs a program in pieces of random length. @param before each of them @param most pieces */
  run(program: LoopProgram, pieces: Random, before: () => void = () => {}, most = 3000): ProgramEnding {
    const { vcpu, ram } = this.processor
    this.#load(program)
    this.#enter(program)
    this.#ended = false
    this.#reads = 0
    const retired = vcpu.retired
    let exit = 'stop'
    for (let runs = 0; runs < most && !this.#ended && exit === 'stop'; runs++) {
      before()
      exit = vcpu.run(pieces.below(600))
    }
    const { state } = vcpu
    return {
      exit,
      ended: this.#ended,
      retired: vcpu.retired - retired,
      eip: state.eip,
      eflags: state.eflags,
      registers: Array.from({ length: 8 }, (_, i) => state.gpr(i)),
      memory: hash(ram, DATA_START, DATA_BYTES),
      elsewhere: hash(ram, ELSEWHERE, 4096),
      code: hash(ram, CODE_START, CODE_PAGES * 4096),
      twin: hash(ram, TWIN, CODE_PAGES * 4096),
    }
  }
}

function hash(bytes: Uint8Array, from: number, length: number): number {
  const words = new Int32Array(bytes.buffer, RAM_BASE + from, length / 4)
  return words.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0)
}

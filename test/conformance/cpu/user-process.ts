import { CS, DS, EAX, ES, ESP, FS, GS, LDTR, SS, State, TR } from '../../../engine/isa/state.ts'
import { CR0 } from '../../../engine/vcpu/cpu-state.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'
import {
  CODE,
  CODE_END,
  DATA,
  DATA_END,
  FAR_DATA,
  FAR_DATA_END,
  KERNEL_CODE32,
  KERNEL_DATA,
  LOCAL_SEGMENTS,
  READ_ONLY,
  READ_ONLY_END,
  RESERVED,
  RESULT_AREAS,
} from './user-layout.ts'

/** Registers at the start of a stream, and its bytes. */
export interface StreamCase {
  registers: number[]
  eflags: number
  eip: number
  /** ES CS SS DS FS GS. */
  selectors: number[]
  /** Linear address of the first byte. */
  at: number
  code: number[]
  /** Bytes of each instruction in the order in which they were executed; negative for bytes that were jumped over. */
  lengths: number[]
  /** Arithmetic flags whose value at the end the manual leaves open. */
  undefinedFlags: number
  /** The end is a fault, but which of several is up to the processor. */
  anyFault: boolean
  /** What was executed, for the report. */
  names: string[]
}

/** What is left when a stream has ended in an exception. */
export interface Outcome {
  registers: number[]
  eflags: number
  eip: number
  selectors: number[]
  vector: number
  error: number
  /** Zero unless the vector is 14. */
  cr2: number
  hash: number
}

/** The most bytes that a stream may have. */
export const CODE_BYTES = 256

// Physical addresses of the system's own structures, which appear at RESERVED in linear memory.
const SYSTEM = 0x100000
const at = (offset: number) => ({ physical: SYSTEM + offset, linear: RESERVED + offset })
const GDT = at(0)
const LDT = at(0x1000)
const IDT = at(0x2000)
const TSS = at(0x3000)
const HANDLERS = at(0x4000)
const STACK_TOP = at(0x7000)
const DIRECTORY = 0x180000
const LOW_TABLE = 0x181000
const SYSTEM_TABLE = 0x182000
const HANDLER_STRIDE = 16
/** OUT F4h, AL. */
const HANDLER = [0xe6, 0xf4]
const IRET_STUB = HANDLERS.linear + 256 * HANDLER_STRIDE
/** IF, IOPL 0 and the bit that is always one. */
const BASE_FLAGS = 0x202
const LOCAL_DEBUG_0 = 1

/**
 * A user-mode process on our processor, as like as possible to the one of host.c: the same pages, selectors
 * and gates, exceptions caught in ring 0 by handlers that
 * stop the processor through a port.
 */
export class UserProcess {
  readonly processor: TestProcessor
  readonly #template = new Uint8Array(0x4000)
  readonly #words: Int32Array
  /** True once an exception has been caught. */
  ended = false
  readonly #codeImage = new Uint8Array(CODE_END - CODE)

  /** @param resultAreas linear memory whose content counts as result */
  constructor(
    processor: TestProcessor = buildProcessor(),
    private readonly resultAreas: readonly (readonly [number, number])[] = RESULT_AREAS,
  ) {
    this.processor = processor
    let x = 1
    for (let i = 0; i < this.#template.length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) | 0
      this.#template[i] = x >>> 24
    }
    const { ram } = processor
    processor.ports.map(
      { name: 'end of case', base: 0xf4, length: 1 },
      {
        read: () => 0xff,
        write: () => {
          this.ended = true
          processor.vcpu.requestStop()
        },
      },
    )
    this.#words = new Int32Array(ram.buffer, ram.byteOffset, 0x40000)
    this.start()
  }

  /** From reset to ring 0 of the process's kernel. */
  start(): void {
    const { vcpu, ram } = this.processor
    ram.set(this.#template.subarray(0, READ_ONLY_END - READ_ONLY), READ_ONLY)
    this.#buildTables()
    vcpu.reset()
    const { state, segmentation, control } = vcpu
    state.setWord(State.GDTR, GDT.linear)
    state.setWord(State.GDTR + 4, 0x7f)
    state.setWord(State.IDTR, IDT.linear)
    state.setWord(State.IDTR + 4, 0x7ff)
    control.setCr3(DIRECTORY)
    control.setCr0(CR0.PE | CR0.PG | CR0.WP | CR0.NE | CR0.AM)
    segmentation.setCache(CS, KERNEL_CODE32, 0, 0xffffffff, 0xc09b)
    for (const index of [SS, DS, ES, FS, GS]) segmentation.setCache(index, KERNEL_DATA, 0, 0xffffffff, 0xc093)
    segmentation.setCache(TR, 0x40, TSS.linear, 0x67, 0x8b)
    segmentation.setCache(LDTR, 0x50, LDT.linear, (LOCAL_SEGMENTS.length + 1) * 8 - 1, 0x82)
  }

  #buildTables(): void {
    const { ramView: view, ram } = this.processor
    const present = (base: number, end: number, bits: number): void => {
      for (let page = base; page < end; page += 4096)
        view.setUint32(LOW_TABLE + (page >> 12) * 4, page | bits, true)
    }
    view.setUint32(DIRECTORY, LOW_TABLE | 7, true)
    view.setUint32(DIRECTORY + (RESERVED >>> 22) * 4, SYSTEM_TABLE | 7, true)
    present(DATA, DATA_END, 7)
    present(READ_ONLY, READ_ONLY_END, 5)
    present(CODE, CODE_END, 7)
    present(FAR_DATA, FAR_DATA_END, 7)
    for (let page = 0; page < 16; page++)
      view.setUint32(SYSTEM_TABLE + page * 4, (SYSTEM + page * 4096) | 3, true)
    const gdt = [
      0,
      0x00cf9b000000ffffn,
      0x00af9b000000ffffn,
      0x00cf93000000ffffn,
      0x00cffb000000ffffn,
      0x00cff3000000ffffn,
      0x00affb000000ffffn,
    ]
    gdt.forEach((entry, i) => view.setBigUint64(GDT.physical + i * 8, BigInt(entry), true))
    LOCAL_SEGMENTS.forEach((segment, i) => {
      const type = segment.kind === 'code' ? 0xb : segment.kind === 'expand-down' ? 7 : 3
      const access = 0x70 | (segment.absent ? 0 : 0x80) | (segment.restricted ? type & ~2 : type)
      const flags = (segment.big ? 4 : 0) | (segment.pages ? 8 : 0)
      writeDescriptor(view, LDT.physical + (i + 1) * 8, segment.base, segment.limit, access, flags)
    })
    for (let vector = 0; vector < 256; vector++) {
      const target = HANDLERS.linear + vector * HANDLER_STRIDE
      const dpl = vector === 3 || vector === 4 ? 0x60 : 0
      view.setUint32(IDT.physical + vector * 8, (KERNEL_CODE32 << 16) | (target & 0xffff), true)
      view.setUint32(IDT.physical + vector * 8 + 4, (target & 0xffff0000) | 0x8e00 | (dpl << 8), true)
      ram.set(HANDLER, HANDLERS.physical + vector * HANDLER_STRIDE)
    }
    view.setUint32(TSS.physical + 4, STACK_TOP.linear, true)
    view.setUint32(TSS.physical + 8, KERNEL_DATA, true)
    view.setUint16(TSS.physical + 102, 0x68, true)
    ram[HANDLERS.physical + 256 * HANDLER_STRIDE] = 0xcf
  }

  /** Puts memory and registers as a case wants them; the next instruction is its first. */
  load(test: StreamCase): void {
    const { processor } = this
    const { vcpu, memory } = processor
    if (vcpu.state.cpl !== 0) this.start()
    memory.dmaWrite(DATA, this.#template)
    memory.dmaWrite(FAR_DATA, this.#template.subarray(0, FAR_DATA_END - FAR_DATA))
    this.#loadCode(test)
    const { state, segmentation } = vcpu
    test.selectors.forEach((selector, i) => {
      if (i !== CS && i !== SS) segmentation.load(ES + i, selector)
    })
    const frame = [
      test.eip,
      test.selectors[CS]!,
      (test.eflags & ~0x3000) | BASE_FLAGS,
      test.registers[ESP]!,
      test.selectors[SS]!,
    ]
    frame.forEach((word, i) => processor.ramView.setInt32(STACK_TOP.physical - 64 + i * 4, word, true))
    test.registers.forEach((value, i) => state.setGpr(i, value))
    state.setGpr(ESP, STACK_TOP.linear - 64)
    state.setWord(State.CR2, 0)
    state.eip = IRET_STUB
    this.ended = false
    this.stepping = true
    vcpu.run(0)
    this.stepping = false
    // IRET to a 16-bit stack keeps the upper half of ESP; a kernel that hides that is what the host has.
    state.setGpr(ESP, test.registers[ESP]!)
    if (state.cpl !== 3) throw new Error(`the case could not be entered: ${JSON.stringify(test)}`)
  }

  #loadCode(test: StreamCase): void {
    const image = this.#codeImage.fill(0xcc)
    const room = CODE_END - test.at
    image.set(test.code.slice(0, room), test.at - CODE)
    this.patch(CODE, image)
  }

  /** Changes code as a device would, where it is not already so. */
  patch(linear: number, bytes: ArrayLike<number>): void {
    const { memory, ram } = this.processor
    for (let i = 0; i < bytes.length;) {
      if (linear + i >= CODE_END || ram[linear + i] === bytes[i]) {
        i++
        continue
      }
      const start = i
      while (i < bytes.length && linear + i < CODE_END && ram[linear + i] !== bytes[i]) i++
      memory.dmaWrite(
        linear + start,
        Uint8Array.from({ length: i - start }, (_, k) => bytes[start + k]!),
      )
    }
  }

  /** While set, `run(0)` executes one instruction. A breakpoint that nothing can reach sees to it. */
  set stepping(on: boolean) {
    const { state } = this.processor.vcpu
    state.setWord(State.DEBUG, RESERVED_FAR)
    state.setWord(State.DEBUG + 28, on ? LOCAL_DEBUG_0 : 0)
  }

  /** Runs to the exception that ends the case; null when it does not end. */
  finish(budget: number): Outcome | null {
    this.processor.vcpu.run(budget)
    return this.ended ? this.outcome() : null
  }

  /** The same from the start of a case, one instruction at a time. */
  step(test: StreamCase, most: number): Outcome | null {
    this.load(test)
    this.stepping = true
    for (let steps = 0; steps < most && !this.ended; steps++) this.processor.vcpu.run(0)
    this.stepping = false
    return this.ended ? this.outcome() : null
  }

  /** What the handler finds on its stack. */
  outcome(): Outcome {
    const { vcpu, ramView } = this.processor
    const { state } = vcpu
    const vector = (state.eip - HANDLER.length - HANDLERS.linear) / HANDLER_STRIDE
    let frame = state.gpr(ESP) - STACK_TOP.linear + STACK_TOP.physical
    const pop = (): number => {
      frame += 4
      return ramView.getInt32(frame - 4, true)
    }
    const error = ERROR_CODE_VECTORS.has(vector) ? pop() : 0
    const [eip, cs, eflags, esp, ss] = [pop(), pop(), pop(), pop(), pop()]
    const registers = Array.from({ length: 8 }, (_, i) => (i === ESP ? esp : state.gpr(EAX + i)))
    const selectors = [ES, CS, SS, DS, FS, GS].map((index) =>
      index === CS ? cs & 0xffff : index === SS ? ss & 0xffff : state.selector(index),
    )
    return {
      registers,
      eflags,
      eip,
      selectors,
      vector,
      error,
      cr2: vector === 14 ? state.word(State.CR2) : 0,
      hash: this.#hash(),
    }
  }

  #hash(): number {
    let hash = 0
    const words = this.#words
    for (const [start, end] of this.resultAreas)
      for (let at = start >> 2; at < end >> 2; at++) hash = (Math.imul(hash, 31) + words[at]!) | 0
    return hash
  }
}

const RESERVED_FAR = RESERVED + 0xff000
const ERROR_CODE_VECTORS: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17])

export function writeDescriptor(
  view: DataView,
  at: number,
  base: number,
  limit: number,
  access: number,
  flags: number,
): void {
  view.setUint32(at, (limit & 0xffff) | (base << 16), true)
  view.setUint32(
    at + 4,
    ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000),
    true,
  )
}

import { MemoryMap } from '../../../engine/bus/memory-map.ts'
import { loadFpu } from '../../../engine/fpu/fpu.ts'
import { CodeCache } from '../../../engine/interpreter/code-cache.ts'
import { generateInterpreter } from '../../../engine/interpreter/generator.ts'
import { Why } from '../../../engine/interpreter/record.ts'
import { Decoder } from '../../../engine/isa/decoder.ts'
import { type Feature, InstructionSet } from '../../../engine/isa/description.ts'
import { buildOpcodeTable } from '../../../engine/isa/encoding.ts'
import { describeMmx } from '../../../engine/isa/mmx.ts'
import { describeSse } from '../../../engine/isa/sse.ts'
import {
  BOUNCE_BYTES,
  BOUNCE_SLOTS,
  CS,
  DS,
  ES,
  FS,
  GS,
  SS,
  Segment,
  State,
  TLB,
  Tlb,
  segmentAt,
} from '../../../engine/isa/state.ts'
import { describeX87 } from '../../../engine/isa/x87.ts'
import { GuestMemory } from '../../../engine/memory/guest-memory.ts'
import { RAM_BASE } from '../../../engine/memory/layout.ts'
import { CpuState } from '../../../engine/vcpu/cpu-state.ts'

const FEATURES = new Set<Feature>(['8086', 'fpu', 'cmov', 'mmx', 'fxsr', 'sse', 'sse2'])
/** Linear address of the one mapped page, where operands lie. */
export const OPERAND_PAGE = 0x5000
/** Linear address of a page that behaves like a device's. */
export const DEVICE_PAGE = 0x6000

/**
 * Runs single instructions through decoder and generated interpreter in a flat 32-bit protected mode, without
 * the rest of a processor: memory is one mapped page, and what would call the runtime ends the instruction.
 */
export class SingleInstructions {
  readonly state: CpuState
  readonly view: DataView
  /** Linear-memory offset of the operand page. */
  readonly operands = RAM_BASE + OPERAND_PAGE
  readonly #code: CodeCache
  readonly #decoder: Decoder
  readonly #bytes = new Uint8Array(32)
  #bounced: { at: number; host: number; size: number }[] = []
  readonly #run: (record: number, budget: number) => number

  constructor() {
    const memory = new GuestMemory(1)
    this.view = memory.view
    this.state = new CpuState(memory)
    const isa = new InstructionSet()
    describeX87(isa)
    describeMmx(isa)
    describeSse(isa)
    const table = buildOpcodeTable(isa, FEATURES)
    const { wasm, handlers } = generateInterpreter(table)
    this.#decoder = new Decoder(table)
    this.#code = new CodeCache(new MemoryMap(memory), table, this.#decoder, handlers, {
      needsGap: () => false,
    })
    const unexpected = (): number => 0
    const access = (address: number, _segment: number, kind: number): number => this.#bounce(address, kind)
    const writeBack = (): number => this.#writeBack()
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
      env: { memory: memory.wasm },
      runtime: {
        access,
        writeBack,
        system: unexpected,
        bulk: unexpected,
        readPort: unexpected,
        writePort: unexpected,
        find: unexpected,
        clock: unexpected,
        timeStamp: unexpected,
      },
      fpu: loadFpu(memory.wasm) as unknown as Record<string, unknown>,
    })
    this.#run = instance.exports['run'] as (record: number, budget: number) => number
    const permissions = Tlb.READ_SUPERVISOR | Tlb.WRITE_SUPERVISOR
    this.view.setInt32(TLB + (OPERAND_PAGE >> 12) * 4, (this.operands - OPERAND_PAGE) | permissions, true)
    this.view.setInt32(State.READ_BIT, Tlb.READ_SUPERVISOR, true)
    this.view.setInt32(State.WRITE_BIT, Tlb.WRITE_SUPERVISOR, true)
    this.view.setInt32(State.CR0, 0x33, true)
    for (const segment of [ES, CS, SS, DS, FS, GS]) {
      this.view.setInt32(segmentAt(segment) + Segment.READ_COUNT, -16, true)
      this.view.setInt32(segmentAt(segment) + Segment.WRITE_COUNT, -16, true)
    }
  }

  /** Accesses to the page behind the mapped one go through buffers, as those to devices do; others fault. */
  #bounce(address: number, kind: number): number {
    const size = kind & 0xff
    if (address < DEVICE_PAGE || address + size > DEVICE_PAGE + 0x1000) return 0
    const at = State.BOUNCE + this.#bounced.length * BOUNCE_BYTES
    if (this.#bounced.length === BOUNCE_SLOTS) throw new Error('too many buffers')
    const write = (kind & 0x100) !== 0
    const bytes = new Uint8Array(this.view.buffer)
    const host = RAM_BASE + address
    if (!write || (kind & 0x200) !== 0) bytes.copyWithin(at, host, host + size)
    else bytes.fill(0xee, at, at + size)
    this.#bounced.push({ at, host, size: write ? size : 0 })
    return at
  }

  #writeBack(): number {
    const bytes = new Uint8Array(this.view.buffer)
    for (const { at, host, size } of this.#bounced) bytes.copyWithin(host, at, at + size)
    return 0
  }

  /**
   * @returns the vector raised, -1 for none, or a text that says why the instruction could not be run
   */
  run(code: ArrayLike<number>): number | string {
    this.#bytes.fill(0)
    this.#bytes.set(code)
    const instruction = this.#decoder.decode(this.#bytes, 0, 32, {
      code32: true,
      stack32: true,
      limitedFrom: 8,
    })
    if (typeof instruction === 'string') return instruction
    if (instruction.length !== code.length) return `decoded ${instruction.length} of ${code.length} bytes`
    this.view.setUint32(State.FPU_TRAP, 0, true)
    this.#bounced = []
    const why = this.#run(this.#code.encodeScratch(instruction, 0, true), 1000)
    if (why >= Why.RAISE) return why - Why.RAISE
    return why === Why.ESCAPE ? -1 : `ended with ${why}`
  }
}

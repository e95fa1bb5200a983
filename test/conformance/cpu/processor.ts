import { MemoryMap } from '../../../engine/bus/memory-map.ts'
import { PortMap } from '../../../engine/bus/port-map.ts'
import { loadFpu } from '../../../engine/fpu/fpu.ts'
import { type Interpreter, generateInterpreter } from '../../../engine/interpreter/generator.ts'
import { SoftVcpu } from '../../../engine/interpreter/soft-vcpu.ts'
import { type OpcodeTable, buildOpcodeTable } from '../../../engine/isa/encoding.ts'
import { describeAll } from '../../../engine/isa/index.ts'
import { GuestMemory } from '../../../engine/memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../../../engine/memory/layout.ts'
import { CPU_MODELS, type CpuModel } from '../../../engine/vcpu/model.ts'
import type { FpuExports, TranslatorHost } from '../../../engine/interpreter/translator-host.ts'
import { RegionTranslator, type TranslatorOptions } from '../../../engine/translator/translator.ts'

const RAM_MIB = 16

/** A processor with 16 MiB of RAM at address 0 and whatever the test adds to it. */
export interface TestProcessor {
  vcpu: SoftVcpu
  memory: MemoryMap
  ports: PortMap
  /** Guest RAM, by physical address. */
  ram: Uint8Array
  ramView: DataView
  table: OpcodeTable
  /** Vectors that the next acknowledge cycles give, first come first served. */
  pendingVectors: number[]
}

export interface TestProcessorOptions {
  model?: CpuModel
  /** Loads the real FPU; without it, instructions of the register files that other suites cover do nothing. */
  withFpu?: boolean
  managementActive?: (active: boolean) => void
  /** Code is translated; everything is interpreted without it. */
  translator?: TranslatorOptions
  /** The time-stamp counter stands still; it counts instructions otherwise. */
  withoutTime?: boolean
  /** Monotonic time of the host; it stands still when absent. */
  hostMs?: () => number
}

const NO_FPU = new Proxy({}, { get: () => () => 0 }) as FpuExports

let generated: { model: CpuModel; interpreter: Interpreter } | null = null

export function buildProcessor(options: TestProcessorOptions = {}): TestProcessor {
  const model = options.model ?? CPU_MODELS.max
  const { translator } = options
  const isa = describeAll()
  const table = buildOpcodeTable(isa, model.features)
  if (generated?.model !== model) generated = { model, interpreter: generateInterpreter(table) }
  const guest = new GuestMemory(RAM_MIB)
  const memory = new MemoryMap(guest)
  const backing = { offset: RAM_BASE }
  memory.map({ name: 'RAM', base: 0, length: RAM_MIB * MIB, read: backing, write: backing, priority: 0 })
  const ports = new PortMap()
  const pendingVectors: number[] = []
  const vcpu: SoftVcpu = new SoftVcpu({
    isa,
    interpreter: generated.interpreter,
    model,
    memory,
    ports,
    interrupts: { acknowledge: () => pendingVectors.shift() ?? 0xff },
    fpu: options.withFpu ? (loadFpu(guest.wasm) as unknown as FpuExports) : NO_FPU,
    ...(options.hostMs && { hostMs: options.hostMs }),
    ...(translator && {
      translator: (host: TranslatorHost) =>
        new RegionTranslator(host, { pausesWhenRewritten: false, regionsAtOnce: 1, ...translator }),
    }),
    readTimeStamp: () => ({ low: options.withoutTime ? 5 : vcpu.retiredNow >>> 0, high: 7 }),
    writeTimeStamp: () => {},
    ferr: () => {},
    ...(options.managementActive && { managementActive: options.managementActive }),
  })
  return {
    vcpu,
    memory,
    ports,
    ram: guest.ram,
    ramView: new DataView(guest.wasm.buffer, RAM_BASE),
    table,
    pendingVectors,
  }
}

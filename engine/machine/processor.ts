import { existsSync, readFileSync } from 'node:fs'
import { loadFpu } from '../fpu/fpu.ts'
import { loadInterpreter } from '../interpreter/prebuilt.ts'
import { SoftVcpu, type SoftVcpuConfig } from '../interpreter/soft-vcpu.ts'
import { describeAll } from '../isa/index.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import type { Vcpu } from '../vcpu/vcpu.ts'
import { RegionTranslator } from '../translator/translator.ts'
import { artifact } from './artifacts.ts'

/** What a processor is connected to, whichever accelerator runs it. */
export type ProcessorWiring = Omit<SoftVcpuConfig, 'isa' | 'interpreter' | 'fpu' | 'translator'> & {
  accel: MachineConfig['accel']
}

/** Makes the processor; nothing else in the machine knows which kind it is. */
export function createProcessor(wiring: ProcessorWiring): Vcpu {
  const isa = describeAll()
  return new SoftVcpu({
    ...wiring,
    isa,
    interpreter: loadInterpreter(isa, wiring.model, artifact),
    ...(wiring.accel === 'jit' && { translator: (host) => new RegionTranslator(host) }),
    fpu: loadFpu(wiring.memory.memory.wasm, fpuBytes()) as never,
  })
}

/** The FPU module as built; undefined in a working copy, which compiles it. */
function fpuBytes(): Uint8Array<ArrayBuffer> | undefined {
  const path = artifact('fpu.wasm')
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined
}

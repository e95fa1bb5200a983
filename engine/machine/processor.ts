import { performance } from 'node:perf_hooks'
import { existsSync, readFileSync } from 'node:fs'
import { EngineError } from '../base/errors.ts'
import { loadFpu } from '../fpu/fpu.ts'
import { loadInterpreter } from '../interpreter/prebuilt.ts'
import { SoftVcpu, type SoftVcpuConfig } from '../interpreter/soft-vcpu.ts'
import { describeAll } from '../isa/index.ts'
import { Kvm, NoKvm } from '../kvm/kvm.ts'
import { KvmVcpu, type KvmVcpuConfig } from '../kvm/kvm-vcpu.ts'
import { probeLimitation } from '../kvm/probe.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import { because, isReason, technicalOf, type Reason } from '../protocol/reasons.ts'
import type { Accelerator } from '../protocol/vm.ts'
import { RegionTranslator } from '../translator/translator.ts'
import type { Vcpu } from '../vcpu/vcpu.ts'
import { artifact } from './artifacts.ts'

/** What a processor is connected to, whichever accelerator runs it. */
export type ProcessorWiring = Omit<SoftVcpuConfig, 'isa' | 'interpreter' | 'fpu' | 'translator'> &
  Omit<KvmVcpuConfig, 'limitation'>

export interface Processor {
  cpu: Vcpu
  accelerator: Accelerator
}

/**
 * Makes the processor; nothing else in the machine knows which kind it is. `auto` is KVM where a probe finds that
 * it can run everything. Throws `accelerator-unusable` when KVM was asked for and there is none.
 */
export function createProcessor(accel: MachineConfig['accel'], wiring: ProcessorWiring): Processor {
  if (accel === 'kvm' || accel === 'auto') {
    const found = tryKvm(accel === 'kvm', wiring)
    if (!isReason(found)) return found
    if (accel === 'kvm') throw new EngineError('accelerator-unusable', { accelerator: 'kvm', reason: found })
    return { cpu: softProcessor(wiring, true), accelerator: { name: 'jit', reason: found } }
  }
  return {
    cpu: softProcessor(wiring, accel === 'jit'),
    accelerator: { name: accel, reason: because('accelerator-wanted') },
  }
}

/** KVM's processor, or the reason why not. @param always take a limited one too */
function tryKvm(always: boolean, wiring: ProcessorWiring): Processor | Reason {
  if (!wiring.model.features.has('386')) return because('kvm-model', { model: wiring.model.name })
  if (wiring.managementActive) return because('kvm-management')
  let kvm: Kvm
  try {
    kvm = Kvm.open()
  } catch (error) {
    return error instanceof NoKvm ? error.reason : technicalOf(error)
  }
  try {
    const limitation = probeLimitation(kvm)
    if (limitation !== null && !always) return limitation
    return {
      cpu: new KvmVcpu(kvm, { ...wiring, limitation }),
      accelerator: { name: 'kvm', reason: limitation ?? because('kvm-whole') },
    }
  } finally {
    // The virtual machine has a descriptor of its own.
    kvm.close()
  }
}

function softProcessor(wiring: ProcessorWiring, translates: boolean): SoftVcpu {
  const isa = describeAll()
  return new SoftVcpu({
    ...wiring,
    isa,
    hostMs: () => performance.now(),
    interpreter: loadInterpreter(isa, wiring.model, artifact),
    ...(translates && { translator: (host) => new RegionTranslator(host) }),
    fpu: loadFpu(wiring.memory.memory.wasm, fpuBytes()) as never,
  })
}

/** The FPU module as built; undefined in a working copy, which compiles it. */
function fpuBytes(): Uint8Array<ArrayBuffer> | undefined {
  const path = artifact('fpu.wasm')
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined
}

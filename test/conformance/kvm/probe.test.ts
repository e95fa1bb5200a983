import { describe, expect, it } from 'vitest'
import { Kvm } from '../../../engine/kvm/kvm.ts'
import {
  CPUID_PROGRAM,
  PROBE_BYTES,
  PROBE_CODE,
  PROBE_PROGRAMS,
  placeProbe,
} from '../../../engine/kvm/probe-programs.ts'
import { because } from '../../../engine/protocol/reasons.ts'
import { probeLimitation } from '../../../engine/kvm/probe.ts'
import { itWithKvm } from '../../../engine/kvm/test-kvm.ts'
import { CS, DS, ES, SS, Segment, State, segmentAt } from '../../../engine/isa/state.ts'
import { RAM_BASE } from '../../../engine/memory/layout.ts'
import { CPU_MODELS, cpuid } from '../../../engine/vcpu/model.ts'
import type { SavedVcpu } from '../../../engine/vcpu/saved-vcpu.ts'
import { SoftwareTwin } from './software-twin.ts'

/** What a program writes when the software processor runs it from where the probe starts it. */
function answersOf(program: Uint8Array): number[] {
  const { vcpu, guest, written } = new SoftwareTwin()
  placeProbe(new DataView(guest.wasm.buffer, RAM_BASE, PROBE_BYTES), Uint8Array.of(...program, HLT))
  const saved = vcpu.save() as SavedVcpu
  const words = new DataView(saved.words.buffer)
  for (const index of [ES, CS, SS, DS]) {
    const at = segmentAt(index)
    words.setUint32(at + Segment.BASE, 0, true)
    words.setUint32(at + Segment.LIMIT, 0xffffffff, true)
    words.setUint32(at + Segment.ACCESS, index === CS ? 0xc09b : 0xc093, true)
    words.setUint32(at + Segment.READ_COUNT, 0xfffffff1, true)
    words.setUint32(at + Segment.WRITE_COUNT, index === CS ? 0 : 0xfffffff1, true)
  }
  words.setUint32(State.CR0, 0x11, true)
  words.setUint32(State.EIP, PROBE_CODE, true)
  vcpu.restore(saved)
  vcpu.run(1000)
  return written.map((value) => value >>> 0)
}

const HLT = 0xf4

describe('the start-up probe', () => {
  it.each(PROBE_PROGRAMS)('has a program that a whole processor passes: $what', ({ code, expected }) => {
    expect(answersOf(code)).toEqual([expected])
  })

  it('asks for what CPUID says', () => {
    const [, , ecx, edx] = cpuid(CPU_MODELS.max, 1, Infinity, true)
    expect(answersOf(CPUID_PROGRAM)).toEqual([ecx >>> 0, edx >>> 0])
  })

  itWithKvm('finds within a second whether this KVM is whole', () => {
    const kvm = Kvm.open()
    try {
      const start = performance.now()
      const limitation = probeLimitation(kvm)
      expect(performance.now() - start).toBeLessThan(1000)
      const limitations = PROBE_PROGRAMS.map(({ limitation }) => because(limitation))
      expect([null, ...limitations, because('kvm-no-model')]).toContainEqual(limitation)
      expect(probeLimitation(kvm)).toEqual(limitation)
    } finally {
      kvm.close()
    }
  })
})

import { because, type Reason } from '../protocol/reasons.ts'
import { CPU_MODELS, cpuid } from '../vcpu/model.ts'
import { EXIT, REGS, RUN, SEGMENT, SREGS } from './abi.ts'
import { cpuidTable } from './cpuid-table.ts'
import { HostArea } from './host-area.ts'
import { Kicker } from './kick.ts'
import type { Kvm } from './kvm.ts'
import { CPUID_PROGRAM, PROBE_BYTES, PROBE_CODE, PROBE_PROGRAMS, placeProbe } from './probe-programs.ts'
import type { VirtualCpu } from './virtual-cpu.ts'

/** A program takes some microseconds; a KVM that does not come back is no use either. */
const PATIENCE_NS = 200_000_000
const MODEL = CPU_MODELS.max

/**
 * Runs a tiny guest on this KVM.
 * @returns null when it can all that systems need, else the reason
 */
export function probeLimitation(kvm: Kvm): Reason | null {
  const vm = kvm.createVm()
  const kicker = new Kicker(kvm.calls)
  try {
    const memory = new HostArea(kvm.calls, PROBE_BYTES)
    vm.setSlot({ id: 0, flags: 0, guestAddress: 0, bytes: PROBE_BYTES, hostAddress: memory.address })
    const cpu = vm.createCpu(0)
    cpu.acceptKicks()
    cpu.setCpuid(cpuidTable(MODEL, Infinity, true))
    const run = (program: Uint8Array, answers: number): number[] => {
      placeProbe(memory.view, program)
      startFlat(cpu)
      kicker.arm(PATIENCE_NS)
      return collect(cpu, answers)
    }
    const failed = PROBE_PROGRAMS.find(({ code, expected }) => run(code, 1)[0] !== expected)
    if (failed) return because(failed.limitation)
    const [, , ecx, edx] = cpuid(MODEL, 1, Infinity, true)
    const seen = run(CPUID_PROGRAM, 2)
    return seen[0] === ecx >>> 0 && seen[1] === edx >>> 0 ? null : because('kvm-no-model')
  } finally {
    kicker.close()
    vm.close()
  }
}

/** What the program writes, up to so many values; fewer when it comes to nothing. */
function collect(cpu: VirtualCpu, answers: number): number[] {
  const values: number[] = []
  while (values.length < answers && cpu.enter() === EXIT.IO)
    values.push(cpu.run.getUint32(cpu.run.getUint32(RUN.IO_DATA_OFFSET, true), true))
  return values
}

/** Flat 32-bit segments, no paging, at PROBE_CODE. */
function startFlat(cpu: VirtualCpu): void {
  const view = cpu.get('GET_SREGS')
  for (let index = 0; index < 6; index++) {
    const at = SREGS.SEGMENTS[index]!
    const isCode = index === 1
    view.setBigUint64(at + SEGMENT.BASE, 0n, true)
    view.setUint32(at + SEGMENT.LIMIT, 0xffffffff, true)
    view.setUint16(at + SEGMENT.SELECTOR, isCode ? 8 : 16, true)
    const fields = { TYPE: isCode ? 11 : 3, PRESENT: 1, DPL: 0, DB: 1, S: 1, L: 0, G: 1, AVL: 0, UNUSABLE: 0 }
    for (const [name, value] of Object.entries(fields))
      view.setUint8(at + SEGMENT[name as keyof typeof fields], value)
  }
  view.setBigUint64(SREGS.CR0, 0x11n, true)
  view.setBigUint64(SREGS.CR4, 0n, true)
  cpu.set('SET_SREGS')
  cpu.fresh(REGS.BYTES)
  cpu.structureWords[REGS.RIP] = BigInt(PROBE_CODE)
  cpu.structureWords[REGS.RFLAGS] = 2n
  cpu.set('SET_REGS')
}

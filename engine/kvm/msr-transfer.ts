import type { Msrs, Wide } from '../vcpu/msr.ts'
import type { VirtualCpu } from './virtual-cpu.ts'

export const TIME_STAMP_COUNTER = 0x10
const EFER = 0xc0000080

/**
 * Gives KVM the model-specific registers that it has; the others stay in `msrs` as they are.
 * @returns EFER, which belongs to the special registers
 */
export function giveMsrs(cpu: VirtualCpu, msrs: Msrs, timeStamp: Wide): number {
  let efer = 0
  for (const [index, low, high] of msrs.save()) {
    if (index === EFER) efer = low
    else cpu.writeMsr(index, low, high)
  }
  cpu.writeMsr(TIME_STAMP_COUNTER, timeStamp.low, timeStamp.high)
  return efer
}

/** All registers of the model, as KVM has them or, where it has none, as they were given. */
export function takeMsrs(cpu: VirtualCpu, msrs: Msrs, efer: number): [number, number, number][] {
  return msrs.save().map(([index, low, high]) => {
    if (index === EFER) return [index, efer & NO_EXECUTE, 0]
    const known = cpu.readMsr(index)
    return known ? [index, known.low, known.high] : [index, low, high]
  })
}

const NO_EXECUTE = 0x800

import { expect, it } from 'vitest'
import { ESP, SS } from '../../../engine/isa/state.ts'
import { machineCode } from './managed-machine.ts'
import { buildProcessor } from './processor.ts'

const HANDLER = 0x1000
const BUDGET = 1000

// A host that is to pause or stop such a guest waits for the end of the run.
it.each([false, true])(
  'a handler that faults at its first instruction ends with the budget (translated: %s)',
  (translated) => {
    const { vcpu, memory, ramView } = buildProcessor(translated ? { translator: { entriesUntilHot: 1 } } : {})
    memory.setA20(true)
    for (let vector = 0; vector < 32; vector++) ramView.setUint32(vector * 4, HANDLER, true)
    memory.dmaWrite(HANDLER, machineCode(HANDLER, 'mov ax, [0xffff]'))
    vcpu.reset()
    vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
    // Frames go round in a segment of their own, and never meet the code.
    vcpu.segmentation.setCache(SS, 0x2000, 0x20000, 0xffff, 0x93)
    vcpu.state.setGpr(ESP, 0xfff0)
    vcpu.state.eip = HANDLER
    for (let runs = 0; runs < 20; runs++) expect(vcpu.run(BUDGET)).toBe('stop')
    const faults = vcpu.counters().interrupts['0d']
    expect(faults).toBeGreaterThan(BUDGET)
    expect(faults).toBeLessThan(30 * BUDGET)
  },
)

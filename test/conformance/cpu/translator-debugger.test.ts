import { beforeEach, describe, expect, it } from 'vitest'
import { CS, EAX, EBX, ECX } from '../../../engine/isa/state.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'

const PROGRAM = 0x1000
const LOOP = PROGRAM + 6
const STORE = LOOP + 1
const ADD = STORE + 3
const HALT = ADD + 4
const COUNTER = 0x3000
const BUDGET = 1_000_000
/** Real mode: 20,000 times round. */
const CODE = [
  0xb9,
  0x20,
  0x4e, // MOV CX, 20000
  0x31,
  0xc0, // XOR AX, AX
  0x90,
  0x40, // INC AX
  0xa3,
  0x00,
  0x30, // MOV [3000h], AX
  0x01,
  0xc3, // ADD BX, AX
  0xe2,
  LOOP - HALT, // LOOP
  0xf4, // HLT
]

describe('a debugger on a loop that is translated', () => {
  let processor: TestProcessor

  const restart = (): void => {
    const { vcpu } = processor
    vcpu.reset()
    vcpu.segmentation.setCache(CS, 0, 0, 0xffff, 0x93)
    vcpu.state.eip = PROGRAM
  }
  const go = (single = false) => {
    processor.vcpu.stops.begin(single)
    return processor.vcpu.run(BUDGET)
  }
  const stoppedAt = (): number => processor.vcpu.state.eip

  beforeEach(() => {
    processor = buildProcessor({ translator: { entriesUntilHot: 100 } })
    processor.memory.setA20(true)
    processor.memory.dmaWrite(PROGRAM, Uint8Array.from(CODE))
    restart()
    // The first time round makes the region.
    expect(processor.vcpu.run(BUDGET)).toBe('halt')
    expect(processor.vcpu.translatorStats()['liveRegions']).toBe(1)
    restart()
  })

  it('stops at a breakpoint each time round', () => {
    const { vcpu } = processor
    vcpu.stops.addBreakpoint(ADD)
    for (let round = 1; round <= 300; round++) {
      expect(go()).toBe('breakpoint')
      expect([stoppedAt(), vcpu.state.gpr(EAX) & 0xffff]).toEqual([ADD, round])
      expect(vcpu.stops.take(ADD)).toEqual({ kind: 'breakpoint', linear: ADD })
      expect(go(true)).toBe('breakpoint')
      expect(stoppedAt()).toBe(ADD + 2)
    }
    vcpu.stops.clear()
    expect(go()).toBe('halt')
    expect(vcpu.state.gpr(EAX) & 0xffff).toBe(20_000)
  })

  it('stops behind each write of a watchpoint', () => {
    const { vcpu } = processor
    vcpu.stops.addWatchpoint('write', COUNTER, 2)
    for (let round = 1; round <= 300; round++) {
      expect(go()).toBe('breakpoint')
      expect([stoppedAt(), processor.ramView.getUint16(COUNTER, true)]).toEqual([ADD, round])
      expect(vcpu.stops.take(stoppedAt())).toMatchObject({ kind: 'watchpoint', linear: COUNTER })
    }
    vcpu.stops.clear()
    expect(go()).toBe('halt')
    expect(processor.ramView.getUint16(COUNTER, true)).toBe(20_000)
  })

  it('goes step by step, and then on at full speed with the same result', () => {
    const { vcpu } = processor
    const before = vcpu.retired
    for (let step = 0; step < 3 + 4 * 100; step++) expect(go(true)).toBe('breakpoint')
    expect([stoppedAt(), vcpu.state.gpr(ECX) & 0xffff]).toEqual([LOOP, 19_900])
    expect(vcpu.retired - before).toBe(403)
    expect(go()).toBe('halt')
    expect(vcpu.retired - before).toBe(3 + 4 * 20_000 + 1)
    expect(vcpu.state.gpr(EBX) & 0xffff).toBe(((20_000 * 20_001) / 2) & 0xffff)
  })
})

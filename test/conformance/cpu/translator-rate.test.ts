import { describe, expect, it } from 'vitest'
import { CS, EAX } from '../../../engine/isa/state.ts'
import { buildProcessor } from './processor.ts'

const CODE = 0x1000
/** INC AX; JMP to it. */
const LOOP = [0x40, 0xeb, 0xfd]
const UNTIL_HOT = 100

/** A loop that is run ten turns at a time, with so much of the host's time in between. */
function loopWith(msBetween: number) {
  let nowMs = 0
  const { vcpu, ram } = buildProcessor({
    translator: { entriesUntilHot: UNTIL_HOT },
    hostMs: () => nowMs,
  })
  ram.set(LOOP, CODE)
  vcpu.segmentation.setCache(CS, 0, 0, 0xffff, 0x9b)
  vcpu.state.eip = CODE
  vcpu.state.setGpr(EAX, 0)
  /** @returns regions made by then */
  return (turns: number, ms = msBetween): number => {
    for (let turn = 0; turn < turns; turn += 10) {
      vcpu.run(20)
      nowMs += ms
    }
    return vcpu.translatorStats()['regions']!
  }
}

describe('a place that is entered again and again', () => {
  it('is translated soon when that is often', () => {
    const run = loopWith(1)
    expect(run(UNTIL_HOT - 20)).toBe(0)
    expect(run(60)).toBe(1)
  })

  it('is translated late when that is seldom: an idle guest would keep compilers busy', () => {
    const run = loopWith(100)
    expect(run(UNTIL_HOT * 8)).toBe(0)
    expect(run(UNTIL_HOT * 4)).toBe(1)
  })

  it('is translated soon when it was seldom at first', () => {
    const run = loopWith(100)
    expect(run(UNTIL_HOT * 3)).toBe(0)
    expect(run(UNTIL_HOT / 2, 0)).toBe(1)
  })
})

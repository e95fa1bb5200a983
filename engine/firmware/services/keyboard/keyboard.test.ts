import { beforeEach, describe, expect, it } from 'vitest'
import { RETRY } from '../../port/protocol.ts'
import { FLAG, type Registers } from '../../port/registers.ts'
import { TestGuest } from '../../port/test-guest.ts'
import { testContext } from '../../test-machine.ts'
import { int16 } from './int16.ts'
import { keyboardInterrupt } from './interrupt.ts'

let guest: TestGuest
let context = testContext()
const BUFFER = [0x1e, 0x00, 0x1e, 0x00]

beforeEach(() => {
  guest = new TestGuest()
  context = testContext()
  guest.set(0x40, 0x1a, BUFFER)
  guest.set(0x40, 0x80, [0x1e, 0, 0x3e, 0])
})

/** Bytes of the keyboard. @returns what the ROM is told to do after the last */
const send = (...codes: number[]): number =>
  codes.map((al) => guest.call(keyboardInterrupt, { al }).r.ah).at(-1)
const call = (ah: number, rest: Partial<Registers> = {}) =>
  guest.call((r) => int16(r, context), { ah, ...rest })
/** All keys that wait, as AH=10h gives them. */
const keys = (ah = 0x10): string[] => {
  const all: string[] = []
  for (;;) {
    const { r, outcome } = call(ah)
    if (outcome.kind === 'retry') return all
    all.push(r.ax.toString(16).padStart(4, '0'))
  }
}

const SHIFT = 0x2a
const CTRL = 0x1d
const ALT = 0x38
const up = (code: number) => code | 0x80

describe('keys', () => {
  it('become scan code and character', () => {
    send(0x1e, up(0x1e), SHIFT, 0x1e, up(0x1e), up(SHIFT), 0x1c, 0x39, 0x01)
    expect(keys()).toEqual(['1e61', '1e41', '1c0d', '3920', '011b'])
  })

  it('obey Ctrl, Alt and the locks', () => {
    send(CTRL, 0x2e, up(CTRL), ALT, 0x2d, up(ALT), 0x3a, up(0x3a), 0x1e, 0x02, 0x3a, up(0x3a), 0x1e)
    expect(keys()).toEqual(['2e03', '2d00', '1e41', '0231', '1e61'])
  })

  it('of the keypad are digits with Num Lock and arrows without', () => {
    send(0x48, 0x45, up(0x45), 0x48, SHIFT, 0x48, up(SHIFT))
    expect(keys()).toEqual(['4800', '4838', '4800'])
  })

  it('behind E0 are told apart by the new functions only', () => {
    send(0xe0, 0x48, 0xe0, 0x1c, 0x57)
    expect(keys(0x10)).toEqual(['48e0', 'e00d', '8500'])
    send(0xe0, 0x48, 0xe0, 0x1c, 0xe0, 0x35, 0x57, 0x1e)
    expect(keys(0x00)).toEqual(['4800', '1c0d', '352f', '1e61'])
  })

  it('typed as a number with Alt become that character', () => {
    send(ALT, 0x4f, up(0x4f), 0x52, up(0x52), 0x4c, up(0x4c), up(ALT))
    expect(keys()).toEqual(['0069'])
  })

  it('stop when the buffer of 15 is full', () => {
    for (let index = 0; index < 20; index++) send(0x1e, up(0x1e))
    expect(keys()).toHaveLength(15)
  })

  it('are not made of acknowledgements, and filler shifts change nothing', () => {
    send(0xfa, 0xfe, 0xe0, SHIFT, 0xe0, 0x4b, 0xe0, up(0x4b), 0xe0, up(SHIFT))
    expect(keys()).toEqual(['4be0'])
    expect(guest.memory[0x417]).toBe(0)
  })
})

describe('special keys', () => {
  it('Ctrl-Break empties the buffer, sets the flag and calls INT 1Bh', () => {
    send(0x1e, up(0x1e), CTRL)
    expect(send(0xe0, 0x46)).toBe(2)
    expect(guest.memory[0x471]).toBe(0x80)
    expect(keys()).toEqual(['0000'])
  })

  it('Ctrl-Alt-Del marks a warm start and resets', () => {
    expect(send(CTRL, ALT, 0xe0, 0x53)).toBe(5)
    expect(guest.word(0x40, 0x72)).toBe(0x1234)
  })

  it('Pause holds until another key, which is lost', () => {
    expect(send(0xe1, 0x1d, 0x45)).toBe(6)
    expect(guest.memory[0x418]! & 8).toBe(8)
    send(0xe1, 0x9d, 0xc5)
    expect(guest.memory[0x418]! & 8).toBe(8)
    send(0x1e)
    expect(guest.memory[0x418]! & 8).toBe(0)
    expect(keys()).toEqual([])
  })

  it('Print Screen calls INT 5, SysRq INT 15h/85h', () => {
    expect(send(0xe0, SHIFT, 0xe0, 0x37)).toBe(3)
    expect(send(0x54)).toBe(4)
    expect(guest.call(keyboardInterrupt, { al: 0xd4 }).r.al).toBe(1)
  })

  it('a stored key posts INT 15h/91h', () => {
    expect(send(0x1e)).toBe(1)
  })
})

describe('INT 16h', () => {
  it('waits outside of the call', () => {
    expect(call(0x00).outcome).toEqual({ kind: 'retry', entry: RETRY.int16 })
  })

  it('returns as by RETF 2: interrupts on, nothing of what lies on the stack as flags', () => {
    for (const ah of [0x01, 0x11]) {
      const { r } = call(ah, { callerFlags: 0x0dd7, entryFlags: 0x0002 })
      expect(r.flags).toBe(0x0002 | FLAG.zero | FLAG.interrupt)
    }
  })

  it('peeks without taking', () => {
    send(0x1e)
    const { r } = call(0x01)
    expect([r.ax, r.flags & FLAG.zero]).toEqual([0x1e61, 0])
    expect(keys()).toEqual(['1e61'])
  })

  it('puts keys into the buffer, wherever it was moved', () => {
    guest.set(0x40, 0x80, [0x00, 0x02, 0x08, 0x02])
    guest.set(0x40, 0x1a, [0x00, 0x02, 0x00, 0x02])
    expect([1, 2, 3, 4].map((n) => call(0x05, { cx: n }).r.al)).toEqual([0, 0, 0, 1])
    expect(keys()).toEqual(['0001', '0002', '0003'])
  })

  it('answers what KEYB and QCONFIG ask', () => {
    expect(call(0x92).r.ah).toBe(0x80)
    expect(call(0xa2).r.ah).toBe(0x80)
    expect(call(0x0a).r.bx).toBe(0x41ab)
    expect(call(0x09).r.al & 0x20).toBe(0x20)
  })

  it('gives the extended shift state', () => {
    send(0xe0, CTRL, ALT, SHIFT)
    expect(call(0x12).r.ax).toBe(0x060e)
  })
})

describe('a program that polls for a key', () => {
  /** Polls for a while. @param workNs what it does between two polls. @returns how often the processor halted */
  const poll = (seconds: number, workNs: number, ah = 0x01): number => {
    let halts = 0
    const endNs = context.clock.nowNs + seconds * 1e9
    while (context.clock.nowNs < endNs) {
      if (call(ah).outcome.kind === 'retry') {
        halts++
        context.clock.advance(55_000_000)
        expect(call(ah).outcome.kind, 'after its halt').toBe('done')
      }
      context.clock.advance(workNs)
    }
    return halts
  }

  it.each([0x01, 0x11])('and does nothing else has the processor halt from tick to tick: AH=%d', (ah) => {
    expect(poll(2, 5000, ah)).toBeGreaterThan(30)
  })

  it('and works in between never does', () => {
    expect(poll(0.3, 50_000)).toBe(0)
  })

  it('never does where the machine is set to leave it alone', () => {
    context = testContext({ busyPolling: true })
    expect(poll(0.2, 5000)).toBe(0)
  })

  it('has a while of polling for itself after each key', () => {
    expect(poll(0.5, 5000)).toBeGreaterThan(0)
    send(0x1e)
    expect(call(0x01).r.flags & FLAG.zero).toBe(0)
    call(0x00)
    context.clock.advance(1_000_000)
    expect(poll(0.1, 5000)).toBe(0)
  })
})

import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Uart } from '../uart/uart.ts'
import { SerialMouse } from './serial-mouse.ts'

const MS = 1_000_000
const CHARACTER_MS = 7.5

function plugIn() {
  const clock = new ManualClock()
  const line: { at: number; character: number }[] = []
  const mouse = new SerialMouse('mouse-com1', clock, {
    receive: (character) => line.push({ at: clock.nowNs / MS, character }),
  })
  /** What comes within a time. */
  const within = (ms: number) => {
    clock.advance(ms * MS)
    return line.splice(0).map(({ character }) => character)
  }
  const power = (dtr: boolean, rts: boolean) => mouse.setModemControl({ dtr, rts })
  /** As a driver leaves it that has found the mouse. */
  const found = () => {
    power(true, true)
    within(50)
    return mouse
  }
  return { clock, line, mouse, within, power, found }
}

describe('power', () => {
  it('is what DTR and RTS carry together: then it says that it is a mouse of three buttons', () => {
    const { power, within } = plugIn()
    power(true, false)
    expect(within(200)).toEqual([])
    power(true, true)
    expect(within(13)).toEqual([])
    expect(within(100)).toEqual([0x4d, 0x33])
  })

  it('says so whenever RTS comes back, and nothing of what was before', () => {
    const { mouse, power, within } = plugIn()
    power(true, true)
    within(50)
    mouse.move(100, 0, 0, 1)
    within(CHARACTER_MS)
    power(true, false)
    mouse.move(1, 1, 0, 0)
    expect(within(200)).toEqual([])
    power(true, true)
    expect(within(100)).toEqual([0x4d, 0x33])
  })

  it('is not interrupted by a line that stays as it was', () => {
    const { power, within } = plugIn()
    power(true, true)
    within(10)
    power(true, true)
    expect(within(100)).toEqual([0x4d, 0x33])
  })

  it('is none after a reset of the machine', () => {
    const { mouse, found, within } = plugIn()
    found()
    mouse.reset()
    mouse.move(5, 5, 0, 0)
    expect(within(100)).toEqual([])
  })
})

describe('packets', () => {
  it.each<[string, [number, number, number], number[]]>([
    ['right', [5, 0, 0], [0x40, 5, 0]],
    ['left', [-1, 0, 0], [0x43, 0x3f, 0]],
    ['down is positive', [0, 9, 0], [0x40, 0, 9]],
    ['up', [0, -64, 0], [0x4c, 0, 0]],
    ['both high halves', [100, -100, 0], [0x49, 100 & 0x3f, -100 & 0x3f]],
    ['left button', [0, 0, 1], [0x60, 0, 0]],
    ['right button', [0, 0, 2], [0x50, 0, 0]],
    ['middle button, in a fourth character', [0, 0, 4], [0x40, 0, 0, 0x20]],
  ])('%s', (_name, [dx, dy, buttons], packet) => {
    const { found, within } = plugIn()
    found().move(dx, dy, 0, buttons)
    expect(within(100)).toEqual(packet)
  })

  it('have a fourth character once more when the middle button is let go', () => {
    const { found, within } = plugIn()
    const mouse = found()
    mouse.move(0, 0, 0, 4)
    within(100)
    mouse.move(0, 0, 0, 0)
    expect(within(100)).toEqual([0x40, 0, 0, 0])
    mouse.move(1, 0, 0, 0)
    expect(within(100)).toEqual([0x40, 1, 0])
  })

  it('take the time of 1200 baud', () => {
    const { clock, line, found } = plugIn()
    found().move(1, 1, 0, 0)
    const start = clock.nowNs / MS
    clock.advance(100 * MS)
    expect(line.map(({ at }) => at - start)).toEqual([7.5, 15, 22.5])
  })

  it('add up motion that waits, in as many as it takes', () => {
    const { found, within } = plugIn()
    const mouse = found()
    mouse.move(1, 0, 0, 0)
    for (let step = 0; step < 20; step++) mouse.move(10, 0, 0, 0)
    expect(within(300)).toEqual([0x40, 1, 0, 0x41, 63, 0, 0x41, 73 & 0x3f, 0])
  })

  it('tell each click, however quick', () => {
    const { found, within } = plugIn()
    const mouse = found()
    for (const buttons of [1, 0, 1, 0]) mouse.move(0, 0, 0, buttons)
    expect(within(300).filter((character) => character & 0x40)).toEqual([0x60, 0x40, 0x60, 0x40])
  })

  it('do not come for a wheel, for a place on the screen, or for nothing', () => {
    const { found, within } = plugIn()
    const mouse = found()
    mouse.move(0, 0, 3, 0)
    mouse.moveTo(100, 100, 1, 0)
    mouse.move(NaN, NaN, 0, 0)
    expect(within(100)).toEqual([])
  })

  it('without motion wake a driver', () => {
    const { found, within } = plugIn()
    const mouse = found()
    mouse.poke()
    mouse.poke()
    expect(within(100)).toEqual([0x40, 0, 0])
  })
})

it('goes on in the middle of a packet after it was saved and restored', () => {
  const { mouse, found, within } = plugIn()
  found()
  mouse.move(20, -3, 0, 4)
  mouse.move(7, 0, 0, 0)
  within(CHARACTER_MS)
  const saved = structuredClone(mouse.save())
  const future = within(200)
  expect(future).toEqual([20, -3 & 0x3f, 0x20, 0x40, 7, 0, 0])

  const other = plugIn()
  other.clock.advance(saved.nextAtNs! - CHARACTER_MS * MS)
  other.mouse.restore(saved)
  expect(other.mouse.save()).toEqual(saved)
  expect(other.within(200)).toEqual(future)
  expect(() => mouse.restore({ ...saved, out: [0x80] })).toThrow('state-invalid')
})

it('is found through a serial port by what drivers do', () => {
  const clock = new ManualClock()
  const irq = new RecordingLine()
  const uart = new Uart({ id: 'com1' }, clock, irq)
  const mouse = new SerialMouse('mouse-com1', clock, { receive: (character) => uart.receive(character) })
  uart.onModemControl((lines) => mouse.setModemControl(lines))
  const [RBR, IER, LCR, MCR, LSR] = [0, 1, 3, 4, 5] as const
  const received = (ms: number) => {
    const characters: number[] = []
    for (let at = 0; at < ms; at++) {
      clock.advance(MS)
      if (uart.read(LSR) & 1) characters.push(uart.read(RBR))
    }
    return characters
  }
  uart.write(LCR, 0x80)
  uart.write(RBR, 96) // 1200 baud
  uart.write(IER, 0)
  uart.write(LCR, 0x02) // seven bits, no parity, one stop bit
  uart.write(MCR, 0x01) // DTR alone: no power
  expect(received(200)).toEqual([])
  uart.write(MCR, 0x0b)
  expect(received(200)).toEqual([0x4d, 0x33])

  uart.write(IER, 0x01)
  mouse.move(3, 4, 0, 1)
  clock.advance(CHARACTER_MS * MS)
  expect(irq.level).toBe(true)
  expect(received(100)).toEqual([0x60, 3, 4])

  // Nobody reads: what comes is lost, and the port says so, as without any flow control.
  mouse.move(1, 1, 0, 0)
  clock.advance(100 * MS)
  expect(uart.read(LSR) & 0x02).toBe(0x02)
})

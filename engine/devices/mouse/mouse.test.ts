import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Mouse } from './mouse.ts'

const MS = 1_000_000

function powerOn() {
  const clock = new ManualClock()
  const mouse = new Mouse(clock)
  const take = () => {
    const bytes: number[] = []
    for (let byte = mouse.take(); byte !== null; byte = mouse.take()) bytes.push(byte)
    return bytes
  }
  const send = (...bytes: number[]) => {
    for (const byte of bytes) mouse.receive(byte)
    return take()
  }
  const setRates = (...rates: number[]) => rates.forEach((rate) => send(0xf3, rate))
  /** Lets the sampling times of some packets pass. */
  const sample = (count = 1) => Array.from({ length: count }, () => (clock.advance(100 * MS), take())).flat()
  return { clock, mouse, take, send, setRates, sample }
}

describe('commands', () => {
  it.each([
    ['id', [0xf2], [0xfa, 0x00]],
    ['resolution', [0xe8, 0x03], [0xfa, 0xfa]],
    ['bad resolution', [0xe8, 0x09], [0xfa, 0xfe]],
    ['rate', [0xf3, 200], [0xfa, 0xfa]],
    ['bad rate', [0xf3, 7], [0xfa, 0xfe]],
    ['status at power-on', [0xe9], [0xfa, 0x00, 0x02, 100]],
    ['the command of OS/2 Warp 3 that no mouse knows', [0xbb], []],
    ['secondary id', [0xe1], [0xfa, 0x00, 0x00]],
    ['unknown', [0x55], [0xfe]],
  ])('%s', (_name, bytes, answer) => {
    expect(powerOn().send(...bytes)).toEqual(answer)
  })

  it('acknowledges reset, then reports the passed test and the id', () => {
    const { clock, send, take } = powerOn()
    expect(send(0xff)).toEqual([0xfa])
    clock.advance(10 * MS)
    expect(take()).toEqual([0xaa, 0x00])
  })

  it('shows mode, scaling and buttons in its status', () => {
    const { mouse, send } = powerOn()
    send(0xf4)
    send(0xe7)
    mouse.move(0, 0, 0, 1)
    expect(send(0xe9).slice(0, 4)).toEqual([0xfa, 0x34, 0x02, 100])
    send(0xf0)
    expect(send(0xe9)[1]).toBe(0x74)
  })

  it('echoes everything in wrap mode but reset wrap and reset', () => {
    const { send } = powerOn()
    expect(send(0xee)).toEqual([0xfa])
    expect(send(0xf2)).toEqual([0xf2])
    expect(send(0xec)).toEqual([0xfa])
    expect(send(0xf2)).toEqual([0xfa, 0x00])
  })
})

describe('packets', () => {
  it('do not come before the guest enables them', () => {
    const { mouse, send, sample } = powerOn()
    mouse.move(5, 5, 0, 1)
    expect(sample()).toEqual([])
    expect(send(0xf4)).toEqual([0xfa])
    expect(sample()).toEqual([])
  })

  it('hold motion with signs, up positive, and buttons', () => {
    const { mouse, send, sample } = powerOn()
    send(0xf4)
    mouse.move(5, 3, 0, 1)
    expect(sample()).toEqual([0x29, 5, 0xfd])
    mouse.move(-1, -2, 0, 6)
    expect(sample()).toEqual([0x1e, 0xff, 2])
  })

  it('come at the sampling rate, motion in between added up', () => {
    const { clock, mouse, send, take } = powerOn()
    send(0xf4)
    let bytes = 0
    let x = 0
    for (let ms = 0; ms < 1000; ms++) {
      mouse.move(1, 0, 0, 0)
      clock.advance(MS)
      const packet = take()
      bytes += packet.length
      x += packet[1] ?? 0
    }
    expect(bytes / 3).toBeGreaterThan(90)
    expect(bytes / 3).toBeLessThanOrEqual(101)
    expect(x).toBeGreaterThan(980)
  })

  it('split what is too far for one', () => {
    const { mouse, send, sample } = powerOn()
    send(0xf4)
    mouse.move(-600, 0, 0, 0)
    expect(sample(4)).toEqual([0x18, 1, 0, 0x18, 1, 0, 0x18, 0xa6, 0])
  })

  it('keep every click, however quick', () => {
    const { mouse, send, sample } = powerOn()
    send(0xf4)
    mouse.move(0, 0, 0, 1)
    mouse.move(0, 0, 0, 0)
    mouse.move(0, 0, 0, 1)
    mouse.move(0, 0, 0, 0)
    expect(sample(5)).toEqual([9, 0, 0, 8, 0, 0, 9, 0, 0, 8, 0, 0])
  })

  it('are cut off by a command, whose answer comes first', () => {
    const { mouse, send, take } = powerOn()
    send(0xf4)
    mouse.move(5, 0, 0, 0)
    expect(mouse.take()).toBe(8)
    mouse.receive(0xf5)
    expect(take()).toEqual([0xfa])
  })

  it('come on request in remote mode', () => {
    const { mouse, send, sample } = powerOn()
    send(0xf0)
    mouse.move(3, 0, 0, 0)
    mouse.move(4, 0, 0, 0)
    expect(sample()).toEqual([])
    expect(send(0xeb)).toEqual([0xfa, 8, 7, 0])
    expect(send(0xeb)).toEqual([0xfa, 8, 0, 0])
  })

  it('are scaled 2:1 in stream mode', () => {
    const { mouse, send, sample } = powerOn()
    send(0xe7)
    send(0xf4)
    const moved = [1, 2, 3, 4, 5, 6].map((dx) => {
      mouse.move(dx, 0, 0, 0)
      return sample()[1]
    })
    expect(moved).toEqual([1, 1, 3, 6, 9, 12])
  })

  it('survive numbers that are none', () => {
    const { mouse, send, sample } = powerOn()
    send(0xf4)
    mouse.move(NaN, Infinity, -Infinity, 255)
    expect(sample()).toHaveLength(3)
  })
})

describe('IntelliMouse', () => {
  it('shows a wheel after rates 200, 100, 80: down positive', () => {
    const { mouse, send, setRates, sample } = powerOn()
    setRates(200, 100, 80)
    expect(send(0xf2)).toEqual([0xfa, 0x03])
    send(0xf4)
    mouse.move(0, 0, 1, 0)
    expect(sample()).toEqual([8, 0, 0, 1])
    mouse.move(0, 0, -1, 0)
    expect(sample()).toEqual([8, 0, 0, 0xff])
  })

  it('shows five buttons after rates 200, 200, 80', () => {
    const { mouse, send, setRates, sample } = powerOn()
    setRates(200, 100, 80)
    send(0xf2)
    setRates(200, 200, 80)
    expect(send(0xf2)).toEqual([0xfa, 0x04])
    send(0xf4)
    mouse.move(0, 0, -1, 8)
    expect(sample()).toEqual([8, 0, 0, 0x1f])
    mouse.move(0, 0, 0, 16)
    expect(sample()).toEqual([8, 0, 0, 0x20])
  })

  it('does not trip on the rates of NT: 200, 100, 80, 60', () => {
    const { mouse, send, setRates, sample } = powerOn()
    setRates(200, 100, 80, 60)
    expect(send(0xf2)).toEqual([0xfa, 0x00])
    send(0xf4)
    mouse.move(1, 0, 0, 0)
    expect(sample()).toHaveLength(3)
  })

  it('is plain again after reset', () => {
    const { clock, send, setRates, take } = powerOn()
    setRates(200, 100, 80)
    send(0xf2)
    send(0xff)
    clock.advance(10 * MS)
    take()
    expect(send(0xf2)).toEqual([0xfa, 0x00])
  })
})

it('goes on from a saved state with packets and pending motion', () => {
  const { mouse, send, take, sample } = powerOn()
  send(0xf4)
  mouse.move(300, 0, 0, 0)
  mouse.take()
  const saved = structuredClone(mouse.save())
  mouse.reset()
  expect(mouse.save()).not.toEqual(saved)

  mouse.restore(saved)

  expect(mouse.save()).toEqual(saved)
  expect(take()).toEqual([0xff, 0])
  expect(sample()).toEqual([8, 45, 0])
  expect(() => mouse.restore({ ...saved, rate: 7 })).toThrow('state-invalid')
})

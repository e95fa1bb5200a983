import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Keyboard } from './keyboard.ts'
import { SCAN_CODES } from './scan-codes.ts'

const MS = 1_000_000

function powerOn() {
  const clock = new ManualClock()
  const keyboard = new Keyboard(clock)
  const take = () => {
    const bytes: number[] = []
    for (let byte = keyboard.take(); byte !== null; byte = keyboard.take()) bytes.push(byte)
    return bytes
  }
  const send = (...bytes: number[]) => {
    for (const byte of bytes) keyboard.receive(byte)
    return take()
  }
  const press = (...codes: string[]) => {
    for (const code of codes) keyboard.key(code, true)
    return take()
  }
  const release = (...codes: string[]) => {
    for (const code of codes) keyboard.key(code, false)
    return take()
  }
  return { clock, keyboard, take, send, press, release }
}

describe('scan code sets', () => {
  it.each([
    [1, [0x1e], [0x9e]],
    [2, [0x1c], [0xf0, 0x1c]],
    [3, [0x1c], []],
  ])('sends A in set %i', (set, make, broken) => {
    const { send, press, release } = powerOn()
    send(0xf0, set)
    expect(press('KeyA')).toEqual(make)
    expect(release('KeyA')).toEqual(broken)
  })

  it('prefixes the keys that came with the 101-key keyboard', () => {
    const { send, press, release } = powerOn()
    expect([...press('ControlRight'), ...release('ControlRight')]).toEqual([0xe0, 0x14, 0xe0, 0xf0, 0x14])
    send(0xf0, 1)
    expect([...press('NumpadEnter'), ...release('NumpadEnter')]).toEqual([0xe0, 0x1c, 0xe0, 0x9c])
  })

  it('sends Pause whole when pressed, and Break with Ctrl', () => {
    const { send, press, release } = powerOn()
    expect(press('Pause')).toEqual([0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77])
    expect(release('Pause')).toEqual([])
    send(0xf0, 1)
    expect(press('Pause')).toEqual([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5])
    release('Pause')
    press('ControlLeft')
    expect(press('Pause')).toEqual([0xe0, 0x46, 0xe0, 0xc6])
  })

  it('sends PrintScreen with a pretended shift, without it after Ctrl, and SysRq with Alt', () => {
    const { send, press, release } = powerOn()
    expect(press('PrintScreen')).toEqual([0xe0, 0x12, 0xe0, 0x7c])
    expect(release('PrintScreen')).toEqual([0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12])
    send(0xf0, 1)
    press('ControlLeft')
    expect(press('PrintScreen')).toEqual([0xe0, 0x37])
    release('PrintScreen', 'ControlLeft')
    press('AltLeft')
    expect(press('PrintScreen')).toEqual([0x54])
    expect(release('PrintScreen')).toEqual([0xd4])
  })

  it('pretends shifts around the arrows, so that programs for the 83-key keyboard see arrows', () => {
    const { send, press, release } = powerOn()
    send(0xf0, 1)
    expect([...press('ArrowUp'), ...release('ArrowUp')]).toEqual([0xe0, 0x48, 0xe0, 0xc8])
    press('ShiftLeft')
    expect([...press('ArrowUp'), ...release('ArrowUp')]).toEqual([
      0xe0, 0xaa, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x2a,
    ])
    send(0xed, 2) // Num Lock: shift already makes it an arrow
    expect([...press('ArrowUp'), ...release('ArrowUp')]).toEqual([0xe0, 0x48, 0xe0, 0xc8])
    release('ShiftLeft')
    expect([...press('ArrowUp'), ...release('ArrowUp')]).toEqual([
      0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa,
    ])
  })

  it('has no code twice in a set', () => {
    for (const set of ['set2', 'set3'] as const) {
      const codes = [...SCAN_CODES.values()].map((scanCode) => scanCode[set]).filter((code) => code !== 0)
      expect(new Set(codes).size).toBe(codes.length)
    }
  })

  it('reports set 3 releases as the key types say', () => {
    const { send, press, release } = powerOn()
    send(0xf0, 3)
    expect([...press('ShiftLeft'), ...release('ShiftLeft')]).toEqual([0x12, 0xf0, 0x12])
    send(0xf8)
    expect([...press('KeyA'), ...release('KeyA')]).toEqual([0x1c, 0xf0, 0x1c])
    expect(send(0xfd, 0x1c, 0x1b)).toEqual([0xfa, 0xfa, 0xfa]) // make only: A and S
    expect([...press('KeyA', 'KeyS'), ...release('KeyA', 'KeyS')]).toEqual([0x1c, 0x1b])
  })

  it('ignores keys that it does not have', () => {
    const { press } = powerOn()
    expect(press('Fn', '', '__proto__')).toEqual([])
  })
})

describe('commands', () => {
  it.each([
    ['echo', [0xee], [0xee]],
    ['id', [0xf2], [0xfa, 0xab, 0x83]],
    ['set lights', [0xed, 0x07], [0xfa, 0xfa]],
    ['which set', [0xf0, 0x00], [0xfa, 0xfa, 0x02]],
    ['no such set', [0xf0, 0x04], [0xfa, 0xfe]],
    ['typematic', [0xf3, 0x20], [0xfa, 0xfa]],
    ['enable', [0xf4], [0xfa]],
    ['unknown', [0xef], [0xfe]],
    ['a command in place of a parameter', [0xed, 0xf4], [0xfa, 0xfa]],
  ])('%s', (_name, bytes, answer) => {
    expect(powerOn().send(...bytes)).toEqual(answer)
  })

  it('acknowledges reset first and reports the passed test after a while', () => {
    const { clock, send, take, press } = powerOn()
    expect(send(0xff)).toEqual([0xfa])
    expect(press('KeyA')).toEqual([])
    clock.advance(10 * MS)
    expect(take()).toEqual([0xaa])
  })

  it('repeats its last byte on FEh', () => {
    const { send, press } = powerOn()
    press('KeyA')
    expect(send(0xfe)).toEqual([0x1c])
  })

  it('stays silent while disabled and drops what waited when enabled', () => {
    const { keyboard, send, press, release } = powerOn()
    expect(send(0xf5)).toEqual([0xfa])
    expect([...press('KeyA'), ...release('KeyA')]).toEqual([])
    send(0xf4)
    keyboard.key('KeyB', true)
    expect(send(0xf4)).toEqual([0xfa])
  })

  it('returns to set 2 and the default rate on F6h', () => {
    const { send } = powerOn()
    send(0xf0, 1)
    send(0xf6)
    expect(send(0xf0, 0)).toEqual([0xfa, 0xfa, 2])
  })

  it('reports the lights', () => {
    const { keyboard, send } = powerOn()
    const seen: unknown[] = []
    keyboard.onLeds((leds) => seen.push(leds))
    send(0xed, 0x04)
    send(0xed, 0x04)
    send(0xed, 0x03)
    expect(seen).toEqual([
      { scrollLock: false, numLock: false, capsLock: true },
      { scrollLock: true, numLock: true, capsLock: false },
    ])
  })
})

describe('typematic', () => {
  it('repeats the last key after 500 ms, 10.9 times a second', () => {
    const { clock, take, press, release } = powerOn()
    press('ShiftLeft', 'KeyA')
    clock.advance(499 * MS)
    expect(take()).toEqual([])
    let repeats = 0
    for (let waited = 0; waited < 1000; waited++) {
      clock.advance(MS)
      repeats += take().length
    }
    expect(repeats).toBe(11)
    release('KeyA')
    clock.advance(2000 * MS)
    expect(take()).toEqual([])
  })

  it('obeys F3h: 250 ms and 30 a second', () => {
    const { clock, take, press, send } = powerOn()
    send(0xf3, 0x00)
    press('KeyA')
    clock.advance(249 * MS)
    expect(take()).toEqual([])
    let repeats = 0
    for (let waited = 0; waited < 1001; waited++) {
      clock.advance(MS)
      repeats += take().length
    }
    expect(repeats).toBe(31)
  })

  it('ignores the repetition of the host and its lost releases', () => {
    const { press, release } = powerOn()
    expect(press('KeyA', 'KeyA', 'KeyA')).toEqual([0x1c])
    expect(release('KeyB')).toEqual([])
  })

  it('does not fill the buffer of a guest that reads nothing', () => {
    const { clock, keyboard, press } = powerOn()
    press('KeyA')
    clock.advance(60_000 * MS)
    expect(keyboard.backlog).toBeLessThan(16)
  })
})

it('answers too many keys with one overrun and forgets their releases, but never a release that matters', () => {
  const { keyboard, take } = powerOn()
  const keys = [...SCAN_CODES.keys()].filter((code) => code.startsWith('Key') || code.startsWith('Digit'))
  keyboard.key('ShiftLeft', true)
  for (let round = 0; round < 20; round++)
    for (const code of keys) {
      keyboard.key(code, true)
      keyboard.key(code, false)
    }
  keyboard.key('ShiftLeft', false)

  const bytes = take()
  expect(bytes.filter((byte) => byte === 0x00)).toHaveLength(1)
  expect(bytes.slice(-2)).toEqual([0xf0, 0x12])
  expect(bytes.length).toBeLessThan(80)
})

it('lets every key go when the window loses the keyboard', () => {
  const { keyboard, take, press } = powerOn()
  press('ControlLeft', 'KeyC')
  keyboard.releaseAll()
  expect(take()).toEqual([0xf0, 0x14, 0xf0, 0x21])
})

it('goes on from a saved state: held keys, repetition, pending test', () => {
  const { clock, keyboard, press, take, send } = powerOn()
  send(0xf0, 1)
  press('KeyA')
  keyboard.key('Home', true)
  const saved = structuredClone(keyboard.save())
  keyboard.reset()
  expect(keyboard.save()).not.toEqual(saved)

  keyboard.restore(saved)
  expect(keyboard.save()).toEqual(saved)
  expect(take()).toEqual([0xe0, 0x47])
  clock.advance(501 * MS)
  expect(take()).toEqual([0xe0, 0x47])
  keyboard.key('KeyA', false)
  expect(take()).toEqual([0x9e])
  expect(() => keyboard.restore({ ...saved, repeating: 'NoKey' })).toThrow('state-invalid')
})

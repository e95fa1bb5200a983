import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Keyboard } from '../keyboard/keyboard.ts'
import { Mouse } from '../mouse/mouse.ts'
import { I8042 } from './i8042.ts'
import { Set2Translator } from './translation.ts'

const MS = 1_000_000

function powerOn({ withMouse = true } = {}) {
  const clock = new ManualClock()
  const irq1 = new RecordingLine()
  const irq12 = new RecordingLine()
  const a20 = new RecordingLine()
  const calls = { resets: 0 }
  const keyboard = new Keyboard(clock)
  const mouse = withMouse ? new Mouse(clock) : null
  const controller = new I8042({
    clock,
    irq1,
    irq12,
    a20,
    resetCpu: () => calls.resets++,
    keyboard,
    mouse,
  })
  controller.reset()
  const status = () => controller.commandPort.read(0, 1)
  const readData = () => controller.dataPort.read(0, 1)
  const command = (value: number, ...data: number[]) => {
    controller.commandPort.write(0, value, 1)
    for (const byte of data) controller.dataPort.write(0, byte, 1)
  }
  const send = (value: number) => controller.dataPort.write(0, value, 1)
  /** Reads what arrives within some time, as a polling driver does. */
  const poll = (ns = 20 * MS) => {
    const bytes: number[] = []
    for (let waited = 0; waited < ns; waited += MS / 10) {
      if (status() & 1) bytes.push(readData())
      clock.advance(MS / 10)
    }
    return bytes
  }
  return {
    clock,
    irq1,
    irq12,
    a20,
    calls,
    keyboard,
    mouse: mouse!,
    controller,
    status,
    readData,
    command,
    send,
    poll,
  }
}

describe('controller commands', () => {
  it('reads and writes the command byte and the rest of the RAM', () => {
    const { command, readData, status } = powerOn()
    command(0x60, 0x47)
    command(0x20)
    expect(readData()).toBe(0x47)
    expect(status() & 4).toBe(4) // the system flag

    command(0x7f, 0xa5)
    command(0x3f)
    expect(readData()).toBe(0xa5)
    for (let ram = 0x21; ram < 0x3f; ram++) {
      command(ram)
      expect(status() & 1).toBe(1) // OS/2 reads them all
      readData()
    }
  })

  it('answers writing the command byte with nothing', () => {
    const { command, poll } = powerOn()
    command(0x60, 0x61)
    expect(poll()).toEqual([])
  })

  it.each([
    [0xaa, 0x55],
    [0xab, 0x00],
    [0xa9, 0x00],
    [0xa4, 0xf1],
    [0xc0, 0xb0],
  ])('answers %x with %x', (code, answer) => {
    const { command, status, readData } = powerOn()
    command(code)
    expect(status() & 0x21).toBe(1)
    expect(readData()).toBe(answer)
    expect(status() & 1).toBe(0)
  })

  it('tells commands from data in the status register', () => {
    const { command, send, status } = powerOn()
    command(0xae)
    expect(status() & 8).toBe(8)
    send(0xee)
    expect(status() & 8).toBe(0)
  })

  it('disables and enables the interfaces in the command byte', () => {
    const { command, readData } = powerOn()
    const commandByte = () => {
      command(0x20)
      return readData()
    }
    command(0xa7)
    command(0xad)
    expect(commandByte()).toBe(0x30)
    command(0xa8)
    command(0xae)
    expect(commandByte()).toBe(0x00)
  })

  it('swallows a password up to its zero', () => {
    const { command, keyboard, poll } = powerOn()
    command(0xa5, 0xf2, 0x1c, 0x00)
    expect(keyboard.backlog).toBe(0)
    expect(poll()).toEqual([])
  })
})

describe('output port', () => {
  it('gates A20 by D1h, DDh and DFh, and shows it', () => {
    const { command, a20, readData } = powerOn()
    expect(a20.level).toBe(true)
    command(0xd1, 0xdd)
    expect(a20.level).toBe(false)
    command(0xd0)
    expect(readData() & 3).toBe(1)
    command(0xd1, 0xdf)
    expect(a20.level).toBe(true)
    command(0xdd)
    expect(a20.level).toBe(false)
    command(0xdf)
    expect(a20.level).toBe(true)
  })

  it('resets the processor by FEh and by D1h with bit 0 low, not by FFh', () => {
    const { command, calls } = powerOn()
    command(0xff)
    expect(calls.resets).toBe(0)
    command(0xfe)
    expect(calls.resets).toBe(1)
    command(0xd1, 0x02)
    expect(calls.resets).toBe(2)
  })

  it('puts bytes into the output buffer as if a device had sent them', () => {
    const { command, clock, irq1, irq12, status, readData } = powerOn()
    command(0x60, 0x03)
    command(0xd2, 0x99)
    clock.advance(MS)
    expect([irq1.level, status() & 0x21, readData()]).toEqual([true, 0x01, 0x99])
    command(0xd3, 0x77)
    clock.advance(MS)
    expect([irq12.level, status() & 0x21, readData()]).toEqual([true, 0x21, 0x77])
    expect([irq1.level, irq12.level]).toEqual([false, false])
  })
})

describe('pacing', () => {
  it('raises the interrupt a little after the output buffer fills, and drops it when read', () => {
    const { command, keyboard, clock, irq1, status, readData } = powerOn()
    command(0x60, 0x41)
    clock.advance(10 * MS)
    keyboard.key('KeyA', true)
    expect(status() & 1).toBe(1)
    expect(irq1.level).toBe(false)

    clock.advance(50_000)
    expect(irq1.level).toBe(true)
    readData()
    expect(irq1.level).toBe(false)
  })

  it('lets the same byte be read twice, then brings the next without any toggling', () => {
    const { command, keyboard, clock, irq1, status, readData } = powerOn()
    command(0x60, 0x41)
    clock.advance(10 * MS)
    keyboard.key('KeyA', true)
    keyboard.key('KeyA', false)
    clock.advance(MS)

    expect([readData(), readData()]).toEqual([0x1e, 0x1e])
    expect(status() & 1).toBe(0)

    clock.advance(1.1 * MS)
    expect(irq1.risingEdges).toBe(2)
    expect(readData()).toBe(0x9e)
  })

  it('holds the bytes of a disabled interface back', () => {
    const { command, keyboard, clock, poll, status } = powerOn()
    command(0xad)
    keyboard.key('KeyA', true)
    clock.advance(100 * MS)
    expect(status() & 1).toBe(0)
    command(0xae)
    expect(poll(5 * MS)).toEqual([0x1c])
  })

  it('gives its own answer after a byte that waits, and before further keys', () => {
    const { command, keyboard, clock, poll } = powerOn()
    keyboard.key('KeyA', true)
    keyboard.key('KeyB', true)
    clock.advance(MS)
    command(0x20)
    expect(poll(5 * MS)).toEqual([0x1c, 0x00, 0x32])
  })

  it('does not interrupt for what was read by polling', () => {
    const { command, clock, irq1, readData } = powerOn()
    command(0x60, 0x01)
    command(0xaa)
    readData()
    clock.advance(MS)
    expect(irq1.risingEdges).toBe(0)
  })
})

describe('devices behind it', () => {
  it('sends data to the keyboard and enables it', () => {
    const { command, send, poll, readData } = powerOn()
    command(0x60, 0x10)
    send(0xf2)
    expect(poll()).toEqual([0xfa, 0xab, 0x83])
    command(0x20)
    expect(readData()).toBe(0)
  })

  it('translates the id and the set number like everything else', () => {
    const { command, send, poll } = powerOn()
    command(0x60, 0x40)
    send(0xf2)
    expect(poll()).toEqual([0xfa, 0xab, 0x41])
    send(0xf0)
    send(0x00)
    expect(poll()).toEqual([0xfa, 0xfa, 0x41])
  })

  it('sends D4h data to the mouse, whose bytes are marked', () => {
    const { command, clock, status, readData, irq12 } = powerOn()
    command(0x60, 0x02)
    command(0xd4, 0xf4)
    clock.advance(2 * MS)
    expect(status() & 0x21).toBe(0x21)
    expect(irq12.level).toBe(true)
    expect(readData()).toBe(0xfa)
  })

  it('reports a timeout where no mouse is plugged in', () => {
    const { command, status, readData } = powerOn({ withMouse: false })
    command(0xd4, 0xff)
    expect(status() & 0x61).toBe(0x61)
    expect(readData()).toBe(0xfe)
    expect(status() & 0x41).toBe(0)
  })
})

describe('translation', () => {
  it('makes every one of the 128 set 2 codes a different set 1 code', () => {
    const translator = new Set2Translator()
    const codes = Array.from({ length: 128 }, (_, byte) => translator.translate(byte))
    expect(new Set(codes).size).toBe(128)
  })

  it('turns the break prefix into bit 7, F7 and SysRq included, and passes answers', () => {
    const translator = new Set2Translator()
    const translate = (...bytes: number[]) => bytes.map((byte) => translator.translate(byte))
    expect(translate(0xe0, 0xf0, 0x75)).toEqual([0xe0, null, 0xc8])
    expect(translate(0x83, 0xf0, 0x84)).toEqual([0x41, null, 0xd4])
    expect(translate(0xfa, 0xaa, 0xfe, 0xee)).toEqual([0xfa, 0xaa, 0xfe, 0xee])
  })
})

it('goes on from a saved state in the middle of a byte', () => {
  const { command, keyboard, clock, irq1, a20, controller, readData, poll } = powerOn()
  command(0x60, 0x41)
  command(0xdd)
  clock.advance(10 * MS)
  keyboard.key('KeyA', true)
  keyboard.key('ArrowUp', true)
  const saved = structuredClone(controller.save())
  const keys = structuredClone(keyboard.save())
  controller.reset()
  keyboard.reset()
  expect(controller.save()).not.toEqual(saved)
  expect(a20.level).toBe(true)

  controller.restore(saved)
  keyboard.restore(keys)

  expect(controller.save()).toEqual(saved)
  expect(a20.level).toBe(false)
  clock.advance(50_000)
  expect(irq1.level).toBe(true)
  expect(readData()).toBe(0x1e)
  expect(poll()).toEqual([0xe0, 0x48])
  expect(() => controller.restore({ ...saved, RAM: [1] })).toThrow('state-invalid')
})

it('survives any register order with bounded state', () => {
  const { controller, keyboard, mouse, clock } = powerOn()
  let seed = 7
  const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8
  const keys = ['KeyA', 'Pause', 'PrintScreen', 'ShiftLeft', 'Home', 'NoSuchKey']
  for (let index = 0; index < 50_000; index++) {
    const kind = random() % 8
    if (kind === 0) controller.dataPort.read(0, 1)
    else if (kind === 1) controller.commandPort.read(0, 1)
    else if (kind < 4) controller.dataPort.write(0, random() & 0xff, 1)
    else if (kind < 5) controller.commandPort.write(0, random() & 0xff, 1)
    else if (kind < 6) keyboard.key(keys[random() % keys.length]!, random() % 2 === 0)
    else if (kind < 7)
      mouse.move((random() % 900) - 450, (random() % 900) - 450, (random() % 9) - 4, random() & 31)
    else clock.advance(random() % (2 * MS))
  }
  for (const device of [controller, keyboard, mouse]) {
    const saved = structuredClone(device.save())
    device.restore(saved)
    expect(device.save()).toEqual(saved)
  }
})

import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Uart } from './uart.ts'

const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7] as const
const FCR = IIR
/** One character of 8N1 at 115200 baud, rounded up. */
const CHARACTER = 86_806

function powerOn(paced = false) {
  const clock = new ManualClock()
  const irq = new RecordingLine()
  const uart = new Uart({ id: 'uart0', paced }, clock, irq)
  uart.reset()
  const sent: number[] = []
  uart.onOutput((bytes) => sent.push(...bytes))
  uart.write(LCR, 0x83)
  uart.write(0, 1)
  uart.write(1, 0)
  uart.write(LCR, 0x03)
  uart.write(MCR, 0x0b) // DTR, RTS, OUT2
  uart.read(MSR)
  const type = (...bytes: number[]) => uart.input(Uint8Array.from(bytes))
  const sentNow = () => {
    uart.flush()
    return sent
  }
  return { clock, irq, uart, type, sentNow }
}

describe('registers', () => {
  it('hold the divisor behind DLAB, and the scratch byte', () => {
    const { uart } = powerOn()
    uart.write(LCR, 0x83)
    uart.write(0, 0x80)
    uart.write(1, 0x01)
    expect([uart.read(0), uart.read(1)]).toEqual([0x80, 0x01])
    uart.write(LCR, 0x03)
    expect([uart.read(LCR), uart.read(IER)]).toEqual([0x03, 0])

    uart.write(SCR, 0xa5)
    expect(uart.read(SCR)).toBe(0xa5)
  })

  it('keep unused bits zero, by which chips are told apart', () => {
    const { uart } = powerOn()
    uart.write(IER, 0xff)
    uart.write(MCR, 0xff)
    expect([uart.read(IER), uart.read(MCR)]).toEqual([0x0f, 0x1f])
  })

  it('identify a 16550A by both FIFO bits', () => {
    const { uart } = powerOn()
    expect(uart.read(IIR)).toBe(0x01)
    uart.write(FCR, 0x01)
    expect(uart.read(IIR)).toBe(0xc1)
    uart.write(FCR, 0x00)
    expect(uart.read(IIR)).toBe(0x01)
  })
})

describe('transmitter', () => {
  it('is empty again at once by default', () => {
    const { uart, sentNow } = powerOn()
    for (const byte of [0x4f, 0x4b]) {
      expect(uart.read(LSR) & 0x60).toBe(0x60)
      uart.write(RBR, byte)
    }
    expect(sentNow()).toEqual([0x4f, 0x4b])
  })

  it('interrupts when its interrupt is enabled while empty, and after each character', () => {
    const { uart, irq } = powerOn()
    uart.write(IER, 2)
    expect(irq.risingEdges).toBe(1)
    expect(uart.read(IIR)).toBe(0x02)
    expect(irq.level).toBe(false) // reading IIR acknowledges it
    expect(uart.read(IIR)).toBe(0x01)

    uart.write(RBR, 0x41)
    expect(irq.risingEdges).toBe(2)
    uart.write(RBR, 0x42) // a new edge for an edge-triggered controller
    expect(irq.risingEdges).toBe(3)
  })

  it('takes the time of the line when paced: holding register first, then the shift register', () => {
    const { uart, clock, sentNow } = powerOn(true)
    uart.write(RBR, 1) // moves to the shift register
    uart.write(RBR, 2)
    expect(uart.read(LSR) & 0x60).toBe(0)

    clock.advance(CHARACTER)
    expect(sentNow()).toEqual([1])
    expect(uart.read(LSR) & 0x60).toBe(0x20)
    clock.advance(CHARACTER)
    expect(uart.read(LSR) & 0x60).toBe(0x60)
    expect(sentNow()).toEqual([1, 2])
  })

  it('sends words of the length that LCR gives', () => {
    const { uart, sentNow } = powerOn()
    uart.write(LCR, 0x02)
    uart.write(RBR, 0xff)
    expect(sentNow()).toEqual([0x7f])
  })
})

describe('receiver', () => {
  it('without FIFO reports received data, never a timeout', () => {
    const { uart, irq, clock, type } = powerOn()
    uart.write(IER, 1)
    type(0x41)
    clock.advance(10 * CHARACTER)

    expect(uart.read(IIR)).toBe(0x04)
    expect(uart.read(LSR) & 1).toBe(1)
    expect(uart.read(RBR)).toBe(0x41)
    expect(irq.level).toBe(false)
    expect(uart.read(LSR) & 1).toBe(0)
  })

  it('feeds characters at the rate of the line and loses none', () => {
    const { uart, clock, type } = powerOn()
    type(1, 2, 3)
    clock.advance(10 * CHARACTER)
    const got = []
    for (let index = 0; index < 3; index++) {
      got.push(uart.read(RBR))
      expect(uart.read(LSR) & 3).toBe(0)
      clock.advance(CHARACTER)
    }
    expect(got).toEqual([1, 2, 3])
  })

  it.each([
    [0, 1],
    [1, 4],
    [2, 8],
    [3, 14],
  ])('interrupts at FIFO trigger level %i: %i characters', (level, characters) => {
    const { uart, irq, clock, type } = powerOn()
    uart.write(IER, 1)
    uart.write(FCR, (level << 6) | 1)
    type(...Array.from({ length: 15 }, (_, index) => index))

    clock.advance((characters - 0.5) * CHARACTER)
    expect(irq.level).toBe(false)
    clock.advance(CHARACTER)

    expect(uart.read(IIR)).toBe(0xc4)
  })

  it('times out after four characters of silence below the trigger level', () => {
    const { uart, irq, clock, type } = powerOn()
    uart.write(IER, 1)
    uart.write(FCR, 0xc1)
    type(7)
    clock.advance(3 * CHARACTER)
    expect(irq.level).toBe(false)

    clock.advance(2 * CHARACTER)

    expect(uart.read(IIR)).toBe(0xcc)
    uart.read(RBR)
    expect(uart.read(IIR)).toBe(0xc1)
  })

  it('holds 16 characters and leaves the rest waiting without an overrun', () => {
    const { uart, clock, type } = powerOn()
    uart.write(FCR, 1)
    type(...Array.from({ length: 20 }, (_, index) => index))
    clock.advance(100 * CHARACTER)
    expect(uart.read(LSR) & 0x03).toBe(1)

    const got = []
    while (uart.read(LSR) & 1) {
      got.push(uart.read(RBR))
      clock.advance(CHARACTER)
    }
    expect(got).toHaveLength(20)
  })

  it('waits while RTS is low once the guest uses it, but feeds polling code that never raised it', () => {
    const { uart, clock, type } = powerOn()
    uart.write(MCR, 0x09)
    type(1)
    clock.advance(10 * CHARACTER)
    expect(uart.read(LSR) & 1).toBe(0)
    uart.write(MCR, 0x0b)
    clock.advance(CHARACTER)
    expect(uart.read(LSR) & 1).toBe(1)

    const fresh = new Uart({ id: 'uart1' }, clock, new RecordingLine())
    fresh.input(Uint8Array.of(1))
    clock.advance(20 * CHARACTER)
    expect(fresh.read(LSR) & 1).toBe(1)
  })

  it('keeps at most 64 KiB waiting', () => {
    const { uart } = powerOn()
    for (let index = 0; index < 5; index++) uart.input(new Uint8Array(50_000))
    expect(uart.save().input).toHaveLength(65_536)
  })

  it('drops characters when a FIFO is cleared or switched', () => {
    const { uart, clock, type } = powerOn()
    uart.write(FCR, 1)
    type(1, 2)
    clock.advance(5 * CHARACTER)
    uart.write(FCR, 3)
    expect(uart.read(LSR) & 1).toBe(0)
  })
})

describe('line status', () => {
  it('reports a break with a zero character as the interrupt of highest priority', () => {
    const { uart } = powerOn()
    uart.write(IER, 0x0f)
    uart.inputBreak()
    expect(uart.read(IIR)).toBe(0x06)
    expect(uart.read(LSR) & 0x11).toBe(0x11)
    expect(uart.read(IIR)).toBe(0x04)
    expect(uart.read(RBR)).toBe(0)
  })

  it('shows an error in the FIFO when its character comes to the top', () => {
    const { uart, clock, type } = powerOn()
    uart.write(FCR, 1)
    type(0x41)
    clock.advance(CHARACTER)
    uart.inputBreak()
    expect(uart.read(LSR) & 0x90).toBe(0x80)
    uart.read(RBR)
    expect(uart.read(LSR) & 0x90).toBe(0x90)
    expect(uart.read(LSR) & 0x90).toBe(0)
  })

  it('reports an overrun in loopback: the newer character wins without FIFO, the older ones with', () => {
    const { uart } = powerOn()
    uart.write(MCR, 0x10)
    uart.write(RBR, 1)
    uart.write(RBR, 2)
    expect(uart.read(LSR) & 2).toBe(2)
    expect(uart.read(LSR) & 2).toBe(0)
    expect(uart.read(RBR)).toBe(2)

    uart.write(FCR, 1)
    for (let index = 0; index < 17; index++) uart.write(RBR, index)
    expect(uart.read(LSR) & 2).toBe(2)
    expect(Array.from({ length: 16 }, () => uart.read(RBR))).toEqual([...Array(16).keys()])
  })
})

describe('loopback', () => {
  it('returns what is sent and sends nothing out', () => {
    const { uart, sentNow } = powerOn()
    uart.write(MCR, 0x1b)
    uart.write(RBR, 0xae)
    expect(uart.read(RBR)).toBe(0xae)
    expect(sentNow()).toEqual([])
  })

  it('turns modem outputs into inputs with deltas', () => {
    const { uart } = powerOn()
    uart.write(MCR, 0x10)
    uart.read(MSR)
    uart.write(MCR, 0x1a) // RTS and OUT2: the test for a serial port of old Linux
    expect(uart.read(MSR)).toBe(0x90 | 0x09)
    expect(uart.read(MSR)).toBe(0x90)

    uart.write(MCR, 0x14)
    uart.read(MSR)
    uart.write(MCR, 0x10) // RI falls: trailing edge
    expect(uart.read(MSR)).toBe(0x04)
  })

  it('answers a break with a break', () => {
    const { uart } = powerOn()
    uart.write(MCR, 0x10)
    uart.write(LCR, 0x43)
    expect(uart.read(LSR) & 0x11).toBe(0x11)
  })
})

describe('modem status', () => {
  it('interrupts on a change with the lowest priority', () => {
    const { uart, irq } = powerOn()
    uart.write(IER, 8)
    uart.setModemInputs({ cts: false, dsr: true, ri: false, dcd: true })
    expect(irq.level).toBe(true)
    expect(uart.read(IIR)).toBe(0x00)
    expect(uart.read(MSR)).toBe(0xa1)
    expect(irq.level).toBe(false)
  })

  it('tells when DTR and RTS change', () => {
    const { uart } = powerOn()
    const seen: unknown[] = []
    uart.onModemControl((lines) => seen.push(lines))
    uart.write(MCR, 0)
    uart.write(MCR, 3)
    expect(seen).toEqual([
      { dtr: false, rts: false },
      { dtr: true, rts: true },
    ])
  })
})

it('interrupts only through OUT2', () => {
  const { uart, irq } = powerOn()
  uart.write(MCR, 3)
  uart.write(IER, 2)
  expect(irq.level).toBe(false)
  uart.write(MCR, 0x0b)
  expect(irq.level).toBe(true)
})

it('goes on from a saved state: characters, waiting input, timers and interrupt', () => {
  const { uart, irq, clock, type } = powerOn(true)
  uart.write(FCR, 0xc1)
  uart.write(IER, 1)
  type(1, 2, 3)
  uart.write(RBR, 0x55)
  clock.advance(1.5 * CHARACTER)
  const saved = structuredClone(uart.save())
  uart.reset()
  expect(uart.save()).not.toEqual(saved)

  uart.restore(saved)

  expect(uart.save()).toEqual(saved)
  clock.advance(8 * CHARACTER)
  expect(irq.level).toBe(true)
  expect([1, 2, 3].map(() => uart.read(RBR))).toEqual([1, 2, 3])
  expect(() => uart.restore({ ...saved, received: Array(17).fill(0) })).toThrow('state-invalid')
})

it('survives any register order', () => {
  const { uart, clock } = powerOn(true)
  let seed = 1
  const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8
  for (let index = 0; index < 20_000; index++) {
    const kind = random() % 10
    if (kind < 4) uart.read(random() & 7)
    else if (kind < 8) uart.write(random() & 7, random() & 0xff)
    else if (kind < 9) uart.input(Uint8Array.of(random() & 0xff))
    else clock.advance(random() % 1_000_000)
  }
  expect(uart.read(LSR)).toBeLessThan(0x100)
})

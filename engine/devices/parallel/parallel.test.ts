import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Parallel } from './parallel.ts'

function powerOn() {
  const clock = new ManualClock()
  const irq = new RecordingLine()
  const port = new Parallel({ id: 'parallel0' }, clock, irq)
  const printed: number[] = []
  port.onOutput((bytes) => printed.push(...bytes))
  return { clock, irq, port, printed }
}

it('prints the data register at each strobe', () => {
  const { clock, irq, port, printed } = powerOn()
  for (const byte of [0x48, 0x69]) {
    port.write(0, byte)
    port.write(2, 0x0d)
    port.write(2, 0x0d) // holding it is no second strobe
    port.write(2, 0x0c)
  }
  clock.advance(10_000_000)

  expect(printed).toEqual([0x48, 0x69])
  expect(irq.risingEdges).toBe(0)
})

it('interrupts by ACK# when enabled', () => {
  const { irq, port } = powerOn()
  port.write(2, 0x1d)
  expect(irq.risingEdges).toBe(1)
  expect(irq.level).toBe(false)
})

it('reads back data and control, and a printer that is ready', () => {
  const { port } = powerOn()
  port.write(0, 0xa5)
  port.write(2, 0x0c)
  expect([0, 1, 2].map((offset) => port.read(offset))).toEqual([0xa5, 0xdf, 0xcc])

  port.write(2, 0x2c)
  expect(port.read(0)).toBe(0xff)
})

it('restores what it saved', () => {
  const { port } = powerOn()
  port.write(0, 0xa5)
  port.write(2, 0x1d)
  const saved = structuredClone(port.save())
  port.reset()
  expect(port.save()).not.toEqual(saved)

  port.restore(saved)

  expect(port.save()).toEqual(saved)
  expect(() => port.restore({ ...saved, data: 256 })).toThrow('state-invalid')
})

import { describe, expect, it } from 'vitest'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Piix3, type ResetKind } from './piix3.ts'

function powerOn() {
  const irqs = Array.from({ length: 16 }, () => new RecordingLine())
  const resets: ResetKind[] = []
  const bridge = new Piix3(irqs, (kind) => resets.push(kind))
  bridge.reset()
  return { irqs, resets, bridge }
}

describe('interrupt routing', () => {
  it('is off after reset', () => {
    const { bridge, irqs } = powerOn()
    expect(bridge.pci.read(0x60, 4)).toBe(0x80808080)

    bridge.pirqs[0].set(true)

    expect(irqs.some((irq) => irq.level)).toBe(false)
  })

  it('moves an active request when it is reprogrammed', () => {
    const { bridge, irqs } = powerOn()
    bridge.pci.write(0x60, 11, 1)
    bridge.pirqs[0].set(true)
    expect(irqs[11]!.level).toBe(true)

    bridge.pci.write(0x60, 10, 1)

    expect(irqs[11]!.level).toBe(false)
    expect(irqs[10]!.level).toBe(true)
  })

  it('shares one ISA interrupt between several requests by level', () => {
    const { bridge, irqs } = powerOn()
    bridge.pci.write(0x60, 0x0b0b0b0b, 4)
    bridge.pirqs[0].set(true)
    bridge.pirqs[3].set(true)
    bridge.pirqs[0].set(false)
    expect(irqs[11]!.level).toBe(true)

    bridge.pirqs[3].set(false)
    expect(irqs[11]!.level).toBe(false)
  })

  it('never drives interrupts that belong to the board: 0, 1, 2, 8, 13', () => {
    const { bridge, irqs } = powerOn()
    bridge.pirqs[0].set(true)
    for (let irq = 0; irq < 16; irq++) bridge.pci.write(0x60, irq, 1)

    expect(irqs.flatMap((irq, index) => (irq.risingEdges ? [index] : []))).toEqual([
      3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15,
    ])
  })
})

describe('reset control register', () => {
  it('resets the machine by 02h then 06h', () => {
    const { bridge, resets } = powerOn()

    bridge.resetControl.write(1, 0x02, 1)
    expect(resets).toEqual([])
    bridge.resetControl.write(1, 0x06, 1)

    expect(resets).toEqual(['machine'])
  })

  it('resets the machine by 06h alone, as the ACPI tables tell systems to, and is clear again afterwards', () => {
    const { bridge, resets } = powerOn()

    bridge.resetControl.write(1, 0x06, 1)
    bridge.reset()
    expect(bridge.resetControl.read(1, 1)).toBe(0)
    bridge.resetControl.write(1, 0x06, 1)

    expect(resets).toEqual(['machine', 'machine'])
  })

  it('keeps the kind of reset for the write that asks for one, and no reserved bits', () => {
    const { bridge, resets } = powerOn()

    bridge.resetControl.write(1, 0xfb, 1)

    expect([bridge.resetControl.read(1, 1), resets]).toEqual([0x02, []])
    expect(bridge.resetControl.read(0, 1)).toBe(0xff)
  })

  it('resets only the processor without the hard bit, and only on the rising edge', () => {
    const { bridge, resets } = powerOn()

    bridge.resetControl.write(1, 0x04, 1)
    bridge.resetControl.write(1, 0x04, 1)

    expect(resets).toEqual(['cpu'])
  })
})

it('drives its lines again from a saved state, and refuses a bad one', () => {
  const { bridge, irqs } = powerOn()
  bridge.pci.write(0x61, 5, 1)
  bridge.pirqs[1].set(true)
  const saved = structuredClone(bridge.save())
  bridge.reset()
  expect(irqs[5]!.level).toBe(false)

  bridge.restore(saved)

  expect(irqs[5]!.level).toBe(true)
  expect(bridge.save()).toEqual(saved)
  expect(() => bridge.restore({ ...saved, pirq: 16 })).toThrow('state-invalid')
})

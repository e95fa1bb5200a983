import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { PortMap } from '../../bus/port-map.ts'
import { AcpiPm } from './acpi-pm.ts'

const BASE = 0x600
const PMSTS = BASE
const PMEN = BASE + 2
const PMCNTRL = BASE + 4
const PMTMR = BASE + 8

function powerOn(timerBits: 24 | 32 = 24, smi?: () => void) {
  const clock = new ManualClock()
  const ports = new PortMap()
  const sci = new RecordingLine()
  const calls = { powerOff: 0 }
  const pm = new AcpiPm({
    clock,
    ports,
    sci,
    powerOff: () => calls.powerOff++,
    timerBits,
    ...(smi && { smi }),
  })
  pm.reset()
  pm.pci.write(0x40, BASE, 4)
  pm.pci.write(0x80, 1, 1)
  return { clock, ports, sci, calls, pm }
}

describe('PM timer', () => {
  it('counts 3579545 ticks per second', () => {
    const { clock, ports } = powerOn()
    const start = ports.read(PMTMR, 4)

    clock.advance(1_000_000_000)

    expect(ports.read(PMTMR, 4) - start).toBe(3579545)
  })

  it('advances on every read even when time does not', () => {
    const { ports } = powerOn()
    const reads = [1, 2, 3].map(() => ports.read(PMTMR, 4))

    expect(reads).toEqual([reads[0], reads[0]! + 1, reads[0]! + 2])
  })

  it.each([
    [24, 0xffffff],
    [32, 0xffffffff],
  ] as const)('is %i bits wide', (width, largest) => {
    const { clock, ports } = powerOn(width)
    clock.advance((2 ** width / 3579545) * 1e9 - 1e6)
    expect(ports.read(PMTMR, 4)).toBeGreaterThan(largest - 4000)

    clock.advance(2e6)

    expect(ports.read(PMTMR, 4)).toBeLessThan(4000)
  })

  it('interrupts when its top bit changes', () => {
    const { clock, ports, sci } = powerOn()
    ports.write(PMEN, 1, 2)
    ports.write(PMCNTRL, 1, 2)
    clock.advance(2.3e9)
    expect(sci.level).toBe(false)

    clock.advance(0.1e9) // 2^23 ticks are 2.34 s
    expect(sci.level).toBe(true)
    expect(ports.read(PMSTS, 2) & 1).toBe(1)

    ports.write(PMSTS, 1, 2)
    expect(sci.level).toBe(false)
    clock.advance(2.4e9)
    expect(sci.risingEdges).toBe(2)
  })
})

describe('power button', () => {
  it('switches a system without ACPI off', () => {
    const { pm, calls } = powerOn()
    pm.pressPowerButton()
    expect(calls.powerOff).toBe(1)
  })

  it('raises the SCI for one with ACPI until its status is cleared', () => {
    const { pm, ports, sci, calls } = powerOn()
    ports.write(0x600 + 2, 0x100, 2)
    pm.apmPorts.write(0, 0xf1, 1)
    expect(ports.read(PMCNTRL, 2) & 1).toBe(1)

    pm.pressPowerButton()
    expect(sci.level).toBe(true)
    expect(calls.powerOff).toBe(0)

    ports.write(PMSTS + 1, 0x01, 1) // a byte reaches bits 8 to 15
    expect(sci.level).toBe(false)
    expect(ports.read(PMSTS, 2)).toBe(0)
  })
})

it('enters S5 by SLP_TYP 0 with SLP_EN and wakes from any other state at once', () => {
  const { ports, calls } = powerOn()
  ports.write(PMCNTRL, (1 << 10) | (1 << 13), 2)
  expect(calls.powerOff).toBe(0)
  expect(ports.read(PMSTS, 2) & 0x8000).toBe(0x8000)

  ports.write(PMCNTRL, 1 << 13, 2)

  expect(calls.powerOff).toBe(1)
  expect(ports.read(PMCNTRL, 2) & (1 << 13)).toBe(0)
})

it('leaves ACPI mode by the SMI command port and keeps the status port', () => {
  const { pm, ports } = powerOn()
  pm.apmPorts.write(0, 0xf1, 1)
  pm.apmPorts.write(0, 0xf0, 1)
  pm.apmPorts.write(1, 0x77, 1)

  expect(ports.read(PMCNTRL, 2) & 1).toBe(0)
  expect([0, 1].map((offset) => pm.apmPorts.read(offset, 1))).toEqual([0xf0, 0x77])
})

describe('SMIs of the command port', () => {
  const DEVACTB = 0x58
  const APMC_EN = 0x02000000
  const GLBSTS = BASE + 0x20
  const GLBCTL = BASE + 0x28

  it('come once both DEVACTB and GLBCTL enable them, and are noted until the status is cleared', () => {
    let raised = 0
    const { ports, pm } = powerOn(24, () => raised++)
    expect(pm.pci.read(DEVACTB, 4) & APMC_EN).toBe(0)
    pm.apmPorts.write(0, 1, 1)
    pm.pci.write(DEVACTB, APMC_EN, 4)
    pm.apmPorts.write(0, 1, 1)
    expect(raised).toBe(0)
    ports.write(GLBCTL, 1, 4)
    pm.apmPorts.write(1, 1, 1) // the status port raises none
    pm.apmPorts.write(0, 0x55, 1)
    expect(raised).toBe(1)
    expect(pm.apmPorts.read(0, 1)).toBe(0x55)
    expect(ports.read(GLBSTS, 2)).toBe(0x20)
    ports.write(GLBSTS, 0x20, 2)
    expect(ports.read(GLBSTS, 2)).toBe(0)
  })

  it('are enabled already where the processor has none, so that nobody waits for one', () => {
    expect(powerOn().pm.pci.read(DEVACTB, 4) & APMC_EN).toBe(APMC_EN)
  })
})

it('raises general purpose events by level', () => {
  const { pm, ports, sci } = powerOn()
  ports.write(PMCNTRL, 1, 2)
  ports.write(BASE + 0x0e, 1 << 3, 2)

  pm.raiseEvent(3)
  expect(sci.level).toBe(true)
  ports.write(BASE + 0x0c, 1 << 3, 2)

  expect(sci.level).toBe(false)
})

it('moves with PMBASE and disappears with PMREGMISC', () => {
  const { pm, ports } = powerOn()

  pm.pci.write(0x40, 0xb000, 4)
  expect(ports.isFree(BASE, 64)).toBe(true)
  expect(ports.isFree(0xb000, 64)).toBe(false)

  pm.pci.write(0x80, 0, 1)
  expect(ports.isFree(0xb000, 64)).toBe(true)
})

it('finds nothing on the SMBus', () => {
  const { pm, ports } = powerOn()
  pm.pci.write(0x90, 0x700, 4)
  pm.pci.write(0xd2, 1, 1)

  ports.write(0x702, 0x48, 1) // start a byte read

  expect(ports.read(0x700, 1)).toBe(0x04)
  ports.write(0x700, 0xff, 1)
  expect(ports.read(0x700, 1)).toBe(0)
})

it('goes on from a saved state with the same interrupt and the same timer', () => {
  const { pm, ports, sci, clock } = powerOn()
  ports.write(PMEN, 0x101, 2)
  ports.write(PMCNTRL, 1, 2)
  pm.pressPowerButton()
  ports.read(PMTMR, 4)
  const saved = structuredClone(pm.save())
  pm.reset()
  expect(sci.level).toBe(false)

  pm.restore(saved)

  expect(pm.save()).toEqual(saved)
  expect(sci.level).toBe(true)
  ports.write(PMSTS, 0x100, 2)
  clock.advance(2.4e9)
  expect(sci.level).toBe(true)
  expect(() => pm.restore({ ...saved, PMEN: -1 })).toThrow('state-invalid')
})

import { describe, expect, it } from 'vitest'
import { pulse } from '../../base/line.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { PicPair } from './pic-pair.ts'

function powerOn(options: { icw1?: number; icw4?: number } = {}) {
  const intr = new RecordingLine()
  const pic = new PicPair(intr)
  const { icw1 = 0x11, icw4 = 0x01 } = options
  for (const [chip, base, icw3] of [
    [pic.master, 0x08, 0x04],
    [pic.slave, 0x70, 0x02],
  ] as const) {
    chip.write(0, icw1, 1)
    chip.write(1, base, 1)
    chip.write(1, icw3, 1)
    chip.write(1, icw4, 1)
  }
  const irq = (n: number, high = true) => pic.inputs[n]!.set(high)
  const isr = (chip: 'master' | 'slave' = 'master') => {
    pic[chip].write(0, 0x0b, 1)
    return pic[chip].read(0, 1)
  }
  const irr = (chip: 'master' | 'slave' = 'master') => {
    pic[chip].write(0, 0x0a, 1)
    return pic[chip].read(0, 1)
  }
  const eoi = (chip: 'master' | 'slave' = 'master') => pic[chip].write(0, 0x20, 1)
  return { intr, pic, irq, isr, irr, eoi }
}

describe('requests and acknowledge', () => {
  it('gives the vector of the most urgent request', () => {
    const { intr, pic, irq, isr, irr } = powerOn()
    irq(4)
    irq(1)
    expect(intr.level).toBe(true)
    expect(pic.acknowledge()).toBe(0x09)
    expect(isr()).toBe(0x02)
    expect(irr()).toBe(0x10)
  })

  it('holds back less urgent requests until the end of interrupt', () => {
    const { intr, pic, irq, eoi } = powerOn()
    irq(1)
    pic.acknowledge()
    irq(4)
    expect(intr.level).toBe(false)
    eoi()
    expect(intr.level).toBe(true)
    expect(pic.acknowledge()).toBe(0x0c)
  })

  it('lets a more urgent request interrupt a service', () => {
    const { intr, pic, irq } = powerOn()
    irq(4)
    pic.acknowledge()
    irq(0)
    expect(intr.level).toBe(true)
    expect(pic.acknowledge()).toBe(0x08)
  })

  it('does not repeat an edge-triggered request whose line stays high', () => {
    const { intr, pic, irq, eoi } = powerOn()
    irq(3)
    pic.acknowledge()
    eoi()
    expect(intr.level).toBe(false)
    pulse(pic.inputs[3]!)
    expect(intr.level).toBe(true)
  })

  it('masks without forgetting', () => {
    const { intr, pic, irq, irr } = powerOn()
    pic.master.write(1, 0xfb, 1)
    irq(0)
    expect(intr.level).toBe(false)
    expect(irr()).toBe(0x01)
    pic.master.write(1, 0xfa, 1)
    expect(intr.level).toBe(true)
    expect(pic.master.read(1, 1)).toBe(0xfa)
  })

  it('answers with IRQ 7, not in service, when the request went away', () => {
    const { intr, pic, irq, isr } = powerOn()
    irq(3)
    irq(3, false)
    expect(intr.level).toBe(false)
    expect(pic.acknowledge()).toBe(0x0f)
    expect(isr()).toBe(0)
  })
})

describe('slave', () => {
  it('gives its own vector and needs two ends of interrupt', () => {
    const { intr, pic, irq, isr, eoi } = powerOn()
    irq(14)
    expect(pic.acknowledge()).toBe(0x76)
    expect(isr('master')).toBe(0x04)
    expect(isr('slave')).toBe(0x40)
    irq(15)
    eoi('slave')
    expect(intr.level).toBe(false)
    eoi('master')
    expect(intr.level).toBe(true)
    expect(pic.acknowledge()).toBe(0x77)
  })

  it('answers with IRQ 15 when its request is gone by the second acknowledge; the master is in service', () => {
    const { pic, isr } = powerOn()
    pic.master.setInput(2, true)
    expect(pic.acknowledge()).toBe(0x77)
    expect(isr('slave')).toBe(0)
    expect(isr('master')).toBe(0x04)
  })

  it('is heard again at once in automatic end of interrupt mode', () => {
    const { intr, pic, irq } = powerOn({ icw4: 0x03 })
    irq(8)
    irq(12)
    expect(pic.acknowledge()).toBe(0x70)
    expect(intr.level).toBe(true)
    expect(pic.acknowledge()).toBe(0x74)
    expect(intr.level).toBe(false)
  })

  it('nests within itself in special fully nested mode only', () => {
    for (const [icw4, nested] of [
      [0x01, false],
      [0x11, true],
    ] as const) {
      const { intr, pic, irq } = powerOn({ icw4 })
      irq(14)
      pic.acknowledge()
      irq(8)
      expect(intr.level).toBe(nested)
      irq(5)
      expect(intr.level).toBe(nested)
      if (nested) expect(pic.acknowledge()).toBe(0x70)
    }
  })

  it('ignores the request line of the cascade', () => {
    const { intr, irq } = powerOn()
    irq(2)
    expect(intr.level).toBe(false)
  })
})

describe('level-triggered inputs (NT 4 and later, PCI)', () => {
  it('asks again after the end of interrupt while the line is high', () => {
    const { intr, pic, irq, eoi } = powerOn()
    pic.elcr.write(1, 0x08, 1)
    irq(11)
    expect(pic.acknowledge()).toBe(0x73)
    expect(intr.level).toBe(false)
    eoi('slave')
    eoi('master')
    expect(intr.level).toBe(true)
    pic.acknowledge()
    irq(11, false)
    eoi('slave')
    eoi('master')
    expect(intr.level).toBe(false)
  })

  it('keeps the system inputs edge-triggered', () => {
    const { pic } = powerOn()
    pic.elcr.write(0, 0xff, 1)
    pic.elcr.write(1, 0xff, 1)
    expect(pic.elcr.read(0, 1)).toBe(0xf8)
    expect(pic.elcr.read(1, 1)).toBe(0xde)
  })

  it('applies to all inputs with ICW1.LTIM', () => {
    const { intr, pic, irq, eoi } = powerOn({ icw1: 0x19 })
    irq(0)
    pic.acknowledge()
    eoi()
    expect(intr.level).toBe(true)
  })
})

describe('initialisation', () => {
  it('unmasks everything and forgets requests and services', () => {
    const { intr, pic, irq, isr, irr } = powerOn()
    pic.master.write(1, 0xff, 1)
    irq(3)
    pic.master.write(0, 0x11, 1)
    pic.master.write(1, 0x20, 1)
    pic.master.write(1, 0x04, 1)
    pic.master.write(1, 0x01, 1)
    expect(pic.master.read(1, 1)).toBe(0)
    expect([isr(), irr()]).toEqual([0, 0])
    expect(intr.level).toBe(false)
    pulse(pic.inputs[3]!)
    expect(pic.acknowledge()).toBe(0x23)
  })

  it('skips ICW3 for a single chip and ICW4 when told so', () => {
    const { pic } = powerOn()
    pic.master.write(0, 0x12, 1)
    pic.master.write(1, 0x40, 1)
    pic.master.write(1, 0x5a, 1)
    expect(pic.master.read(1, 1)).toBe(0x5a)
  })

  it('starts with IRR selected for reading', () => {
    const { pic, irq, isr } = powerOn()
    irq(6)
    pic.acknowledge()
    expect(isr()).toBe(0x40)
    pic.master.write(0, 0x13, 1)
    expect(pic.master.read(0, 1)).toBe(0)
  })
})

describe('operation commands', () => {
  it('ends a given level', () => {
    const { pic, irq, isr } = powerOn()
    irq(5)
    pic.acknowledge()
    irq(3)
    pic.acknowledge()
    pic.master.write(0, 0x65, 1)
    expect(isr()).toBe(0x08)
  })

  it('sets the priority (C0h-C7h: OS/2 4, FreeBSD)', () => {
    const { pic, irq } = powerOn()
    pic.master.write(0, 0xc3, 1)
    irq(0)
    irq(4)
    expect(pic.acknowledge()).toBe(0x0c)
  })

  it('rotates on end of interrupt', () => {
    const { pic, irq } = powerOn()
    irq(3)
    pic.acknowledge()
    pic.master.write(0, 0xa0, 1)
    pulse(pic.inputs[3]!)
    irq(6)
    expect(pic.acknowledge()).toBe(0x0e)
  })

  it('rotates on automatic end of interrupt', () => {
    const { pic, irq } = powerOn({ icw4: 0x03 })
    pic.master.write(0, 0x80, 1)
    irq(3)
    expect(pic.acknowledge()).toBe(0x0b)
    pulse(pic.inputs[3]!)
    irq(4)
    expect(pic.acknowledge()).toBe(0x0c)
  })

  it('lets less urgent requests through in special mask mode', () => {
    const { intr, pic, irq, isr, eoi } = powerOn()
    irq(1)
    pic.acknowledge()
    irq(6)
    expect(intr.level).toBe(false)
    pic.master.write(1, 0x02, 1)
    pic.master.write(0, 0x68, 1)
    expect(intr.level).toBe(true)
    expect(pic.acknowledge()).toBe(0x0e)
    eoi()
    expect(isr()).toBe(0x02)
    pic.master.write(0, 0x48, 1)
    eoi()
    expect(isr()).toBe(0)
  })

  it('acknowledges by polling (386BSD)', () => {
    const { intr, pic, irq, isr } = powerOn()
    pic.master.write(0, 0x0c, 1)
    expect(pic.master.read(0, 1)).toBe(0)
    irq(4)
    pic.master.write(0, 0x0c, 1)
    expect(pic.master.read(0, 1)).toBe(0x84)
    expect(intr.level).toBe(false)
    expect(isr()).toBe(0x10)
  })
})

describe('state', () => {
  it('goes on after a restore', () => {
    const { intr, pic, irq } = powerOn()
    irq(4)
    irq(9)
    const saved = structuredClone(pic.save())
    const other = new RecordingLine()
    const copy = new PicPair(other)
    copy.restore(saved)
    expect(copy.save()).toEqual(saved)
    expect(other.level).toBe(intr.level)
    expect([copy.acknowledge(), pic.acknowledge()]).toEqual([0x71, 0x71])
  })

  it('refuses a state with a field out of range, changing nothing', () => {
    const { pic } = powerOn()
    const saved = pic.save()
    expect(() => pic.restore({ ...saved, master: { ...saved.master, isr: 256 } })).toThrow('state-invalid')
    expect(pic.save()).toEqual(saved)
  })

  it('releases INTR on reset', () => {
    const { intr, pic, irq } = powerOn()
    irq(1)
    pic.reset()
    expect(intr.level).toBe(false)
    expect(pic.save()).toEqual(new PicPair(new RecordingLine()).save())
  })
})

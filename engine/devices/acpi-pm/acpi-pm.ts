import * as v from 'valibot'
import type { Clock } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import { PCI, PciFunction, pciStateSchema } from '../../bus/pci-function.ts'
import { PortWindow } from '../../bus/pci-window.ts'
import type { PortMap } from '../../bus/port-map.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import { PmTimer } from './pm-timer.ts'
import { SMBUS_PORTS, SmbusHost } from './smbus.ts'

const PMBASE = 0x40
const DEVACTB = 0x58
const PMREGMISC = 0x80
const SMBBA = 0x90
const SMBHSTCFG = 0xd2
const ENABLE = 1
/** Of DEVACTB: a write to APMC raises an SMI. */
const APMC_EN = 0x02000000

/** Registers of the power management block, relative to PMBASE (82371AB datasheet, section 7.2). */
const PM = {
  PMSTS: 0x00,
  PMEN: 0x02,
  PMCNTRL: 0x04,
  PMTMR: 0x08,
  GPSTS: 0x0c,
  GPEN: 0x0e,
  GLBSTS: 0x20,
  GLBCTL: 0x28,
} as const
/** Of GLBSTS: an SMI came from APMC; of GLBCTL: SMIs are raised. */
const APM_STS = 1 << 5
const SMI_EN = 1
export const PM_PORTS = 64

const TMROF = 1 << 0
const PWRBTN = 1 << 8
const WAK = 1 << 15
/** TMROF, BM, GBL, PWRBTN, RTC, PWRBTNOR, RSM. */
const PMSTS_CLEARABLE = 0x8d31
/** TMROF, GBL, PWRBTN, RTC. */
const PMEN_MASK = 0x0521
const SCI_EN = 1 << 0
const SUS_EN = 1 << 13
/** SCI_EN, BRLD_EN_BM and SUS_TYP; GBL_RLS and SUS_EN act and read as zero. */
const PMCNTRL_MASK = 0x1c03
const SUS_TYP_SHIFT = 10
const SUS_TYP_SOFT_OFF = 0

/** What the guest writes to the SMI command port to turn ACPI mode on or off; the FADT must say the same. */
export const ACPI_ENABLE = 0xf1
export const ACPI_DISABLE = 0xf0
/** Ports of APMC (command) and APMS (status). */
export const APM_BASE = 0xb2

const schema = v.object({
  version: v.literal(1),
  pci: pciStateSchema,
  PMSTS: bits(16),
  PMEN: bits(16),
  PMCNTRL: bits(16),
  GPSTS: bits(16),
  GPEN: bits(16),
  APMC: bits(8),
  APMS: bits(8),
  scratch: v.pipe(v.instance(Uint8Array), v.length(PM_PORTS)),
  smbus: v.pipe(v.instance(Uint8Array), v.length(SMBUS_PORTS)),
  timer: v.object({
    lastRead: v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(2 ** 53 - 1)),
    carriesCleared: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 53 - 1)),
  }),
})

export interface AcpiPmWiring {
  clock: Clock
  ports: PortMap
  /** System control interrupt, level, active high here: ISA interrupt 9. */
  sci: Line
  /** The guest entered S5, or the button was pressed while no ACPI system runs. It acts after the access. */
  powerOff(): void
  /** SMI of a processor that has a system management mode; without it other firmware is told that all is set up. */
  smi?: () => void
  /** Width of the PM timer, 24 by default: the FADT flag TMR_VAL_EXT must agree. */
  timerBits?: 24 | 32
}

/**
 * Intel 82371AB (PIIX4) function 3, power management: PM1a event and control blocks, PM timer, one general
 * purpose event block, SMI command port and an empty SMBus.
 * @see Intel 82371AB datasheet 290562, section 7; ACPI 1.0, section 4.7
 */
export class AcpiPm implements Device {
  readonly id = 'acpi-pm'
  readonly pci: PciFunction
  /** APMC and APMS at B2h and B3h. */
  readonly apmPorts: BusDevice = {
    read: (offset) => (offset === 0 ? this.#apmc : this.#apms),
    write: (offset, value) => this.#writeApm(offset, value),
  }
  #pmsts = 0
  #pmen = 0
  #pmcntrl = 0
  #gpsts = 0
  #gpen = 0
  #apmc = 0
  #apms = 0
  /** Registers that only remember: clock control, device and global status, general purpose outputs. */
  #scratch = new Uint8Array(PM_PORTS)
  #smbus = new SmbusHost()
  #timer: PmTimer
  #pmWindow: PortWindow
  #smbusWindow: PortWindow

  constructor(private readonly wiring: AcpiPmWiring) {
    this.#timer = new PmTimer(wiring.clock, wiring.timerBits ?? 24, () => this.#update())
    const block: BusDevice = {
      read: (offset, size) => this.#read(offset, size),
      write: (offset, value, size) => this.#write(offset, value, size),
    }
    this.#pmWindow = new PortWindow(wiring.ports, { name: 'ACPI', length: PM_PORTS, width: 4 }, block)
    this.#smbusWindow = new PortWindow(wiring.ports, { name: 'SMBus', length: SMBUS_PORTS }, this.#smbus)
    this.pci = new PciFunction(
      {
        vendorId: 0x8086,
        deviceId: 0x7113,
        revision: 3,
        classCode: 0x068000,
        interruptPin: 1,
        commandMask: 0x0101,
      },
      [],
      () => this.#place(),
    )
    const { config } = this.pci
    config.define(PCI.interruptLine, 1, 9, 0xff)
    config.define(PMBASE, 4, 1, 0xffc0)
    config.define(0x44, 4, 0, 0xffffffff) // CNTA
    config.define(0x48, 4, 0, 0xffffffff) // CNTB
    config.define(0x4c, 4, 0, 0xffffffff) // GPICTL
    config.define(0x50, 4, 0, 0xffffffff) // DEVRESD
    config.define(0x54, 4, 0, 0xffffffff) // DEVACTA
    // Set it tells other firmware that system management is set up already.
    config.define(DEVACTB, 4, wiring.smi ? 0 : APMC_EN, 0xffffffff)
    for (let register = 0x5c; register < PMREGMISC; register += 4) config.define(register, 4, 0, 0xffffffff)
    config.define(PMREGMISC, 1, 0, ENABLE)
    config.define(SMBBA, 4, 1, 0xfff0)
    config.define(SMBHSTCFG, 1, 0, 0x0f)
    config.define(0xd3, 2, 0, 0xffff) // SMBSLVC, SMBSHDW1
  }

  reset(): void {
    this.#pmsts = this.#pmen = this.#pmcntrl = this.#gpsts = this.#gpen = this.#apmc = this.#apms = 0
    this.#scratch.fill(0)
    this.#smbus.registers.fill(0)
    this.#timer.reset()
    this.pci.reset()
    this.#place()
    this.#update()
  }

  /** The button on the case. A system without ACPI is switched off at once, as its firmware would. */
  pressPowerButton(): void {
    if (!(this.#pmcntrl & SCI_EN)) return this.wiring.powerOff()
    this.#pmsts |= PWRBTN
    this.#update()
  }

  /** Raises general purpose event 0 to 15, e.g. for hot plug. */
  raiseEvent(event: number): void {
    this.#gpsts |= 1 << (event & 15)
    this.#update()
  }

  save(): v.InferOutput<typeof schema> {
    return {
      version: 1,
      pci: this.pci.save(),
      PMSTS: this.#pmsts,
      PMEN: this.#pmen,
      PMCNTRL: this.#pmcntrl,
      GPSTS: this.#gpsts,
      GPEN: this.#gpen,
      APMC: this.#apmc,
      APMS: this.#apms,
      scratch: this.#scratch.slice(),
      smbus: this.#smbus.registers.slice(),
      timer: this.#timer.save(),
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#pmsts = saved.PMSTS & PMSTS_CLEARABLE
    this.#pmen = saved.PMEN & PMEN_MASK
    this.#pmcntrl = saved.PMCNTRL & PMCNTRL_MASK
    this.#gpsts = saved.GPSTS
    this.#gpen = saved.GPEN
    this.#apmc = saved.APMC
    this.#apms = saved.APMS
    this.#scratch.set(saved.scratch)
    this.#smbus.registers.set(saved.smbus)
    this.#timer.restore(saved.timer)
    this.pci.restore(saved.pci)
    this.#place()
    this.#update()
  }

  #place(): void {
    const { config } = this.pci
    const pmBase = config.get(PMBASE, 2) & 0xffc0
    this.#pmWindow.place(config.get(PMREGMISC, 1) & ENABLE && pmBase ? pmBase : null)
    const smbusBase = config.get(SMBBA, 2) & 0xfff0
    this.#smbusWindow.place(config.get(SMBHSTCFG, 1) & ENABLE && smbusBase ? smbusBase : null)
  }

  #read(offset: number, size: AccessSize): number {
    if ((offset & 3) + size > 4)
      return size === 2
        ? this.#read(offset, 1) | (this.#read(offset + 1, 1) << 8)
        : this.#read(offset, 2) + this.#read(offset + 2, 2) * 65536
    const wide = offset & ~3
    const dword =
      wide === PM.PMTMR ? this.#timer.read() : this.#readWord(wide) + this.#readWord(wide + 2) * 65536
    const value = Math.floor(dword / 2 ** (8 * (offset & 3)))
    return size === 4 ? value : value % 2 ** (8 * size)
  }

  #readWord(offset: number): number {
    switch (offset) {
      case PM.PMSTS:
        return this.#status()
      case PM.PMEN:
        return this.#pmen
      case PM.PMCNTRL:
        return this.#pmcntrl
      case PM.GPSTS:
        return this.#gpsts
      case PM.GPEN:
        return this.#gpen
      default:
        return this.#scratch[offset]! | (this.#scratch[offset + 1]! << 8)
    }
  }

  // Every register is one word or is only remembered; a byte reaches its half of the word.
  #write(offset: number, value: number, size: AccessSize): void {
    for (let at = offset; at < offset + size;) {
      const word = at & ~1
      const whole = at === word && offset + size - at >= 2
      if (whole) this.#writeWord(word, value & 0xffff, 0xffff)
      else this.#writeWord(word, (value & 0xff) << (8 * (at & 1)), 0xff << (8 * (at & 1)))
      value >>>= whole ? 16 : 8
      at += whole ? 2 : 1
    }
    this.#update()
  }

  /** @param mask the bits that this access reaches */
  #writeWord(offset: number, value: number, mask: number): void {
    const merged = (old: number) => (old & ~mask) | value
    switch (offset) {
      case PM.PMSTS:
        if (value & TMROF) this.#timer.clearCarry()
        this.#pmsts &= ~value
        return
      case PM.PMEN:
        this.#pmen = merged(this.#pmen) & PMEN_MASK
        return
      case PM.PMCNTRL:
        this.#pmcntrl = merged(this.#pmcntrl) & PMCNTRL_MASK
        if (value & SUS_EN) this.#suspend()
        return
      case PM.PMTMR:
      case PM.PMTMR + 2:
        return
      case PM.GPSTS:
        this.#gpsts &= ~value
        return
      case PM.GPEN:
        this.#gpen = merged(this.#gpen)
        return
      case PM.GLBSTS:
        this.#scratch[offset]! &= ~value
        this.#scratch[offset + 1]! &= ~(value >>> 8)
        return
      default:
        this.#scratch[offset] = merged(this.#scratch[offset]! | (this.#scratch[offset + 1]! << 8))
        if (mask & 0xff00) this.#scratch[offset + 1] = value >>> 8
    }
  }

  #suspend(): void {
    if (this.#pmcntrl >> SUS_TYP_SHIFT === SUS_TYP_SOFT_OFF) return this.wiring.powerOff()
    // No other state is offered to the guest; one that enters it all the same is woken at once.
    this.#pmsts |= WAK
  }

  #writeApm(offset: number, value: number): void {
    if (offset !== 0) {
      this.#apms = value
      return
    }
    this.#apmc = value
    if (value === ACPI_ENABLE) this.#pmcntrl |= SCI_EN
    if (value === ACPI_DISABLE) this.#pmcntrl &= ~SCI_EN
    this.#update()
    this.#raiseSmi()
  }

  #raiseSmi(): void {
    const { smi } = this.wiring
    if (!smi || !(this.pci.config.get(DEVACTB, 4) & APMC_EN) || !(this.#scratch[PM.GLBCTL]! & SMI_EN)) return
    this.#scratch[PM.GLBSTS]! |= APM_STS
    smi()
  }

  #status(): number {
    return this.#timer.carried ? this.#pmsts | TMROF : this.#pmsts
  }

  #update(): void {
    const events = (this.#status() & this.#pmen) | (this.#gpsts & this.#gpen)
    this.wiring.sci.set((this.#pmcntrl & SCI_EN) !== 0 && events !== 0)
    this.#timer.watch((this.#pmen & TMROF) !== 0)
  }
}

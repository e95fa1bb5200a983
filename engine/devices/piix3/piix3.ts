import * as v from 'valibot'
import type { Line } from '../../base/line.ts'
import type { BusDevice } from '../../bus/bus-device.ts'
import { PciFunction, pciStateSchema } from '../../bus/pci-function.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'

const PIRQRC = 0x60 // PIRQRCA to PIRQRCD, 60h to 63h
const PIRQRC_DISABLED = 0x80
/** ISA interrupts that a PCI interrupt may be routed to: 3 to 7, 9 to 12, 14, 15. */
const ROUTABLE = 0xdef8

/** Offset of the reset control register from CF8h. */
const RC = 1
const RC_HARD = 1 << 1
const RC_RESET = 1 << 2

const schema = v.object({ version: v.literal(1), pci: pciStateSchema, pirq: bits(4), RC: bits(8) })

/** What a reset reaches: the whole machine, or the processor alone, as INIT# does. */
export type ResetKind = 'machine' | 'cpu'

/**
 * Intel 82371SB (PIIX3) function 0, the PCI to ISA bridge: routes the four PCI interrupts to ISA ones and holds
 * the reset control register. The IDE function is the storage side's.
 * @see Intel 82371FB/82371SB datasheet 290550, sections 2.2 (PIRQRC) and 2.5.4.3 (RC, CF9h)
 */
export class Piix3 implements Device {
  readonly id = 'piix3'
  readonly pci: PciFunction
  /** PIRQA# to PIRQD#, active high. */
  readonly pirqs: readonly [Line, Line, Line, Line] = [
    this.#pirqLine(0),
    this.#pirqLine(1),
    this.#pirqLine(2),
    this.#pirqLine(3),
  ]
  /** Byte accesses at CF8h to CFBh; only CF9h answers. */
  readonly resetControl: BusDevice = {
    read: (offset) => (offset === RC ? this.#rc : 0xff),
    write: (offset, value) => {
      if (offset === RC) this.#writeRc(value)
    },
  }
  #pirq = 0
  #rc = 0
  #driven = 0

  /**
   * @param isaIrq one line per ISA interrupt 0 to 15, driven only for those that PCI interrupts are routed to.
   *   They are level-triggered: what programs the routing must also set the edge/level register (4D0h).
   * @param reset may be called within a guest's write; it acts after the access
   */
  constructor(
    private readonly isaIrq: readonly Line[],
    private readonly resetLine: (kind: ResetKind) => void,
  ) {
    this.pci = new PciFunction(
      {
        vendorId: 0x8086,
        deviceId: 0x7000,
        revision: 0,
        classCode: 0x060100,
        multifunction: true,
        commandMask: 0x0108,
      },
      [],
      () => this.#route(),
    )
    const { config } = this.pci
    config.define(0x04, 2, 0x0007, 0x0108) // always decodes, always master
    config.define(0x4c, 1, 0x4d, 0xff) // IORT
    config.define(0x4e, 2, 0x0003, 0x07ff) // XBCS
    for (let register = PIRQRC; register < PIRQRC + 4; register++)
      config.define(register, 1, PIRQRC_DISABLED, 0x8f)
    config.define(0x69, 1, 0x02, 0xfe) // TOM
    config.define(0x6a, 2, 0, 0x8000) // MSTAT
    config.define(0x70, 2, 0x8080, 0xefef) // MBIRQ0, 1
    config.define(0x76, 2, 0x0404, 0x8f8f) // MBDMA0, 1
    config.define(0x78, 2, 0x0002, 0xffff) // PCSC
    config.define(0x80, 1, 0, 0x7f) // APICBASE
    config.define(0x82, 1, 0, 0x0f) // DLC
    config.define(0xa0, 1, 0x08, 0x1d) // SMICNTL
    config.define(0xa2, 2, 0, 0x00ff) // SMIEN
    config.define(0xa4, 4, 0, 0xffffffff) // SEE
    config.define(0xa8, 1, 0x0f, 0xff) // FTMR
    config.define(0xaa, 2, 0, 0, 0x00ff) // SMIREQ
    config.define(0xac, 1, 0, 0xff) // CTLTMR
    config.define(0xae, 1, 0, 0xff) // CTHTMR
  }

  reset(): void {
    this.#pirq = 0
    this.#rc = 0
    this.pci.reset()
    this.#route()
  }

  save(): v.InferOutput<typeof schema> {
    return { version: 1, pci: this.pci.save(), pirq: this.#pirq, RC: this.#rc }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#pirq = saved.pirq
    this.#rc = saved.RC & (RC_HARD | RC_RESET)
    this.pci.restore(saved.pci)
    this.#route()
  }

  #pirqLine(index: number): Line {
    return {
      set: (high) => {
        this.#pirq = high ? this.#pirq | (1 << index) : this.#pirq & ~(1 << index)
        this.#route()
      },
    }
  }

  #route(): void {
    let driven = 0
    for (let index = 0; index < 4; index++) {
      const control = this.pci.config.get(PIRQRC + index, 1)
      if (this.#pirq & (1 << index) && !(control & PIRQRC_DISABLED)) driven |= 1 << (control & 15)
    }
    driven &= ROUTABLE
    const changed = driven ^ this.#driven
    this.#driven = driven
    for (let irq = 0; irq < 16; irq++)
      if (changed & (1 << irq)) this.isaIrq[irq]?.set((driven & (1 << irq)) !== 0)
  }

  // The reset happens when RCPU goes from 0 to 1, of the kind that the same write gives.
  #writeRc(value: number): void {
    const rising = value & RC_RESET & ~this.#rc
    this.#rc = value & (RC_HARD | RC_RESET)
    if (rising) this.resetLine(this.#rc & RC_HARD ? 'machine' : 'cpu')
  }
}

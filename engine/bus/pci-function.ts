import * as v from 'valibot'
import type { Line } from '../base/line.ts'
import type { AccessSize } from './bus-device.ts'
import { CONFIG_BYTES, PciConfigSpace } from './pci-config-space.ts'
import type { PciWindow } from './pci-window.ts'

/** Configuration header type 00h (PCI 2.1, section 6.1). */
export const PCI = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  headerType: 0x0e,
  bar0: 0x10,
  subsystemVendorId: 0x2c,
  subsystemId: 0x2e,
  rom: 0x30,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const

const COMMAND_IO = 1 << 0
const COMMAND_MEMORY = 1 << 1
const COMMAND_MASTER = 1 << 2
const COMMAND_INTERRUPT_DISABLE = 1 << 10
const STATUS_INTERRUPT = 1 << 3
const BAR_IO = 1
const BAR_PREFETCHABLE = 8
const ROM_ENABLE = 1

export interface PciIdentity {
  vendorId: number
  deviceId: number
  revision: number
  /** 24 bits: base class, subclass, programming interface. */
  classCode: number
  subsystemVendorId?: number
  subsystemId?: number
  /** Set on function 0 of a device that has others. */
  multifunction?: boolean
  /** 1 to 4 for INTA# to INTD#, 0 for none. */
  interruptPin?: 0 | 1 | 2 | 3 | 4
  /** Bits of the command register that can be written; by default I/O, memory, master, parity, SERR, interrupt. */
  commandMask?: number
  /** Initial status, e.g. DEVSEL# timing. */
  status?: number
}

export interface PciBar {
  /** 0 to 5, or `rom` for the expansion ROM at 30h. */
  index: 0 | 1 | 2 | 3 | 4 | 5 | 'rom'
  kind: 'io' | 'memory'
  /** In bytes, a power of two: at least 4 for I/O, 4096 for memory (2048 does not fit a page of the map). */
  length: number
  prefetchable?: boolean
  window: PciWindow
}

export const pciStateSchema = v.object({
  config: v.pipe(v.instance(Uint8Array), v.length(CONFIG_BYTES)),
  asserted: v.boolean(),
})
export type PciState = v.InferOutput<typeof pciStateSchema>

/**
 * One function of a PCI device: its configuration space, base address registers and interrupt pin.
 * The device that owns it adds its own registers with `config.define` and saves it as part of its own state.
 */
export class PciFunction {
  readonly config = new PciConfigSpace()
  /** The interrupt pin, active high here: level-triggered, gated by the interrupt-disable bit. */
  readonly interrupt: Line = { set: (high) => this.#assert(high) }
  readonly interruptPin: number
  #asserted = false
  #line: Line | null = null

  /** @param onWrite told after a guest changed any configuration register; `register` is the first byte's */
  constructor(
    identity: PciIdentity,
    private readonly bars: readonly PciBar[] = [],
    private readonly onWrite: (register: number, size: AccessSize) => void = () => {},
  ) {
    const { config } = this
    this.interruptPin = identity.interruptPin ?? 0
    config.define(PCI.vendorId, 2, identity.vendorId)
    config.define(PCI.deviceId, 2, identity.deviceId)
    config.define(PCI.command, 2, 0, identity.commandMask ?? 0x0547)
    // Data parity, target and master abort, SERR and parity error are sticky.
    config.define(PCI.status, 2, identity.status ?? 0x0280, 0, 0xf900)
    config.define(PCI.revision, 1, identity.revision)
    config.define(PCI.classCode, 2, identity.classCode & 0xffff)
    config.define(PCI.classCode + 2, 1, identity.classCode >>> 16)
    config.define(0x0c, 2, 0, 0xf8ff) // cache line size, latency timer
    config.define(PCI.headerType, 1, identity.multifunction ? 0x80 : 0)
    config.define(PCI.subsystemVendorId, 2, identity.subsystemVendorId ?? 0)
    config.define(PCI.subsystemId, 2, identity.subsystemId ?? 0)
    config.define(PCI.interruptPin, 1, this.interruptPin)
    if (this.interruptPin) config.define(PCI.interruptLine, 1, 0, 0xff)
    for (const bar of bars)
      config.define(registerOf(bar), 4, typeBits(bar), addressMask(bar) | enableBit(bar))
  }

  /** The wire behind the interrupt pin, which the bus knows. */
  connect(line: Line): void {
    this.#line = line
    this.#drive()
  }

  /** True while the guest lets this function read and write memory by itself. */
  get isBusMaster(): boolean {
    return (this.config.get(PCI.command, 2) & COMMAND_MASTER) !== 0
  }

  reset(): void {
    this.config.reset()
    this.#asserted = false
    this.#drive()
    this.#place()
  }

  read(register: number, size: AccessSize): number {
    return this.config.get(register, size)
  }

  write(register: number, value: number, size: AccessSize): void {
    this.config.write(register, value, size)
    this.#drive()
    this.#place()
    this.onWrite(register, size)
  }

  /** Where a base address register places its window now; null while it does not decode. */
  baseOf(index: PciBar['index']): number | null {
    const bar = this.bars.find((candidate) => candidate.index === index)
    return bar ? this.#decoded(bar) : null
  }

  settle(): void {
    for (const { window } of this.bars) window.settle()
  }

  save(): PciState {
    return { config: this.config.save(), asserted: this.#asserted }
  }

  restore(saved: PciState): void {
    this.config.restore(saved.config)
    this.#asserted = saved.asserted
    this.#drive()
    this.#place()
  }

  #assert(high: boolean): void {
    if (high === this.#asserted) return
    this.#asserted = high
    this.#drive()
  }

  #drive(): void {
    const status = this.config.get(PCI.status, 2) & ~STATUS_INTERRUPT
    this.config.set(PCI.status, this.#asserted ? status | STATUS_INTERRUPT : status, 2)
    const enabled = !(this.config.get(PCI.command, 2) & COMMAND_INTERRUPT_DISABLE)
    this.#line?.set(this.#asserted && enabled)
  }

  #place(): void {
    for (const bar of this.bars) bar.window.place(this.#decoded(bar))
  }

  #decoded(bar: PciBar): number | null {
    const command = this.config.get(PCI.command, 2)
    if (!(command & (bar.kind === 'io' ? COMMAND_IO : COMMAND_MEMORY))) return null
    const raw = this.config.get(registerOf(bar), 4)
    if (bar.index === 'rom' && !(raw & ROM_ENABLE)) return null
    const mask = addressMask(bar)
    const base = (raw & mask) >>> 0
    // Zero is "not assigned". All ones is how a guest asks for the size: mapping there, over the reset vector,
    // crashed real systems. Elsewhere only the top 64 KiB are refused: NT 3.51 uses what lies just below.
    if (base === 0 || base === mask >>> 0) return null
    if (bar.kind === 'memory' && base + bar.length > 0xffff0000) return null
    return base
  }
}

const registerOf = (bar: PciBar): number => (bar.index === 'rom' ? PCI.rom : PCI.bar0 + 4 * bar.index)
const typeBits = (bar: PciBar): number =>
  bar.kind === 'io' ? BAR_IO : bar.prefetchable ? BAR_PREFETCHABLE : 0
const addressMask = (bar: PciBar): number => ~(bar.length - 1) & (bar.kind === 'io' ? ~3 : ~15)
const enableBit = (bar: PciBar): number => (bar.index === 'rom' ? ROM_ENABLE : 0)

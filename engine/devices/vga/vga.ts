import type { Clock } from '../../base/clock.ts'
import { type AccessSize, type BusDevice, floating } from '../../bus/bus-device.ts'
import type { MemoryMap } from '../../bus/memory-map.ts'
import { MemoryWindow, type PciWindow } from '../../bus/pci-window.ts'
import type { PortRange } from '../../bus/port-map.ts'
import type { Device } from '../device.ts'
import type { Display, Frame, TextScreen } from '../display.ts'
import { parseSaved } from '../../base/saved-state.ts'
import { Dac } from './dac.ts'
import { Dispi } from './dispi.ts'
import { REGISTER_WINDOW_BYTES, RegisterWindow } from './register-window.ts'
import { CR, MISC, VgaRegisters } from './registers.ts'
import { savedVga, type SavedVga } from './saved-vga.ts'
import { Screen } from './screen.ts'
import { VRAM_BYTES } from '../../memory/layout.ts'
import { VideoMemory } from './video-memory.ts'
import { VideoTiming } from './video-timing.ts'

/**
 * The EGA's configuration switches as read through input status 0, first switch in the highest bit: enhanced
 * colour display, as Xenix looks for it.
 */
const SWITCHES = 0b1001
const STATUS0_SWITCH = 0x10
const STATUS0_RETRACE = 0x80
/** Vertical retrace end register: 0 clears and holds the retrace interrupt flag. */
const RETRACE_FLAG_RUNS = 0x10

/** Ports that answer alike whether the adapter is in its colour or its monochrome place. */
const FIXED_PORTS: PortRange = { name: 'vga', base: 0x3c0, length: 16 }
/** CRT controller index and data, and input status 1, at 3B4h/3BAh or 3D4h/3DAh. */
const MOVING_PORTS: readonly PortRange[] = [
  { name: 'vga-mono', base: 0x3b4, length: 2 },
  { name: 'vga-mono-status', base: 0x3ba, length: 1 },
  { name: 'vga-color', base: 0x3d4, length: 2 },
  { name: 'vga-color-status', base: 0x3da, length: 1 },
]

/**
 * An IBM VGA with the Bochs VBE extensions. No interrupt line: the vertical retrace interrupt is off on PC
 * boards (IRQ 2 belongs to the second interrupt controller), only its flag can be polled.
 * Video memory is the machine's `GuestMemory.vram`, saved together with RAM and not by this device.
 * @see IBM VGA Technical Reference; Bochs vbe_display_api.txt
 */
export class Vga implements Device, Display {
  readonly id = 'vga'
  /** What to map into the machine's ports. */
  readonly ports: readonly { range: PortRange; device: BusDevice }[]
  /** What the base address register of the linear frame buffer moves: `lengthBytes`, prefetchable memory. */
  readonly frameBuffer = {
    lengthBytes: VRAM_BYTES,
    place: (base: number | null): void => this.#memory.placeFrameBuffer(base),
    settle: (): void => {},
  }
  /** What base address register 2 moves: the same registers as at the ports, and the monitor's EDID. */
  readonly registerWindow: PciWindow
  #registers: VgaRegisters
  #dac = new Dac()
  #dispi: Dispi
  #memory: VideoMemory
  #timing: VideoTiming
  #screen: Screen
  #startInForce = 0
  #startChangedAt = 0
  #retraceClearedAt = 0

  constructor(clock: Clock, map: MemoryMap) {
    this.#memory = new VideoMemory(map)
    this.#dispi = new Dispi({
      windowChanged: () => this.#openWindows(),
      clear: (bytes) => this.#memory.clear(bytes),
      dacWidth: (isWide) => this.#dac.setWide(isWide),
    })
    this.#registers = new VgaRegisters({
      memoryAccessChanged: () => this.#openWindows(),
      startAddressChanging: () => this.#startAddressChanging(),
      attributeModeWritten: () => this.#dispi.commitDisable(),
    })
    this.#timing = new VideoTiming(clock, this.#registers, this.#dispi)
    this.#screen = new Screen(
      clock,
      this.#registers,
      this.#dac,
      this.#dispi,
      this.#memory,
      this.#timing,
      () => this.#currentStart(),
    )
    this.ports = [
      ...[FIXED_PORTS, ...MOVING_PORTS].map((range) => ({ range, device: this.#portsFrom(range.base) })),
      // 16-bit registers at 1CEh and 1CFh: the second reaches into 1D0h.
      { range: { name: 'vga-dispi', base: 0x1ce, length: 3, width: 2 }, device: this.#dispi },
    ]
    const registers = new RegisterWindow(this.#portsFrom(FIXED_PORTS.base), this.#dispi)
    this.registerWindow = new MemoryWindow(map, {
      name: 'vga-registers',
      length: REGISTER_WINDOW_BYTES,
      read: { device: registers },
      write: { device: registers },
      priority: 2,
    })
    this.reset()
  }

  update(): Frame {
    return this.#screen.update()
  }

  text(): TextScreen | null {
    return this.#screen.text()
  }

  reset(): void {
    this.#registers.reset()
    this.#dac.reset()
    this.#dispi.reset()
    this.#memory.reset(this.#registers)
    this.#startInForce = this.#startChangedAt = this.#retraceClearedAt = 0
    this.#screen.invalidate()
  }

  save(): SavedVga {
    const { misc, featureControl, subsystemEnable, sequencerIndex, graphicsIndex, crtcIndex } =
      this.#registers
    const { attributeIndex, attributeExpectsData, sequencer, graphics, crtc, attribute } = this.#registers
    return {
      version: 1,
      registers: {
        misc,
        featureControl,
        subsystemEnable,
        sequencerIndex,
        graphicsIndex,
        crtcIndex,
        attributeIndex,
        attributeExpectsData,
        sequencer: sequencer.slice(),
        graphics: graphics.slice(),
        crtc: crtc.slice(),
        attribute: attribute.slice(),
      },
      dac: this.#dac.save(),
      dispi: this.#dispi.save(),
      latch: this.#memory.planar.latch >>> 0,
      startInForce: this.#startInForce,
      startChangedAt: this.#startChangedAt,
      retraceClearedAt: this.#retraceClearedAt,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, savedVga, state)
    this.#registers.load(saved.registers)
    // Before the DAC: taking a width over would cut a colour that is half written.
    this.#dispi.load(saved.dispi)
    this.#dac.load(saved.dac)
    this.#memory.planar.latch = saved.latch | 0
    this.#memory.restored(this.#registers, this.#dispi.window)
    this.#startInForce = saved.startInForce
    this.#startChangedAt = saved.startChangedAt
    this.#retraceClearedAt = saved.retraceClearedAt
    this.#screen.invalidate()
  }

  #openWindows(): void {
    this.#memory.configure(this.#registers, this.#dispi.window)
  }

  /** The CRT controller takes over its start address at each vertical retrace; both halves at once. */
  #currentStart(): number {
    return this.#timing.retraces === this.#startChangedAt ? this.#startInForce : this.#registers.startAddress
  }

  #startAddressChanging(): void {
    this.#startInForce = this.#currentStart()
    this.#startChangedAt = this.#timing.retraces
  }

  #portsFrom(base: number): BusDevice {
    return {
      read: (offset, size) => this.#readPort(base + offset, size),
      write: (offset, value) => this.#writePort(base + offset, value & 0xff),
    }
  }

  #readPort(port: number, size: AccessSize): number {
    const registers = this.#registers
    switch (port) {
      case 0x3c0:
        return registers.attributeIndex
      case 0x3c1:
        return registers.readAttribute()
      case 0x3c2:
        return this.#inputStatus0()
      case 0x3c3:
        return registers.subsystemEnable
      case 0x3c4:
        return registers.sequencerIndex
      case 0x3c5:
        return registers.readSequencer()
      case 0x3c6:
        return this.#dac.mask
      case 0x3c7:
        return this.#dac.state
      case 0x3c8:
        return this.#dac.writeIndex
      case 0x3c9:
        return this.#dac.readData()
      case 0x3ca:
        return registers.featureControl
      case 0x3cc:
        return registers.misc
      case 0x3ce:
        return registers.graphicsIndex
      case 0x3cf:
        return registers.readGraphics()
    }
    if (!this.#answersAt(port)) return floating(size)
    switch (port & 0x0f) {
      case 0x4:
        return registers.crtcIndex
      case 0x5:
        return registers.readCrtc()
      case 0xa:
        registers.attributeExpectsData = false
        return this.#timing.status
      default:
        return floating(size)
    }
  }

  #writePort(port: number, value: number): void {
    const registers = this.#registers
    switch (port) {
      case 0x3c0:
        return registers.writeAttribute(value)
      case 0x3c2:
        return registers.writeMisc(value)
      case 0x3c3:
        registers.subsystemEnable = value
        return
      case 0x3c4:
        registers.sequencerIndex = value
        return
      case 0x3c5:
        return registers.writeSequencer(value)
      case 0x3c6:
        return this.#dac.writeMask(value)
      case 0x3c7:
        return this.#dac.startReading(value)
      case 0x3c8:
        return this.#dac.startWriting(value)
      case 0x3c9:
        return this.#dac.writeData(value)
      case 0x3ce:
        registers.graphicsIndex = value
        return
      case 0x3cf:
        return registers.writeGraphics(value)
    }
    if (!this.#answersAt(port)) return
    switch (port & 0x0f) {
      case 0x4:
        registers.crtcIndex = value
        return
      case 0x5:
        return this.#writeCrtc(value)
      case 0xa:
        registers.featureControl = value
    }
  }

  #writeCrtc(value: number): void {
    const { crtc } = this.#registers
    const wasHeld = !(crtc[CR.verticalRetraceEnd]! & RETRACE_FLAG_RUNS)
    this.#registers.writeCrtc(value)
    const isHeld = !(crtc[CR.verticalRetraceEnd]! & RETRACE_FLAG_RUNS)
    if (wasHeld || isHeld) this.#retraceClearedAt = this.#timing.retraces
  }

  #answersAt(port: number): boolean {
    return port >= 0x3d0 === this.#registers.usesColorPorts
  }

  #inputStatus0(): number {
    const { misc, crtc } = this.#registers
    const select = (misc >> MISC.clockShift) & 3
    const isRetracePending =
      (crtc[CR.verticalRetraceEnd]! & RETRACE_FLAG_RUNS) !== 0 &&
      this.#timing.retraces !== this.#retraceClearedAt
    return (isRetracePending ? STATUS0_RETRACE : 0) | ((SWITCHES >> (3 - select)) & 1 ? STATUS0_SWITCH : 0)
  }
}

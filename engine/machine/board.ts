import * as v from 'valibot'
import type { Clock } from '../base/clock.ts'
import { type Line, SharedLine } from '../base/line.ts'
import type { BusDevice } from '../bus/bus-device.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import { PciBus } from '../bus/pci.ts'
import { PciFunction, pciStateSchema } from '../bus/pci-function.ts'
import { MemoryWindow, PortWindow } from '../bus/pci-window.ts'
import type { PortMap } from '../bus/port-map.ts'
import { AcpiPm, APM_BASE } from '../devices/acpi-pm/acpi-pm.ts'
import { InterruptBus } from '../devices/apic/interrupt-bus.ts'
import { IoApic } from '../devices/apic/io-apic.ts'
import { LocalApic } from '../devices/apic/local-apic.ts'
import { DebugConsole, DebugExit } from '../devices/debug-ports/debug-ports.ts'
import type { Device } from '../devices/device.ts'
import { Dma } from '../devices/dma/dma.ts'
import { Hpet } from '../devices/hpet/hpet.ts'
import { Fdc } from '../devices/fdc/fdc.ts'
import type { FloppyDriveType } from '../devices/fdc/floppy-drive.ts'
import { ConfigMechanism } from '../devices/i440fx/config-mechanism.ts'
import { I440fx } from '../devices/i440fx/i440fx.ts'
import { I8042 } from '../devices/i8042/i8042.ts'
import { BusMasterPorts } from '../devices/ide/bus-master.ts'
import { IdeChannel, type IdeChannelOptions } from '../devices/ide/ide-channel.ts'
import { Keyboard } from '../devices/keyboard/keyboard.ts'
import { Mouse } from '../devices/mouse/mouse.ts'
import { Parallel } from '../devices/parallel/parallel.ts'
import { PicPair } from '../devices/pic/pic-pair.ts'
import { Piix3 } from '../devices/piix3/piix3.ts'
import { Pit } from '../devices/pit/pit.ts'
import { Speaker } from '../devices/pit/speaker.ts'
import { SerialMouse } from '../devices/serial-mouse/serial-mouse.ts'
import { parseSaved } from '../base/saved-state.ts'
import { Rtc } from '../devices/rtc/rtc.ts'
import { SystemControl } from '../devices/system-control/system-control.ts'
import type { SerialEnd } from '../devices/uart/serial-end.ts'
import { Uart } from '../devices/uart/uart.ts'
import { REGISTER_WINDOW_BYTES } from '../devices/vga/register-window.ts'
import { Vga } from '../devices/vga/vga.ts'
import { MAX_CLIPBOARD_BYTES } from '../protocol/clipboard.ts'
import { GuestClipboard } from '../devices/vmware-backdoor/guest-clipboard.ts'
import { VmwareBackdoor } from '../devices/vmware-backdoor/vmware-backdoor.ts'
import type { DiskFaultListener } from '../storage/block-image.ts'
import { VirtioBlock, type VirtioBlockOptions } from '../virtio/virtio-block.ts'
import { VirtioPci } from '../virtio/virtio-pci.ts'
import type { RomSpace } from './rom-space.ts'

/** What a machine's owner hears from its board. */
export interface BoardEvents {
  /** INTR of the processor. */
  intr: Line
  nmi: () => void
  /** Absent where the processor has no system management mode. */
  smi?: () => void
  /** INIT from the local APIC. */
  init: () => void
  resetMachine: () => void
  /** The processor alone; memory and devices stay. */
  resetCpu: () => void
  powerOff: () => void
  debugExit: (status: number) => void
  diskFault: DiskFaultListener
}

export interface BoardConfig {
  /** With local and I/O APIC. */
  apic: boolean
  /** With a high precision event timer, for which there must be an I/O APIC. */
  hpet: boolean
  serialPorts: number
  /** What is plugged into the PS/2 port and into a serial port, COM1 as 0. */
  mice: { ps2: boolean; serialPort: number | null }
  floppyDrives: [FloppyDriveType, FloppyDriveType]
  ideDrives: IdeChannelOptions['drives'][]
  virtioDisks: Omit<VirtioBlockOptions, 'onFault'>[]
  /** From the end of an IDE command to its interrupt. */
  ideInterruptDelayNs: number
  /** Real time at power-on, ns since 1970, in the zone that the guest's clock shows. */
  unixNs: bigint
  debugExit: boolean
}

const COM_PORTS = [
  { base: 0x3f8, irq: 4 },
  { base: 0x2f8, irq: 3 },
  { base: 0x3e8, irq: 4 },
  { base: 0x2e8, irq: 3 },
]
const IDE_PORTS = [
  { base: 0x1f0, control: 0x3f6, irq: 14 },
  { base: 0x170, control: 0x376, irq: 15 },
]
/** IA32_APIC_BASE after a reset: the local APIC at FEE00000h, enabled, of the bootstrap processor. */
export const APIC_BASE_AFTER_RESET = 0xfee00900
const APIC_ENABLED = 0x800
const APIC_ADDRESS = 0xfffff000
/** Slot of the first virtio disk; the others follow. */
const VIRTIO_SLOT = 3
const IO_APIC_AT = 0xfec00000
const HPET_AT = 0xfed00000
/** Inputs of the I/O APIC that the HPET's comparators can choose: no ISA or PCI interrupt ends there. */
const HPET_ROUTES = [20, 21, 22, 23]
const APIC_BUS_HZ = 100_000_000
const PAGE = 0x1000
/** The end of a serial port that something on the board is plugged into. */
const TAKEN: SerialEnd = { onOutput() {}, input() {} }

/**
 * The motherboard: a 440FX PC with its devices, on one page. Wires are made here and nowhere else. The order
 * of `devices` is the order of reset, save and restore: interrupt controllers come last, so that lines that
 * others drive while they are restored cannot leave false edges.
 */
export class Board {
  readonly devices: Device[]
  readonly pics: PicPair
  readonly localApic: LocalApic | null
  readonly #apicWindow: MemoryWindow | null
  readonly #host: I440fx
  readonly rtc: Rtc
  readonly fdc: Fdc
  readonly ide: IdeChannel[]
  readonly keyboard: Keyboard
  readonly mouse: VmwareBackdoor
  readonly clipboard = new GuestClipboard(MAX_CLIPBOARD_BYTES)
  readonly serialMouse: SerialMouse | null
  readonly uarts: Uart[]
  readonly parallel: Parallel
  readonly vga: Vga
  readonly pci: PciBus
  readonly acpi: AcpiPm
  readonly debugConsole: DebugConsole
  readonly speaker: Speaker
  /** ISA interrupt lines, for devices that are added to the board. */
  readonly isa: Line[]
  /** Requests by ISA line: how often each went high. */
  readonly requests = new Array<number>(16).fill(0)

  constructor(
    clock: Clock,
    private readonly ports: PortMap,
    memory: MemoryMap,
    rom: RomSpace,
    config: BoardConfig,
    events: BoardEvents,
  ) {
    // Interrupts: each ISA line reaches the 8259A pair and, if there is one, the I/O APIC.
    const interruptBus = new InterruptBus()
    const toApic: Line = { set: (high) => this.localApic?.lint0.set(high) }
    this.pics = new PicPair(config.apic ? toApic : events.intr)
    this.localApic = config.apic ? this.#makeApic(clock, interruptBus, events) : null
    const ioApic = config.apic ? new IoApic(interruptBus) : null
    const shared = this.pics.inputs.map((pic, irq) => {
      // The timer is pin 2: the MP and ACPI tables say so.
      const pin = ioApic?.inputs[irq === 0 ? 2 : irq]
      let level = false
      return new SharedLine({
        set: (high) => {
          if (high && !level) this.requests[irq]!++
          level = high
          pic.set(high)
          if (irq !== 2) pin?.set(high)
        },
      })
    })
    const irq = (index: number): Line => shared[index]!.input()
    this.isa = shared.map((line) => line.input())
    this.#apicWindow = this.localApic && this.#memoryWindow(memory, 'local APIC', this.localApic)
    this.setApicBase(APIC_BASE_AFTER_RESET)
    if (ioApic) this.#mapMemory(memory, 'I/O APIC', IO_APIC_AT, ioApic)
    this.#map('pic-master', 0x20, 2, this.pics.master)
    this.#map('pic-slave', 0xa0, 2, this.pics.slave)
    this.#map('elcr', 0x4d0, 2, this.pics.elcr)

    // Timers and system board ports.
    const a20: Line = { set: (high) => memory.setA20(high) }
    this.speaker = new Speaker()
    const hpet =
      config.hpet && ioApic
        ? new Hpet(clock, {
            routes: new Map(HPET_ROUTES.map((input) => [input, ioApic.inputs[input]!])),
            irq0: irq(0),
            irq8: irq(8),
          })
        : null
    if (hpet) this.#mapMemory(memory, 'HPET', HPET_AT, hpet)
    const pit = new Pit(clock, hpet?.timerInput ?? irq(0), this.speaker)
    const systemControl = new SystemControl(clock, {
      timer: pit,
      speaker: this.speaker,
      a20,
      reset: events.resetCpu,
    })
    this.rtc = new Rtc(clock, hpet?.clockInput ?? irq(8), { unixNs: config.unixNs })
    const dma = new Dma(memory)
    this.#map('pit', 0x40, 4, pit)
    this.#map('system-control-b', 0x61, 1, systemControl.portB)
    this.#map('system-control-a', 0x92, 1, systemControl.portA)
    this.#map('rtc', 0x70, 4, this.rtc)
    this.#map('dma1', 0x00, 16, dma.first)
    this.#map('dma2', 0xc0, 32, dma.second)
    this.#map('dma-pages', 0x80, 16, dma.pages)

    // Keyboard, mouse, serial and parallel ports.
    this.keyboard = new Keyboard(clock)
    const ps2Mouse = config.mice.ps2 ? new Mouse(clock) : null
    const i8042 = new I8042({
      clock,
      irq1: irq(1),
      irq12: irq(12),
      a20,
      resetCpu: events.resetCpu,
      keyboard: this.keyboard,
      mouse: ps2Mouse,
    })
    this.#map('i8042-data', 0x60, 1, i8042.dataPort)
    this.#map('i8042-command', 0x64, 1, i8042.commandPort)
    this.uarts = COM_PORTS.slice(0, config.serialPorts).map(({ base, irq: line }, i) => {
      const uart = new Uart({ id: `com${i + 1}` }, clock, irq(line))
      this.#map(uart.id, base, 8, uart)
      return uart
    })
    this.serialMouse = this.#plugInMouse(clock, config.mice.serialPort)
    this.mouse = new VmwareBackdoor(ps2Mouse ?? this.serialMouse, this.clipboard)
    this.parallel = new Parallel({ id: 'lpt1' }, clock, irq(7))
    this.#map('lpt1', 0x378, 3, this.parallel)

    // Floppy.
    this.fdc = new Fdc(clock, irq(6), dma.channel(2), {
      drives: config.floppyDrives,
      onFault: events.diskFault,
    })
    this.#map('fdc', 0x3f0, 6, this.fdc)
    this.#map('fdc-dir', 0x3f7, 1, this.fdc.port7)

    // IDE: two channels at their traditional places, with the PIIX3's bus master.
    this.ide = [0, 1].map((index) => {
      const { base, control, irq: line } = IDE_PORTS[index]!
      const channel = new IdeChannel(clock, irq(line), {
        id: `ide${index}`,
        drives: config.ideDrives[index]!,
        memory,
        onFault: events.diskFault,
        timing: { irqDelayNs: config.ideInterruptDelayNs },
      })
      this.#map(channel.id, base, 8, channel, 4)
      this.#map(`${channel.id}-control`, control, 1, channel.controlBlock)
      return channel
    })
    const busMasters = new BusMasterPorts([this.ide[0]!.busMaster, this.ide[1]!.busMaster])
    const idePci: PciFunction = new PciFunction(
      { vendorId: 0x8086, deviceId: 0x7010, revision: 0, classCode: 0x010180, commandMask: 0x0005 },
      [
        {
          index: 4,
          kind: 'io',
          length: 16,
          window: new PortWindow(ports, { name: 'ide-bus-master', length: 16, width: 4 }, busMasters),
        },
      ],
      () => this.#followIdeMaster(idePci),
    )
    // IDETIM: both channels decode.
    for (const register of [0x40, 0x42]) idePci.config.define(register, 2, 0x8000, 0xffff)

    // PCI: host bridge, ISA bridge, power management, video.
    const piix3 = new Piix3(
      shared.map((line) => line.input()),
      (kind) => (kind === 'machine' ? events.resetMachine() : events.resetCpu()),
    )
    this.pci = new PciBus([...piix3.pirqs])
    const host = new I440fx(memory, (base) => rom.isaBacking(base))
    this.#host = host
    const smi = events.smi && { smi: events.smi }
    this.acpi = new AcpiPm({ clock, ports, sci: irq(9), powerOff: events.powerOff, ...smi })
    this.#map('apm', APM_BASE, 2, this.acpi.apmPorts)
    this.vga = new Vga(clock, memory)
    for (const { range, device } of this.vga.ports) ports.map(range, device)
    // Revision 2 says that the registers are in memory as well.
    const vgaPci = new PciFunction({ vendorId: 0x1234, deviceId: 0x1111, revision: 2, classCode: 0x030000 }, [
      {
        index: 0,
        kind: 'memory',
        length: this.vga.frameBuffer.lengthBytes,
        prefetchable: true,
        window: this.vga.frameBuffer,
      },
      { index: 2, kind: 'memory', length: REGISTER_WINDOW_BYTES, window: this.vga.registerWindow },
    ])
    this.pci.attach(0, 0, host.pci)
    this.pci.attach(1, 0, piix3.pci)
    this.pci.attach(1, 1, idePci)
    this.pci.attach(1, 3, this.acpi.pci)
    this.pci.attach(2, 0, vgaPci)
    const virtioDisks = config.virtioDisks.map((options, index) => {
      const disk = new VirtioBlock(clock, { ...options, onFault: events.diskFault })
      const card = new VirtioPci({ id: options.id, ports, memory }, disk)
      this.pci.attach(VIRTIO_SLOT + index, 0, card.pci)
      return card
    })
    const mechanism = new ConfigMechanism(this.pci, piix3.resetControl)
    this.#map('pci-config', 0xcf8, 8, mechanism, 4)

    this.debugConsole = new DebugConsole(clock)
    this.#map('debug-console', 0xe9, 1, this.debugConsole)
    if (config.debugExit) this.#map('debug-exit', 0xf4, 4, new DebugExit(events.debugExit), 4)

    this.devices = [
      host,
      mechanism,
      piix3,
      this.acpi,
      this.vga,
      pciDevice('vga-pci', vgaPci),
      pit,
      systemControl,
      this.rtc,
      ...(hpet ? [hpet] : []),
      dma,
      this.keyboard,
      ...(ps2Mouse ? [ps2Mouse] : []),
      ...(this.serialMouse ? [this.serialMouse] : []),
      this.mouse,
      i8042,
      ...this.uarts,
      this.parallel,
      this.fdc,
      ...this.ide,
      pciDevice('ide-pci', idePci, () => this.#followIdeMaster(idePci)),
      ...virtioDisks,
      this.pics,
      ...(this.localApic ? [this.localApic] : []),
      ...(ioApic ? [ioApic] : []),
    ]
  }

  #plugInMouse(clock: Clock, port: number | null): SerialMouse | null {
    const uart = port === null ? undefined : this.uarts[port]
    if (!uart) return null
    const mouse = new SerialMouse(`mouse-${uart.id}`, clock, uart)
    uart.onModemControl((lines) => mouse.setModemControl(lines))
    return mouse
  }

  /** What a host connects to: a port with a mouse in it is taken. */
  get serialEnds(): SerialEnd[] {
    return this.uarts.map((uart) => (this.serialMouse?.id === `mouse-${uart.id}` ? TAKEN : uart))
  }

  #makeApic(clock: Clock, bus: InterruptBus, events: BoardEvents): LocalApic {
    return new LocalApic(
      clock,
      bus,
      {
        intr: events.intr,
        nmi: () => events.nmi(),
        smi: () => events.smi?.(),
        init: () => events.init(),
        startUp: () => {},
      },
      { id: 0, bootstrap: true, busHz: APIC_BUS_HZ, acknowledgeExtInt: () => this.pics.acknowledge() },
    )
  }

  /** The processor has entered system management mode, or left it. */
  setManaging(isManaging: boolean): void {
    this.#host.setManaging(isManaging)
  }

  /** The processor's IA32_APIC_BASE: whether its local APIC is there, and at which address. */
  setApicBase(value: number): void {
    const enabled = (value & APIC_ENABLED) !== 0
    this.localApic?.setEnabled(enabled)
    this.#apicWindow?.place(enabled ? (value & APIC_ADDRESS) >>> 0 : null)
  }

  /** INTA: what the processor's interrupt acknowledge gets. */
  acknowledge(): number {
    return this.localApic ? this.localApic.acknowledge() : this.pics.acknowledge()
  }

  #followIdeMaster(pci: PciFunction): void {
    for (const channel of this.ide) channel.busMaster?.setMasterEnabled(pci.isBusMaster)
  }

  #map(name: string, base: number, length: number, device: BusDevice, width: 1 | 2 | 4 = 1): void {
    this.ports.map({ name, base, length, width }, device)
  }

  #mapMemory(memory: MemoryMap, name: string, base: number, device: BusDevice): void {
    this.#memoryWindow(memory, name, device).place(base)
  }

  #memoryWindow(memory: MemoryMap, name: string, device: BusDevice): MemoryWindow {
    return new MemoryWindow(memory, { name, length: PAGE, read: { device }, write: { device }, priority: 2 })
  }
}

const PCI_STATE = v.object({ version: v.literal(1), pci: pciStateSchema })

/** The PCI header of a device whose model does not know the bus. */
function pciDevice(id: string, pci: PciFunction, changed: () => void = () => {}): Device {
  return {
    id,
    reset: () => {
      pci.reset()
      changed()
    },
    save: () => ({ version: 1, pci: pci.save() }),
    restore: (state) => {
      pci.restore(parseSaved(id, PCI_STATE, state).pci)
      changed()
    },
  }
}

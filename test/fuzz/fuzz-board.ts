import type { Clock, Timer } from '../../engine/base/clock.ts'
import { TimerQueue } from '../../engine/base/timer-queue.ts'
import { MemoryMap } from '../../engine/bus/memory-map.ts'
import { PortMap } from '../../engine/bus/port-map.ts'
import type { Device } from '../../engine/devices/device.ts'
import { FW_CFG_DMA_PORT, FW_CFG_PORT, FwCfg } from '../../engine/devices/fw-cfg/fw-cfg.ts'
import { BlockDisk } from '../../engine/firmware/block-disk.ts'
import { Firmware } from '../../engine/firmware/firmware.ts'
import { Board } from '../../engine/machine/board.ts'
import { RomSpace } from '../../engine/machine/rom-space.ts'
import { GuestMemory } from '../../engine/memory/guest-memory.ts'
import { MIB, RAM_BASE, ROM_BYTES } from '../../engine/memory/layout.ts'
import { decodeState, encodeState } from '../../engine/snapshot/encoding.ts'
import { FLOPPY_GEOMETRIES } from '../../engine/storage/floppy-geometry.ts'
import { FuzzMedium } from './fuzz-media.ts'
import type { Random } from './random.ts'

const RAM_MIB = 1
/** Where devices with base address registers are at the start of each block. */
export const PLACES = {
  frameBuffer: 0xe0000000,
  vgaRegisters: 0xe1000000,
  busMaster: 0xc000,
  virtioPorts: [0xc100, 0xc140],
  virtioWindows: [0xe2000000, 0xe2001000],
  pm: 0xb000,
  smbus: 0xb100,
} as const

/** Guest time that only the harness moves. A timer that fires without end is a failure of its device. */
class FuzzClock implements Clock {
  nowNs = 0
  readonly timers = new TimerQueue()

  createTimer(fire: () => void): Timer {
    return this.timers.createTimer(fire)
  }

  advance(ns: number): void {
    const end = this.nowNs + ns
    // No device may ask to be called more often than every microsecond.
    let left = 1000 + ns / 1000
    while (this.timers.earliestNs <= end) {
      if (left-- < 0) throw new Error(`timers fire without end at ${this.nowNs} ns`)
      this.nowNs = Math.max(this.nowNs, this.timers.earliestNs)
      this.timers.runDue(this.nowNs, 1)
    }
    this.nowNs = end
  }
}

/** Guest memory in which what a device reads may have changed by the time that it looks again. */
class RestlessMemory extends MemoryMap {
  restless: Random | null = null

  override dmaRead(address: number, into: Uint8Array): void {
    super.dmaRead(address, into)
    if (!this.restless?.oneIn(4)) return
    const change = new Uint8Array(Math.min(16, into.length))
    this.restless.fill(change)
    super.dmaWrite((address + this.restless.below(into.length + 1)) >>> 0, change)
  }
}

/** State of everything behind the registers: what `rewind` goes back to. */
export interface Mark {
  nowNs: number
  devices: string
  ram: Uint8Array
  vram: Uint8Array
  media: ReturnType<FuzzMedium['mark']>[]
  inserted: Inserted
  /** Interrupt lines that the harness drives. */
  lines: readonly boolean[]
}

/** Indices of the media in the drives. */
interface Inserted {
  floppies: [number | null, number | null]
  cd: number | null
}

/** Every device of the machine, wired as in a PC with other firmware as well as the built-in one, without a processor. */
export class FuzzBoard {
  readonly clock = new FuzzClock()
  readonly ports = new PortMap()
  readonly memory = new RestlessMemory(new GuestMemory(RAM_MIB))
  readonly board: Board
  readonly devices: readonly Device[]
  readonly floppies: FuzzMedium[]
  readonly cds: FuzzMedium[]
  /** What devices asked the machine for: resets, power off, INIT. */
  requests = 0
  readonly firmware: Firmware
  readonly #media: FuzzMedium[]
  #lines = Array.from({ length: 16 }, () => false)
  #inserted: Inserted = { floppies: [null, null], cd: 0 }

  constructor() {
    const { clock, memory, ports } = this
    memory.map({
      name: 'ram',
      base: 0,
      length: RAM_MIB * MIB,
      read: { offset: RAM_BASE },
      write: { offset: RAM_BASE },
      priority: 0,
    })
    const rom = new RomSpace(memory)
    rom.loadFirmware('firmware', new Uint8Array(ROM_BYTES / 32))
    const disk = new FuzzMedium('disk.img', 512, 0x2000000, { maxSectors: 512 })
    const faulty = new FuzzMedium('faulty.img', 512, 4000, { failsOneIn: 7 })
    this.floppies = [
      new FuzzMedium('a.img', 512, 2880),
      new FuzzMedium('b.img', 512, 720, { failsOneIn: 5 }),
      new FuzzMedium('c.img', 512, 2880, { readonly: true }),
      new FuzzMedium('xdf.img', 512, 3680),
    ]
    this.cds = [
      new FuzzMedium('a.iso', 2048, 3000, { readonly: true }),
      new FuzzMedium('b.iso', 2048, 500_000, { readonly: true, failsOneIn: 11 }),
    ]
    const paravirtual = new FuzzMedium('virtio.img', 512, 0x2000000, { maxSectors: 512 })
    const faultyParavirtual = new FuzzMedium('faulty-virtio.img', 512, 4000, { failsOneIn: 7 })
    this.#media = [disk, faulty, paravirtual, faultyParavirtual, ...this.floppies, ...this.cds]
    const ask = () => void this.requests++
    const identity = { serial: 'VT0001', model: 'FUZZ' }
    this.board = new Board(
      clock,
      ports,
      memory,
      rom,
      {
        apic: true,
        hpet: true,
        serialPorts: 4,
        mice: { ps2: true, serialPort: 1 },
        floppyDrives: ['2.88M', '1.2M'],
        ideDrives: [
          [
            { kind: 'disk', image: disk, identity },
            { kind: 'disk', image: faulty, identity },
          ],
          [{ kind: 'cdrom', medium: this.cds[0]!, identity }, null],
        ],
        virtioDisks: [paravirtual, faultyParavirtual].map((image, index) => ({
          id: `virtio${index}`,
          image,
          serial: 'FUZZ',
          geometry: { cylinders: 100, heads: 16, sectors: 63 },
        })),
        ideInterruptDelayNs: 0,
        unixNs: 1_000_000_000_000_000_000n,
        debugExit: true,
      },
      {
        intr: { set: ask },
        nmi: ask,
        init: ask,
        resetMachine: ask,
        resetCpu: ask,
        powerOff: ask,
        debugExit: ask,
        diskFault: ask,
      },
    )
    const fwCfg = new FwCfg(new Map([['etc/file', new Uint8Array(5000).fill(7)]]), memory)
    ports.map({ name: 'fw-cfg', base: FW_CFG_PORT, length: 2, width: 2 }, fwCfg.ports)
    ports.map({ name: 'fw-cfg-dma', base: FW_CFG_DMA_PORT, length: 8, width: 4 }, fwCfg.dmaPorts)
    this.firmware = this.#makeFirmware(disk)
    for (const { range, device } of this.firmware.ports) ports.map(range, device)
    this.devices = [this.firmware, fwCfg, ...this.board.devices]
    for (const device of this.devices) device.reset()
    this.insertFloppy(0, 0)
    this.insertFloppy(1, 1)
    this.place()
  }

  #makeFirmware(disk: FuzzMedium): Firmware {
    const geometry = { cylinders: 16383, heads: 16, sectors: 63 }
    const drive = (kind: 'floppy' | 'disk' | 'cdrom', image: FuzzMedium) =>
      new BlockDisk(
        { kind, ...(kind === 'floppy' ? { driveType: 4 } : { ide: { channel: 0, slave: false } }) },
        () => ({
          image,
          geometry:
            kind === 'cdrom' ? null : kind === 'disk' ? geometry : { cylinders: 80, heads: 2, sectors: 18 },
        }),
      )
    return new Firmware(
      {
        ramBytes: RAM_MIB * MIB,
        cpus: 1,
        serialPorts: 4,
        ps2Mouse: true,
        floppies: [drive('floppy', this.floppies[0]!)],
        disks: [drive('disk', disk)],
        cdroms: [drive('cdrom', this.cds[0]!)],
        bootOrder: ['floppy', 'cdrom', 'disk'],
        acpi: true,
        apic: true,
        menuDelayMs: 0,
      },
      this.clock,
      this.memory,
    )
  }

  /** Drives an ISA interrupt line from outside. */
  setLine(irq: number, high: boolean): void {
    this.#lines[irq] = high
    this.board.isa[irq]!.set(high)
  }

  insertFloppy(drive: 0 | 1, medium: number | null): void {
    const image = medium === null ? null : this.floppies[medium]!
    this.#inserted.floppies[drive] = medium
    const geometry = image && FLOPPY_GEOMETRIES.get(image.sectorCount * 512)
    this.board.fdc.drives[drive]!.insert(image && geometry ? { image, geometry } : null)
  }

  insertCd(medium: number | null): void {
    this.#inserted.cd = medium
    const drive = this.board.ide[1]!.drives[0]
    if (drive?.kind === 'cdrom') drive.medium.insert(medium === null ? null : this.cds[medium]!)
  }

  /** Gives the devices on the PCI bus their places, as firmware does. */
  place(): void {
    const set = (device: number, register: number, value: number) => {
      this.ports.write(0xcf8, (0x80000000 | (device << 8) | register) >>> 0, 4)
      this.ports.write(0xcfc, value, 4)
    }
    const [ide, pm, vga] = [0x09, 0x0b, 0x10]
    set(vga, 0x10, PLACES.frameBuffer)
    set(vga, 0x18, PLACES.vgaRegisters)
    set(vga, 0x04, 3)
    for (const [index, window] of PLACES.virtioWindows.entries()) {
      const slot = (3 + index) << 3
      set(slot, 0x10, PLACES.virtioPorts[index]!)
      set(slot, 0x14, window)
      set(slot, 0x04, 7)
    }
    set(ide, 0x20, PLACES.busMaster)
    set(ide, 0x04, 5)
    set(pm, 0x40, PLACES.pm)
    set(pm, 0x90, PLACES.smbus)
    set(pm, 0x80, 1)
    set(pm, 0xd0, 0x01000000)
    set(pm, 0x04, 1)
  }

  /** Everything that the devices' future depends on, as the snapshot's own encoding gives it. */
  mark(): Mark {
    const { ram, vram } = this.memory.memory
    return {
      nowNs: this.clock.nowNs,
      devices: this.saveAll(),
      ram: ram.slice(),
      vram: vram.slice(),
      media: this.#media.map((medium) => medium.mark()),
      inserted: structuredClone(this.#inserted),
      lines: [...this.#lines],
    }
  }

  saveAll(): string {
    return encodeState(Object.fromEntries(this.devices.map((device) => [device.id, device.save()])))
  }

  rewind(mark: Mark): void {
    const { ram, vram } = this.memory.memory
    this.board.debugConsole.flush()
    for (const uart of this.board.uarts) uart.flush()
    this.clock.nowNs = mark.nowNs
    this.insertFloppy(0, mark.inserted.floppies[0])
    this.insertFloppy(1, mark.inserted.floppies[1])
    this.insertCd(mark.inserted.cd)
    for (const [irq, high] of mark.lines.entries()) this.setLine(irq, high)
    ram.set(mark.ram)
    vram.set(mark.vram)
    this.#media.forEach((medium, index) => medium.rewind(mark.media[index]!))
    const states = decodeState(mark.devices) as Record<string, unknown>
    for (const device of this.devices) device.restore(states[device.id])
  }
}

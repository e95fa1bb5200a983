import { readFileSync } from 'node:fs'
import { EngineError } from '../base/errors.ts'
import type { Line } from '../base/line.ts'
import { MemoryMap } from '../bus/memory-map.ts'
import { PortMap } from '../bus/port-map.ts'
import { FW_CFG_DMA_PORT, FW_CFG_PORT, FwCfg } from '../devices/fw-cfg/fw-cfg.ts'
import { FLOPPY_DRIVE_TYPES, driveTypeFor, type FloppyDriveType } from '../devices/fdc/floppy-drive.ts'
import { cmosBytes } from '../devices/rtc/cmos.ts'
import { BACKDOOR_PORT } from '../devices/vmware-backdoor/vmware-backdoor.ts'
import { loadFpu } from '../fpu/fpu.ts'
import { buildOpcodeTable } from '../isa/encoding.ts'
import { describeAll } from '../isa/index.ts'
import { EAX, EBX, ECX, EDI, EDX, ESI } from '../isa/state.ts'
import { generateInterpreter } from '../interpreter/generator.ts'
import { SoftVcpu } from '../interpreter/soft-vcpu.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../memory/layout.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import type { FloppyImage } from '../storage/floppy-image.ts'
import { MeteredImage } from '../storage/metered-image.ts'
import { openFloppyImage } from '../storage/open-image.ts'
import { CPU_MODELS } from '../vcpu/model.ts'
import { Board } from './board.ts'
import { assignDrives, floppyTypeOf } from './drives.ts'
import { MachineClock } from './machine-clock.ts'
import type { DriveStatus, Machine, MachineStats, RunOutcome } from './machine.ts'
import { RomSpace } from './rom-space.ts'
import { RunLoop } from './run-loop.ts'

const NS_PER_MS = 1_000_000n
/** Time-stamp counter ticks per ns: a round frequency that systems of the time can measure. */
const TSC_GHZ = 1

/** Builds the PC that a configuration describes. Throws `file-unusable` or `option-invalid`, leaving nothing open. */
export function createMachine(config: MachineConfig): Machine {
  return new Pc(config)
}

/** What devices ask the machine for in the middle of an access; done once the processor has stopped. */
type MachineEvent = 'machine' | 'cpu' | 'power-off' | { debugExit: number }

interface FloppySlot {
  medium: MeteredImage | null
  readonly: boolean
}

/** The software PC: memory, board, processor, and the loop that runs them. */
class Pc implements Machine {
  readonly #clock = new MachineClock(() => performance.now() * 1e6)
  readonly #memory: MemoryMap
  readonly #ports = new PortMap()
  readonly #board: Board
  readonly #cpu: SoftVcpu
  readonly #loop: RunLoop
  readonly #config: MachineConfig
  readonly #floppies: FloppySlot[] = [{ medium: null, readonly: false }, { medium: null, readonly: false }]
  #tscOffset = 0
  #pending: MachineEvent | null = null
  #apicBase = 0xfee00900

  constructor(config: MachineConfig) {
    this.#config = config
    const guest = new GuestMemory(config.memoryMiB)
    this.#memory = new MemoryMap(guest)
    this.#memory.map({
      name: 'ram', base: 0, length: config.memoryMiB * MIB, read: { offset: RAM_BASE }, write: { offset: RAM_BASE }, priority: 0,
    })
    const rom = new RomSpace(this.#memory)
    this.#loadRoms(rom)
    const model = CPU_MODELS[config.cpuModel]
    const apic = config.cpuModel !== '386' && config.cpuModel !== '486'
    const slots = assignDrives(config.drives)
    const images = slots.filter(({ config: drive }) => drive.kind === 'floppy').map(({ id, config: drive }) => ({
      id, image: drive.path === null ? null : openFloppyImage(drive.path, drive), readonly: drive.readonly,
    }))
    const intr: Line = { set: (high) => this.#cpu.setInterruptRequest(high) }
    const drives: [FloppyDriveType, FloppyDriveType] = [this.#floppyType(0, images[0]), this.#floppyType(1, images[1])]
    this.#board = new Board(this.#clock, this.#ports, this.#memory, rom, {
      apic,
      serialPorts: config.serialPorts,
      floppyDrives: drives,
      unixNs: BigInt(config.knobs.startTimeMs ?? Date.now()) * NS_PER_MS,
      debugExit: config.debug.exit,
    }, {
      intr,
      nmi: () => this.#cpu.raiseNmi(),
      init: () => this.#ask('cpu'),
      resetMachine: () => this.#ask('machine'),
      resetCpu: () => this.#ask('cpu'),
      powerOff: () => this.#ask('power-off'),
      debugExit: (status) => this.#ask({ debugExit: status }),
      diskFault: () => {},
    })
    const isa = describeAll()
    this.#cpu = new SoftVcpu({
      isa,
      interpreter: generateInterpreter(buildOpcodeTable(isa, model.features)),
      model,
      memory: this.#memory,
      ports: this.#ports,
      interrupts: this.#board,
      fpu: loadFpu(guest.wasm) as never,
      leafLimit: config.knobs.cpuidLimit ?? Infinity,
      readTimeStamp: () => {
        const ticks = Math.floor(this.#clock.nowNs * TSC_GHZ) + this.#tscOffset
        return { low: ticks >>> 0, high: Math.floor(ticks / 2 ** 32) >>> 0 }
      },
      writeTimeStamp: ({ low, high }) => {
        this.#tscOffset = high * 2 ** 32 + low - Math.floor(this.#clock.nowNs * TSC_GHZ)
      },
      ...(apic ? { apicBase: { read: () => this.#apicBase, write: (value: number) => this.#setApicBase(value) } } : {}),
      ferr: (high) => this.#board.isa[13]!.set(high),
    })
    this.#loop = new RunLoop(this.#cpu, this.#clock, () => this.#pending !== null)
    images.forEach(({ image, readonly }, i) => image && this.#insertFloppy(i, image, readonly))
    this.#mapBackdoor()
    this.#fillCmos(drives)
    if (config.firmware) this.#mapFwCfg()
    for (const device of this.#board.devices) device.reset()
  }

  // Machine.

  get display() {
    return this.#board.vga
  }

  get keyboard() {
    return this.#board.keyboard
  }

  get mouse() {
    return this.#board.mouse
  }

  get serial() {
    return this.#board.uarts
  }

  run(sliceNs: number): RunOutcome {
    this.#clock.start()
    let idleNs = 0
    try {
      const end = this.#clock.nowNs + sliceNs
      for (;;) {
        const exit = this.#loop.run(Math.max(0, end - this.#clock.nowNs))
        switch (exit.kind) {
          case 'slice':
            return { kind: 'slice' }
          case 'idle':
            idleNs = exit.wakeNs
            return exit
          case 'breakpoint':
            return { kind: 'stopped' }
          case 'shutdown':
            if (!this.#config.reboot) return { kind: 'crashed', reason: 'triple fault' }
            // As on a PC: the chipset answers the shutdown cycle with a reset of the processor.
            this.#cpu.reset()
            break
          case 'event': {
            const outcome = this.#handlePending()
            if (outcome) return outcome
          }
        }
      }
    } finally {
      this.#clock.stop(idleNs)
    }
  }

  reset(): void {
    this.#pending = null
    for (const device of this.#board.devices) device.reset()
    this.#memory.memory.ram.fill(0)
    this.#memory.setA20(true)
    this.#cpu.code.flush()
    this.#cpu.reset()
  }

  pressPowerButton(): void {
    this.#board.acpi.pressPowerButton()
  }

  drives(): DriveStatus[] {
    return this.#floppies.flatMap(({ medium, readonly }, i): DriveStatus[] => {
      const drive = this.#board.fdc.drives[i]!
      if (!drive.present) return []
      return [{
        id: `floppy${i}`, kind: 'floppy', medium: medium?.name ?? null, readonly,
        bytesRead: medium?.bytesRead ?? 0, bytesWritten: medium?.bytesWritten ?? 0,
      }]
    })
  }

  eject(drive: string): void {
    const index = this.#floppyIndex(drive)
    const slot = this.#floppies[index]!
    this.#board.fdc.drives[index]!.insert(null)
    slot.medium?.flush()
    slot.medium?.close()
    slot.medium = null
  }

  insert(drive: string, path: string, options: { readonly?: boolean; ephemeral?: boolean } = {}): void {
    const index = this.#floppyIndex(drive)
    const image = openFloppyImage(path, options)
    this.eject(drive)
    this.#insertFloppy(index, image, options.readonly ?? false)
  }

  stats(): MachineStats {
    const { exits, mmu, code, portIo, slow, exceptions } = this.#cpu
    const interrupts: Record<string, number> = {}
    exceptions.counts.forEach((count, vector) => {
      if (count > 0) interrupts[vector.toString(16).padStart(2, '0')] = count
    })
    return {
      instructions: this.#cpu.retired,
      guestNs: this.#clock.nowNs,
      exits: {
        ...exits, 'pio-read': portIo.reads, 'pio-write': portIo.writes, 'slow-read': slow.deviceReads, 'slow-write': slow.deviceWrites,
      },
      interrupts,
      accesses: {},
      cpu: { tlbMisses: mmu.misses, tlbFlushes: mmu.flushes, ...code.stats },
    }
  }

  save(): Uint8Array {
    throw new EngineError('option-invalid', { option: 'save', reason: 'not available' })
  }

  restore(): void {
    throw new EngineError('option-invalid', { option: 'restore', reason: 'not available' })
  }

  close(): void {
    for (const uart of this.#board.uarts) uart.flush()
    this.#board.debugConsole.flush()
    for (let i = 0; i < this.#floppies.length; i++) if (this.#floppies[i]!.medium) this.eject(`floppy${i}`)
  }

  // Parts.

  #ask(what: MachineEvent): void {
    this.#pending = what
    this.#cpu.requestStop()
  }

  #handlePending(): RunOutcome | null {
    const pending = this.#pending
    this.#pending = null
    if (pending === 'power-off') return { kind: 'powered-off' }
    if (pending === 'machine') {
      if (!this.#config.reboot) return { kind: 'powered-off' }
      this.reset()
    } else if (pending === 'cpu') this.#cpu.reset()
    else if (pending) return { kind: 'debug-exit', status: pending.debugExit }
    return null
  }

  #loadRoms(rom: RomSpace): void {
    const { firmware, vgaBios } = this.#config
    if (firmware) rom.loadFirmware(firmware, readImage(firmware))
    if (vgaBios && !firmware) rom.loadVgaBios(vgaBios, readImage(vgaBios))
  }

  /** Other firmware asks QEMU's device for what it is to know. */
  #mapFwCfg(): void {
    const files = new Map<string, Uint8Array>()
    const { vgaBios } = this.#config
    if (vgaBios) files.set('vgaroms/vgabios.bin', readImage(vgaBios))
    const device = new FwCfg(files, this.#memory)
    this.#ports.map({ name: 'fw-cfg', base: FW_CFG_PORT, length: 2, width: 2 }, device.ports)
    this.#ports.map({ name: 'fw-cfg-dma', base: FW_CFG_DMA_PORT, length: 8, width: 4 }, device.dmaPorts)
    this.#board.devices.unshift(device)
  }

  #mapBackdoor(): void {
    const { state } = this.#cpu
    const register = (index: number) => ({
      get: () => state.gpr(index) >>> 0,
      set: (value: number) => state.setGpr(index, value | 0),
      enumerable: true,
    })
    const registers = Object.defineProperties({} as { eax: number; ebx: number; ecx: number; edx: number; esi: number; edi: number }, {
      eax: register(EAX), ebx: register(EBX), ecx: register(ECX), edx: register(EDX), esi: register(ESI), edi: register(EDI),
    })
    this.#ports.map({ name: 'vmware-backdoor', base: BACKDOOR_PORT, length: 4, width: 4 }, {
      read: (offset, size) => {
        if (offset !== 0 || size !== 4) return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff
        this.#board.mouse.call(registers)
        return registers.eax
      },
      write: () => {},
    })
  }

  #fillCmos(floppies: [FloppyDriveType, FloppyDriveType]): void {
    const { boot, memoryMiB, cpus } = this.#config
    const order = boot.length > 0 ? boot : (['floppy', 'cdrom', 'disk'] as const)
    this.#board.rtc.fillCmos(cmosBytes({
      ramBytes: memoryMiB * MIB,
      floppies,
      disks: [null, null],
      numericProcessor: true,
      pointingDevice: true,
      bootOrder: order,
      processors: cpus,
    }))
  }

  #setApicBase(value: number): void {
    this.#apicBase = value
    this.#board.localApic?.setEnabled((value & 0x800) !== 0)
  }

  // Floppies.

  #floppyType(index: number, slot: { image: FloppyImage | null } | undefined): FloppyDriveType {
    const knob = this.#config.knobs.floppyTypes?.[index]
    if (knob !== undefined) return floppyTypeOf(knob)
    if (slot?.image) return driveTypeFor(slot.image.geometry)
    // Drive A is always there; B when it was asked for.
    return index === 0 || slot ? FLOPPY_DRIVE_TYPES[4] : 'none'
  }

  #insertFloppy(index: number, { image, geometry }: FloppyImage, readonly: boolean): void {
    const medium = new MeteredImage(image)
    this.#board.fdc.drives[index]!.insert({ image: medium, geometry })
    this.#floppies[index] = { medium, readonly }
  }

  #floppyIndex(drive: string): number {
    const index = ['floppy0', 'floppy1'].indexOf(drive)
    if (index < 0 || !this.#board.fdc.drives[index]!.present)
      throw new EngineError('option-invalid', { option: drive, reason: 'there is no such drive with removable media' })
    return index
  }
}

function readImage(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new EngineError('file-unusable', { path, reason: error instanceof Error ? error.message : String(error) }, { cause: error })
  }
}

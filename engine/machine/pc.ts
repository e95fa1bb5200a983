import { basename } from 'node:path'
import { performance } from 'node:perf_hooks'
import { EngineError } from '../base/errors.ts'
import { CpuTarget } from '../debugger/cpu-target.ts'
import type { Line } from '../base/line.ts'
import { OpenParts } from '../base/open-parts.ts'
import { MemoryMap } from '../bus/memory-map.ts'
import { PortMap } from '../bus/port-map.ts'
import type { Firmware } from '../firmware/firmware.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../memory/layout.ts'
import { clearMemory } from '../memory/zero-pages.ts'
import { type DiskLayer, type LayerMerge, type MachineConfig, mousePort } from '../protocol/machine-config.ts'
import { because } from '../protocol/reasons.ts'
import type { Accelerator } from '../protocol/vm.ts'
import { DiskError, type DiskFaultListener } from '../storage/block-image.ts'
import { Keyring } from '../storage/formats/luks/keyring.ts'
import type { MergeProgress } from '../storage/formats/merge-layer.ts'
import type { MachineCapture } from '../snapshot/capture.ts'
import type { StateBytes } from '../snapshot/packed-memory.ts'
import { CPU_MODELS } from '../vcpu/model.ts'
import type { Vcpu } from '../vcpu/vcpu.ts'
import { APIC_BASE_AFTER_RESET, Board } from './board.ts'
import type { HostFault } from '../protocol/vm.ts'
import { mapBackdoor } from './backdoor-port.ts'
import { DebugOutputs } from './debug-outputs.ts'
import { DriveBays } from './drive-bays.ts'
import { MachineClock } from './machine-clock.ts'
import type { DriveStatus, Machine, MachineStats, RunOutcome, StateLook } from './machine.ts'
import { createProcessor } from './processor.ts'
import {
  beginMachine,
  captureMachine,
  restoreMachine,
  saveMachine,
  type StatefulParts,
} from './machine-state.ts'
import { RomSpace } from './rom-space.ts'
import { RunLoop } from './run-loop.ts'
import { builtInFirmware, cmosOf, loadRoms, mapFwCfg, powerOnTimeMs } from './start-up.ts'

const NS_PER_MS = 1_000_000n
/** Time-stamp counter ticks per ns: a round frequency that systems of the time can measure. */
const TSC_GHZ = 1

/** How long a firmware call may still take before a state is saved: two seconds of guest time. */
const FIRMWARE_NS = 2_000_000_000
const FIRMWARE_SLICE_NS = 1_000_000
/** A guest that waits for longer than this has nothing more to write for now. */
const LONG_IDLE_NS = 500_000_000
/** Ports that the statistics name. */
const BUSIEST_PORTS = 24

export interface MachineOptions {
  /** It will go on from a saved state: what ephemeral overlays hold is kept. */
  restores?: boolean
  /** Passphrases of its encrypted disks. */
  secrets?: readonly string[]
  /** Monotonic time of the host in ns, given the instructions retired; its own clock when absent. */
  hostNs?: (instructions: number) => number
}

/**
 * Builds the PC that a configuration describes. Throws `file-unusable`, `passphrase-missing`, `passphrase-wrong` or
 * `option-invalid`, leaving nothing open.
 */
export function createMachine(config: MachineConfig, options: MachineOptions = {}): Machine {
  const opened = new OpenParts()
  return opened.fill(() => new Pc(config, options, opened))
}

/** What devices ask the machine for in the middle of an access; done once the processor has stopped. */
type MachineEvent = 'machine' | 'cpu' | 'power-off' | { debugExit: number }

/** The software PC: memory, board, processor, and the loop that runs them. */
class Pc implements Machine {
  readonly #clock: MachineClock
  readonly #memory: MemoryMap
  readonly #ports = new PortMap()
  readonly #board: Board
  readonly #cpu: Vcpu
  readonly #loop: RunLoop
  readonly #config: MachineConfig
  readonly #accelerator: Accelerator
  readonly #bays: DriveBays
  readonly #debugTarget: CpuTarget | null
  #tscOffset = 0
  #firmware: Firmware | null = null
  #pending: MachineEvent | null = null
  /** That of the state that it began from, as long as it is not known to be whole. */
  #look: StateLook | null = null
  /** Why the guest stands: the host has no room for what it wrote. */
  #stalled: DiskError | null = null
  #onFault: (fault: HostFault) => void = () => {}
  #apicBase = APIC_BASE_AFTER_RESET

  /** @param opened takes what must be closed, also when this throws */
  constructor(
    config: MachineConfig,
    { restores = false, secrets = [], hostNs }: MachineOptions,
    private readonly opened: OpenParts,
  ) {
    this.#config = config
    const progress = () => this.#cpu.retiredNow
    this.#clock = hostNs
      ? new MachineClock(() => hostNs(progress() ?? 0), progress, 0)
      : new MachineClock(() => performance.now() * 1e6, progress)
    const guest = new GuestMemory(config.memoryMiB)
    this.#memory = new MemoryMap(guest)
    this.#memory.map({
      name: 'ram',
      base: 0,
      length: config.memoryMiB * MIB,
      read: { offset: RAM_BASE },
      write: { offset: RAM_BASE },
      priority: 0,
    })
    const rom = new RomSpace(this.#memory)
    const model = CPU_MODELS[config.cpuModel]
    const has32Bits = model.features.has('386')
    loadRoms(rom, config, has32Bits)
    const apic = model.features.has('msr')
    const hasManagement = config.knobs.systemManagement === true && model.features.has('486')
    // What the firmware and the clock chip say of memory is what the processor can address.
    const seen = { ...config, memoryMiB: Math.min(config.memoryMiB, model.mostMemoryMiB) }
    this.#bays = opened.add(
      new DriveBays(
        config,
        this.#diskFault,
        { keepsOverlays: restores, keyring: secrets.length > 0 ? new Keyring(secrets) : undefined },
        ({ error }) => this.#stall(error),
        () => this.#awaitLook(),
      ),
    )
    const intr: Line = { set: (high) => this.#cpu.setInterruptRequest(high) }
    this.#board = new Board(
      this.#clock,
      this.#ports,
      this.#memory,
      rom,
      {
        apic,
        hpet: config.knobs.hpet ?? false,
        serialPorts: config.serialPorts,
        mice: { ps2: config.mouse === 'ps2', serialPort: mousePort(config.mouse) },
        floppyDrives: this.#bays.floppyTypes,
        ideDrives: [this.#bays.ideDrives(0), this.#bays.ideDrives(1)],
        virtioDisks: this.#bays.virtioDisks(),
        ideInterruptDelayNs: (config.knobs.ideInterruptDelayUs ?? 0) * 1000,
        unixNs: BigInt(powerOnTimeMs(config.knobs)) * NS_PER_MS,
        debugExit: config.debug.exit,
      },
      {
        intr,
        nmi: () => this.#cpu.raiseNmi(),
        ...(hasManagement && { smi: () => this.#cpu.raiseSmi() }),
        init: () => this.#ask('cpu'),
        resetMachine: () => this.#ask('machine'),
        resetCpu: () => this.#ask('cpu'),
        powerOff: () => this.#ask('power-off'),
        debugExit: (status) => this.#ask({ debugExit: status }),
        diskFault: this.#diskFault,
      },
    )
    const { cpu, accelerator } = createProcessor(config.accel, {
      model,
      memory: this.#memory,
      ports: this.#ports,
      interrupts: this.#board,
      leafLimit: config.knobs.cpuidLimit ?? Infinity,
      isDue: () => this.#loop.isDue,
      timeLeftNs: () => this.#loop.timeLeftNs,
      readTimeStamp: () => {
        const ticks = this.#clock.exactNs * TSC_GHZ + this.#tscOffset
        // Guests ask millions of times: rounding as a step of its own would cost as much as all the rest of this.
        const high = (ticks / 2 ** 32) >>> 0
        return { low: (ticks - high * 2 ** 32) >>> 0, high }
      },
      writeTimeStamp: ({ low, high }) => {
        this.#tscOffset = high * 2 ** 32 + low - Math.floor(this.#clock.exactNs * TSC_GHZ)
      },
      ...(apic
        ? { apicBase: { read: () => this.#apicBase, write: (value: number) => this.#setApicBase(value) } }
        : {}),
      ...(hasManagement && { managementActive: (active: boolean) => this.#board.setManaging(active) }),
      ferr: (high) => this.#board.isa[13]!.set(high),
    })
    this.#cpu = opened.add(cpu)
    this.#accelerator = accelerator
    this.#debugTarget = cpu.debug && new CpuTarget(cpu.debug, this.#memory)
    this.#loop = new RunLoop(
      cpu,
      this.#clock,
      () => this.#pending !== null || this.#stalled !== null,
      config.knobs.instructionsPerSecond,
      config.knobs.smallTlb ? () => cpu.forgetTranslations() : undefined,
      !hostNs,
    )
    this.#bays.attach(this.#board.fdc, this.#board.ide)
    opened.add(new DebugOutputs(config.debug, this.#board, this.#ports, (fault) => this.#onFault(fault)))
    mapBackdoor(this.#ports, cpu, this.#board.mouse)
    this.#board.rtc.fillCmos(cmosOf(seen, this.#bays))
    if (config.firmware) this.#board.devices.unshift(mapFwCfg(config, this.#ports, this.#memory))
    else this.#startFirmware(seen, apic, has32Bits)
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

  get clipboard() {
    return this.#board.clipboard
  }

  get serial() {
    return this.#board.serialEnds
  }

  get debugTarget() {
    return this.#debugTarget
  }

  /** What the host failed is the drive's to tell its guest. */
  readonly #diskFault: DiskFaultListener = ({ drive, operation, error: { kind, path, reason } }) =>
    this.#onFault({ drive, operation, path, kind, reason })

  run(sliceNs: number): RunOutcome {
    this.#memory.memory.absent?.check()
    this.#tryToGoOn()
    if (this.#stalled) return this.#stalledBy(this.#stalled)
    this.#clock.start()
    let idleNs = 0
    let lateNs = 0
    try {
      const end = this.#clock.exactNs + sliceNs * this.#clock.scale
      for (;;) {
        const exit = this.#loop.run(Math.max(0, end - this.#clock.exactNs))
        switch (exit.kind) {
          case 'slice':
            return { kind: 'slice' }
          case 'idle':
            idleNs = exit.wakeNs
            lateNs = exit.lateNs
            return { kind: 'idle', wakeNs: idleNs / this.#clock.scale, held: exit.held }
          case 'breakpoint':
            return { kind: 'stopped' }
          case 'shutdown':
            if (!this.#config.reboot) return { kind: 'crashed', reason: because('triple-fault') }
            // As on a PC: the chipset answers the shutdown cycle with a reset of the processor.
            this.#cpu.reset()
            break
          case 'event': {
            if (this.#stalled) return this.#stalledBy(this.#stalled)
            const outcome = this.#handlePending()
            if (outcome) return outcome
          }
        }
      }
    } finally {
      this.#clock.stop(idleNs, lateNs)
      this.#bays.settle(performance.now(), idleNs > LONG_IDLE_NS)
      // Bytes that the guest has sent are told before how the run ended.
      for (const uart of this.#board.uarts) uart.flush()
    }
  }

  attend(): void {
    this.#loop.attend()
  }

  setWatched(isWatched: boolean): void {
    this.#loop.isWatched = isWatched
  }

  reset(): void {
    this.#pending = null
    for (const device of this.#board.devices) device.reset()
    this.#setApicBase(APIC_BASE_AFTER_RESET)
    this.#memory.memory.absent?.abandon()
    clearMemory(this.#memory.memory.ram)
    this.#memory.setA20(true)
    this.#cpu.memoryReplaced()
    this.#cpu.reset()
  }

  pressPowerButton(): void {
    this.#board.acpi.pressPowerButton()
  }

  setCap(percent: number): void {
    this.#loop.cap.percent = percent
  }

  setTimeScale(scale: number): void {
    if (scale !== 1 && this.#cpu.retiredNow === null)
      throw new EngineError('option-invalid', {
        option: 'speed of time',
        reason: because('kvm-own-time'),
      })
    this.#clock.scale = scale
  }

  drives(): DriveStatus[] {
    return this.#bays.status()
  }

  eject(drive: string): void {
    this.#bays.eject(drive)
  }

  insert(drive: string, path: string, options: { readonly?: boolean; ephemeral?: boolean } = {}): void {
    this.#bays.insert(drive, path, options)
  }

  stats(): MachineStats {
    return {
      accelerator: this.#accelerator,
      instructions: this.#cpu.retired,
      guestNs: this.#clock.exactNs,
      capPercent: this.#loop.cap.percent,
      timeScale: this.#clock.scale,
      behindNs: this.#clock.behindNs,
      lines: Object.fromEntries(
        this.#board.requests.flatMap((count, irq) => (count > 0 ? [[`IRQ ${irq}`, count]] : [])),
      ),
      accesses: { ...this.#ports.busiest(BUSIEST_PORTS), ...this.#memory.deviceAccesses() },
      ...this.#cpu.counters(),
    }
  }

  onFault(listener: (fault: HostFault) => void): void {
    this.#onFault = listener
  }

  save(): Uint8Array {
    this.#finishFirmwareCall()
    this.#awaitLook()
    return this.#bays.readable(() => {
      this.#bays.flush()
      return saveMachine(this.#stateful())
    })
  }

  get captureBytes(): number {
    const { ramAsItIs, vram } = this.#memory.memory
    return ramAsItIs.length + vram.length
  }

  lookAt(bay: number): boolean {
    return this.#bays.readable(() => {
      this.#bays.flush()
      return this.#bays.lookAt(bay)
    })
  }

  freeze(layers: readonly DiskLayer[], room: Uint8Array): MachineCapture {
    this.#finishFirmwareCall()
    this.#awaitLook()
    this.bringIn(Infinity)
    return this.#bays.readable(() => {
      this.#bays.flush()
      this.#bays.layers.layOver(layers)
      return captureMachine(this.#stateful(), room)
    })
  }

  thaw(): void {
    this.#bays.layers.takeOff()
  }

  beginMerge(layers: LayerMerge): readonly string[] {
    return this.#bays.readable(() => this.#bays.layers.beginMerge(layers))
  }

  mergeStep(): MergeProgress | null {
    return this.#bays.layers.mergeStep()
  }

  settleMerge(): void {
    this.#bays.layers.settleMerge()
  }

  endMerge(isMerged: boolean): void {
    this.#bays.layers.endMerge(isMerged)
  }

  restore(state: Uint8Array, insists = false): void {
    this.#finishFirmwareCall()
    this.#bays.readable(() => restoreMachine(this.#stateful(), state, insists))
    this.#look = null
  }

  beginFrom(state: StateBytes, insists = false, look: StateLook | null = null): void {
    this.#finishFirmwareCall()
    // The host's processor asks nobody before it reaches for memory.
    const whenReached = this.#accelerator.name !== 'kvm'
    const begin = () => beginMachine(this.#stateful(), state, { insists, whenReached, look })
    if (this.#bays.readable(begin)) this.#look = look
  }

  bringIn(budgetNs: number): boolean {
    if (this.#look && this.#look.isWhole !== null) this.#awaitLook()
    const untilMs = performance.now() + budgetNs / 1e6
    const { memory } = this.#memory
    while (memory.absent?.bringNext()) if (performance.now() >= untilMs) return true
    return this.#look !== null
  }

  /** Nothing that lasts may come of a state that turns out to be damaged. Throws `state-invalid`, from then on each time. */
  #awaitLook(): void {
    if (this.#look && !this.#look.wait())
      throw new EngineError('state-invalid', {
        device: 'state file',
        reason: because('state-damaged-late'),
      })
    this.#look = null
  }

  /** Nothing more of the guest runs until the host has room for what it wrote. */
  #stall(error: DiskError): void {
    this.#stalled = error
    this.#cpu.requestStop()
  }

  #stalledBy({ path, reason }: DiskError): RunOutcome {
    return { kind: 'stalled', path, reason }
  }

  #tryToGoOn(): void {
    if (!this.#stalled) return
    try {
      this.#bays.deliver()
      this.#stalled = null
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      if (error.kind === 'full') this.#stalled = error
      else {
        // The medium is lost in another way now: the guest hears of it at its next access.
        this.#stalled = null
        const { path, kind, reason } = error
        this.#onFault({ drive: null, operation: 'write', path, kind, reason })
      }
    }
  }

  /** A call to the firmware is no state that can be saved; it takes some thousand instructions at most. */
  #finishFirmwareCall(): void {
    // Throws while the guest stands for want of room: what it wrote belongs to its state.
    this.#bays.readable(() => this.#bays.deliver())
    this.#stalled = null
    this.#clock.start()
    const untilNs = this.#clock.exactNs + FIRMWARE_NS
    while (this.#firmware?.busy && !this.#pending && !this.#stalled && this.#clock.exactNs < untilNs)
      this.#loop.run(FIRMWARE_SLICE_NS)
    this.#clock.stop(0)
    if (this.#firmware?.busy)
      throw new EngineError('state-invalid', {
        device: 'firmware',
        reason: because('state-firmware-call'),
      })
  }

  #stateful(): StatefulParts {
    const { memoryMiB, cpuModel, serialPorts, firmware } = this.#config
    return {
      fingerprint: {
        'memory in MiB': memoryMiB,
        'processor model': cpuModel,
        'serial ports': serialPorts,
        firmware: firmware ? basename(firmware) : 'built in',
      },
      clock: this.#clock,
      memory: this.#memory,
      devices: this.#board.devices,
      drives: this.#bays.loaded(),
      cpu: this.#cpu,
      board: {
        save: () => ({ tscOffset: this.#tscOffset, apicBase: this.#apicBase }),
        restore: ({ tscOffset, apicBase }) => {
          this.#tscOffset = tscOffset
          this.#setApicBase(apicBase)
        },
      },
    }
  }

  close(): void {
    for (const uart of this.#board.uarts) uart.flush()
    this.#board.debugConsole.flush()
    this.#board.parallel.flush()
    this.#memory.memory.absent?.close()
    this.opened.close()
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

  #startFirmware(config: MachineConfig, apic: boolean, has32Bits: boolean): void {
    const [ports, memory] = [this.#ports, this.#memory]
    const firmware = builtInFirmware(config, this.#bays, this.#clock, memory, {
      apic,
      instructions: () => this.#cpu.retiredNow,
      ...(has32Bits ? {} : { wide: { ports, memory } }),
    })
    this.#firmware = firmware
    for (const { range, device } of firmware.ports) this.#ports.map(range, device)
    this.#board.devices.unshift(firmware)
  }

  #setApicBase(value: number): void {
    this.#apicBase = value
    this.#board.setApicBase(value)
  }
}

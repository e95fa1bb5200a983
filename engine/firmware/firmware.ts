import type { Clock } from '../base/clock.ts'
import { type Log, silentLog } from '../base/log.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { Device } from '../devices/device.ts'
import { parseSaved } from '../base/saved-state.ts'
import type { FirmwareConfig } from './config.ts'
import type { FirmwareDisk } from './disk.ts'
import { FirmwarePort } from './port/firmware-port.ts'
import type { Service } from './port/protocol.ts'
import type { Outcome, Registers } from './port/registers.ts'
import { boot } from './services/boot/boot.ts'
import { apm } from './services/apm/apm.ts'
import type { Context } from './services/context.ts'
import { int10, initializeVideo } from './services/int10/index.ts'
import { int13, int40 } from './services/int13/index.ts'
import { int16 } from './services/keyboard/int16.ts'
import { keyboardInterrupt } from './services/keyboard/interrupt.ts'
import { pciBios } from './services/pci/pci-bios.ts'
import { plugAndPlay } from './services/pnp/pnp.ts'
import { mouseInterrupt } from './services/pointing/int15-c2.ts'
import { post, postWithVectors } from './services/post/post.ts'
import { int14, int17 } from './services/system/ports.ts'
import { int15 } from './services/system/int15.ts'
import { int1a } from './services/system/time.ts'
import { DONE } from './port/registers.ts'
import { initialState, stateSchema } from './state.ts'

const KEYBOARD_SERVICE = 0x16

type Handler = (registers: Registers, context: Context) => Service<Outcome>

/** By the number that a stub in the ROM pushes: interrupts by their own, the others from 100h on. */
const SERVICES: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [0x10, int10],
  [0x13, int13],
  [0x14, int14],
  [0x15, int15],
  [KEYBOARD_SERVICE, int16],
  [0x17, int17],
  [0x1a, int1a],
  [0x40, int40],
  [0x100, post],
  [0x101, keyboardInterrupt],
  [0x102, mouseInterrupt],
  [0x103, postWithVectors],
  [0x104, pci32],
  [0x105, (registers, context) => apm(registers, context, false)],
  [0x106, plugAndPlay],
  [0x107, (registers, context) => apm(registers, context, false)],
  [0x110, initializeVideo],
  [0x119, boot],
])

function* pci32(registers: Registers, context: Context): Service<Outcome> {
  yield* pciBios(registers, context, false)
  return DONE
}

/**
 * The PC BIOS behind its paravirtual port. The ROM images (resources/firmware/bios.bin and vgabios.bin) must be
 * mapped by the machine, and so must `ports`.
 */
export class Firmware implements Device {
  readonly id = 'firmware'
  readonly #port: FirmwarePort
  readonly #context: Context

  /** @param memory where a kernel that is booted directly gets written; nothing else is */
  constructor(
    config: FirmwareConfig,
    clock: Clock,
    memory: Pick<MemoryMap, 'dmaWrite'>,
    log: Log = silentLog,
  ) {
    this.#context = {
      config,
      clock,
      instructions: () => config.instructions?.() ?? Math.floor(clock.nowNs / 10),
      log,
      state: initialState(),
      placeKernel: () => {
        for (const { address, bytes } of config.kernel?.pieces ?? []) memory.dmaWrite(address, bytes)
      },
    }
    this.#port = new FirmwarePort(
      clock,
      (service, registers) => {
        // Whoever calls for anything else is at work.
        if (service !== KEYBOARD_SERVICE) this.#context.state.polls = initialState().polls
        return SERVICES.get(service)?.(registers, this.#context) ?? null
      },
      log,
      config.wide,
    )
  }

  /** True while a call is in progress: the machine has to run on a little before its state can be saved. */
  get busy(): boolean {
    return this.#port.busy
  }

  /** Port ranges for the machine to map. */
  get ports(): FirmwarePort['ports'] {
    return this.#port.ports
  }

  reset(): void {
    this.#port.reset()
    Object.assign(this.#context.state, initialState())
  }

  save() {
    const { state, config } = this.#context
    const changes = (disks: readonly FirmwareDisk[]) => disks.map(({ changed }) => changed)
    const changed = { floppies: changes(config.floppies), cdroms: changes(config.cdroms) }
    const saved = structuredClone({ version: 1, changed, ...state })
    // Another process counts its instructions from somewhere else.
    saved.polls.lastAt -= this.#context.instructions()
    return saved
  }

  restore(state: unknown): void {
    const { version: _, changed, ...rest } = parseSaved(this.id, stateSchema, state)
    const { floppies, cdroms } = this.#context.config
    for (const [index, disk] of floppies.entries()) disk.changed = changed.floppies[index] ?? true
    for (const [index, disk] of cdroms.entries()) disk.changed = changed.cdroms[index] ?? true
    rest.polls.lastAt += this.#context.instructions()
    this.#port.reset()
    Object.assign(this.#context.state, rest)
  }
}

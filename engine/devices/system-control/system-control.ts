import * as v from 'valibot'
import type { Clock } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import type { Speaker } from '../pit/speaker.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'

const PORT_B = { GATE2: 0x01, SPEAKER: 0x02, REFRESH: 0x10, OUT2: 0x20, WRITABLE: 0x0f } as const
const PORT_A = { FAST_RESET: 0x01, A20: 0x02 } as const

/** Time between two memory refreshes, at which the refresh bit toggles; programs count them to wait. */
const REFRESH_NS = 15_085

const saved = v.object({ version: v.literal(1), portA: bits(2), portB: bits(4) })

/** What port 61h sees of the timer. */
export interface Channel2 {
  readonly gate2: Line
  /** OUT2 at a guest time, which is now: programs poll this port, and one look at the clock is enough for all of it. */
  out2At(nowNs: number): boolean
}

export interface SystemControlWiring {
  timer: Channel2
  speaker: Speaker
  /** The A20 gate of port 92h; the address line follows it or the keyboard controller's, whichever is high. */
  a20: Line
  /** Resets the processor only. */
  reset(): void
}

/**
 * System control ports of a PC/AT and PS/2: port 61h with the speaker, the timer's gate and the refresh bit,
 * port 92h with A20 and the fast processor reset.
 * @see Intel 82371SB (PIIX3) 290550, "NMI status and control register" and "Port 92 register"
 */
export class SystemControl implements Device {
  readonly id = 'system-control'
  #portA = 0
  #portB = 0

  /** Port 92h. */
  readonly portA: BusDevice = {
    read: () => this.#portA,
    write: (_offset, value) => this.#writeA(value),
  }

  /** Port 61h. */
  readonly portB: BusDevice = {
    read: () => this.#readB(),
    write: (_offset, value) => this.#writeB(value & PORT_B.WRITABLE),
  }

  constructor(
    private readonly clock: Clock,
    private readonly wiring: SystemControlWiring,
  ) {}

  reset(): void {
    this.#setA(0)
    this.#writeB(0)
  }

  save(): v.InferOutput<typeof saved> {
    return { version: 1, portA: this.#portA, portB: this.#portB }
  }

  restore(state: unknown): void {
    const { portA, portB } = parseSaved(this.id, saved, state)
    this.#setA(portA)
    this.#writeB(portB)
  }

  #writeA(value: number): void {
    this.#setA(value & PORT_A.A20)
    // The bit reads 0 at once, as after the firmware's own write of 0 that would follow the reset.
    if (value & PORT_A.FAST_RESET) this.wiring.reset()
  }

  #setA(value: number): void {
    this.#portA = value
    this.wiring.a20.set((value & PORT_A.A20) !== 0)
  }

  #readB(): number {
    const { nowNs } = this.clock
    const refresh = Math.floor(nowNs / REFRESH_NS) & 1
    return this.#portB | (refresh ? PORT_B.REFRESH : 0) | (this.wiring.timer.out2At(nowNs) ? PORT_B.OUT2 : 0)
  }

  #writeB(value: number): void {
    this.#portB = value
    this.wiring.timer.gate2.set((value & PORT_B.GATE2) !== 0)
    this.wiring.speaker.enable((value & PORT_B.SPEAKER) !== 0, this.clock.nowNs)
  }
}

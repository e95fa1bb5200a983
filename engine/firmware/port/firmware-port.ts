import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Clock } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type Exchange, HEADER_BYTES, type Service } from './protocol.ts'
import { DONE, type Outcome, packOutcome, Registers } from './registers.ts'

/** I/O ports of the firmware: the base port hands out channels, the others are the channels. */
export const FIRMWARE_PORT = { name: 'firmware', base: 0x0f00, length: 0x80, width: 4 } as const

const CHANNEL_BYTES = 4
const CHANNELS = FIRMWARE_PORT.length / CHANNEL_BYTES - 1
/** A call untouched for this long was left for good, as by a program that jumps out of a hook. */
const ABANDONED_NS = 1_000_000_000
const EMPTY = new Uint8Array(0)

/** Starts the service of this number, or returns null when there is none. */
export type Dispatch = (service: number, registers: Registers) => Service<Outcome> | null

class Channel {
  state: 'free' | 'header' | 'running' | 'ending' = 'free'
  lastUseNs = 0
  #registers = new Registers()
  #service: Service<Outcome> | null = null
  #out: Uint8Array = EMPTY
  #outAt = 0
  #in: Uint8Array = EMPTY
  #inAt = 0

  begin(): void {
    this.state = 'header'
    this.#service = null
    this.#out = EMPTY
    this.#outAt = 0
    this.#expect(HEADER_BYTES)
  }

  /** Bytes that the ROM writes; more than the command asks for are ignored. */
  take(from: Uint8Array): void {
    const room = this.#in.length - this.#inAt
    const count = Math.min(room, from.length)
    this.#in.set(count < from.length ? from.subarray(0, count) : from, this.#inAt)
    this.#inAt += count
  }

  takeByte(value: number): void {
    if (this.#inAt < this.#in.length) this.#in[this.#inAt++] = value
  }

  /** Fills `into` with what the ROM reads next; zeros where there is nothing. */
  give(into: Uint8Array, dispatch: Dispatch, log: Log): void {
    if (this.#outAt >= this.#out.length) this.#advance(dispatch, log)
    const count = Math.min(into.length, this.#out.length - this.#outAt)
    into.set(this.#out.subarray(this.#outAt, this.#outAt + count))
    into.fill(0, count)
    this.#outAt += count
    if (this.state === 'ending' && this.#outAt >= this.#out.length) this.state = 'free'
  }

  #expect(bytes: number): void {
    this.#in = bytes ? new Uint8Array(bytes) : EMPTY
    this.#inAt = 0
  }

  #advance(dispatch: Dispatch, log: Log): void {
    try {
      if (this.state === 'header') {
        const { service, registers } = Registers.parse(this.#in)
        this.#registers = registers
        this.#service = dispatch(service, registers)
        if (!this.#service) log.warn(`firmware: no service ${service.toString(16)}h`)
        this.state = 'running'
      }
      if (this.state !== 'running') return
      const next = this.#service?.next(this.#in) ?? { done: true as const, value: DONE }
      if (next.done) this.#end(next.value)
      else this.#exchange(next.value)
    } catch (error) {
      // A service that fails is a fault of ours, never the guest's: it sees an error status, and we the reason.
      log.warn(`firmware: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      this.#registers.setCarry(true)
      this.#registers.ah = 0x86
      this.#end(DONE)
    }
  }

  #exchange({ send, expect }: Exchange): void {
    this.#out = send
    this.#outAt = 0
    this.#expect(expect)
  }

  #end(outcome: Outcome): void {
    this.#out = packOutcome(outcome, this.#registers)
    this.#outAt = 0
    this.#service = null
    this.#expect(0)
    this.state = 'ending'
  }
}

/**
 * The paravirtual port between the ROM and its services: see protocol.ts. Each call has a channel of its
 * own, so that interrupt handlers and other virtual machines of a multitasking guest can call while a call
 * is in progress.
 */
export class FirmwarePort implements BusDevice {
  readonly #channels = Array.from({ length: CHANNELS }, () => new Channel())
  readonly #word = new Uint8Array(4)

  constructor(
    private readonly clock: Clock,
    private readonly dispatch: Dispatch,
    private readonly log: Log = silentLog,
  ) {}

  /** True while a call is in progress, which cannot be saved. */
  get busy(): boolean {
    const { nowNs } = this.clock
    return this.#channels.some(
      (channel) =>
        channel.state !== 'free' && channel.state !== 'header' && nowNs - channel.lastUseNs < ABANDONED_NS,
    )
  }

  reset(): void {
    for (const channel of this.#channels) channel.state = 'free'
  }

  read(offset: number, size: AccessSize): number {
    if (offset < CHANNEL_BYTES) return offset === 0 ? this.#open() : 0xff
    const word = this.#word.subarray(0, size)
    this.readBlock(word, offset)
    let value = 0
    for (let at = size - 1; at >= 0; at--) value = value * 256 + word[at]!
    return value
  }

  write(offset: number, value: number, size: AccessSize): void {
    const channel = this.#channel(offset)
    if (!channel || channel.state === 'free') return
    channel.lastUseNs = this.clock.nowNs
    for (let at = 0; at < size; at++) channel.takeByte((value >>> (8 * at)) & 0xff)
  }

  /** REP INS in one piece. */
  readBlock(into: Uint8Array, offset: number): void {
    const channel = this.#channel(offset)
    if (!channel || channel.state === 'free') {
      into.fill(0xff)
      return
    }
    channel.lastUseNs = this.clock.nowNs
    channel.give(into, this.dispatch, this.log)
  }

  /** REP OUTS in one piece. */
  writeBlock(from: Uint8Array, offset: number): void {
    const channel = this.#channel(offset)
    if (!channel || channel.state === 'free') return
    channel.lastUseNs = this.clock.nowNs
    channel.take(from)
  }

  #channel(offset: number): Channel | undefined {
    return this.#channels[(offset >> 2) - 1]
  }

  /** A free channel, else the one that has been left alone longest. */
  #open(): number {
    let best = 0
    this.#channels.forEach((channel, index) => {
      const chosen = this.#channels[best]!
      if (chosen.state === 'free') return
      if (channel.state === 'free' || channel.lastUseNs < chosen.lastUseNs) best = index
    })
    const channel = this.#channels[best]!
    channel.begin()
    channel.lastUseNs = this.clock.nowNs
    return FIRMWARE_PORT.base + (best + 1) * CHANNEL_BYTES
  }
}

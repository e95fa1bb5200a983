import { type AccessSize, type BulkPort, type BusDevice, floating } from '../../bus/bus-device.ts'
import type { PortRange } from '../../bus/port-map.ts'
import type { Clock } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { carryOutWide, type WideAccess } from './wide-commands.ts'
import { type Exchange, HEADER_BYTES, type Service } from './protocol.ts'
import { DONE, type Outcome, packOutcome, Registers } from './registers.ts'

/** The port that hands out channels; the channels' own ports follow it. */
export const FIRMWARE_PORT = 0x0f00
const CHANNEL_BYTES = 4
const CHANNELS = 31
/** A call untouched for this long was left for good, as by a program that jumps out of a hook. */
const ABANDONED_NS = 1_000_000_000
const EMPTY = new Uint8Array(0)

/** Starts the service of this number, or returns null when there is none. */
export type Dispatch = (service: number, registers: Registers) => Service<Outcome> | null

interface ChannelOwner {
  clock: Clock
  dispatch: Dispatch
  log: Log
  wide: WideAccess | null
}

class Channel implements BusDevice, BulkPort {
  state: 'free' | 'header' | 'running' | 'ending' = 'free'
  lastUseNs = 0
  #registers = new Registers()
  #service: Service<Outcome> | null = null
  #out: Uint8Array = EMPTY
  #outAt = 0
  #in: Uint8Array = EMPTY
  #inAt = 0

  constructor(private readonly owner: ChannelOwner) {}

  begin(): void {
    this.free()
    this.state = 'header'
    this.lastUseNs = this.owner.clock.nowNs
    this.#expect(HEADER_BYTES)
  }

  /** Drops the call, with what it still had to say and to hear. */
  free(): void {
    this.state = 'free'
    this.#service = null
    this.#out = EMPTY
    this.#outAt = 0
    this.#expect(0)
  }

  /** What the ROM reads next; zeros where there is nothing. */
  read(_: number, size: AccessSize): number {
    if (this.state === 'free') return floating(size)
    this.#prepare()
    let value = 0
    for (let at = size - 1; at >= 0; at--) value = (value << 8) | (this.#out[this.#outAt + at] ?? 0)
    this.#taken(size)
    return value >>> 0
  }

  /** Bytes that the ROM writes; more than the command asks for are ignored. */
  write(_: number, value: number, size: AccessSize): void {
    this.lastUseNs = this.owner.clock.nowNs
    for (let at = 0; at < size && this.#inAt < this.#in.length; at++)
      this.#in[this.#inAt++] = (value >>> (8 * at)) & 0xff
  }

  readBlock(into: Uint8Array): number {
    if (this.state === 'free') return 0
    this.#prepare()
    const count = Math.min(into.length, this.#out.length - this.#outAt) & ~3
    into.set(this.#out.subarray(this.#outAt, this.#outAt + count))
    this.#taken(count)
    return count
  }

  writeBlock(from: Uint8Array): number {
    this.lastUseNs = this.owner.clock.nowNs
    const count = Math.min(from.length, this.#in.length - this.#inAt) & ~3
    this.#in.set(from.subarray(0, count), this.#inAt)
    this.#inAt += count
    return count
  }

  #prepare(): void {
    this.lastUseNs = this.owner.clock.nowNs
    if (this.#outAt >= this.#out.length) this.#advance()
  }

  #taken(bytes: number): void {
    this.#outAt += bytes
    if (this.state === 'ending' && this.#outAt >= this.#out.length) this.state = 'free'
  }

  #expect(bytes: number): void {
    this.#in = bytes ? new Uint8Array(bytes) : EMPTY
    this.#inAt = 0
  }

  #advance(): void {
    const { dispatch, log, wide } = this.owner
    try {
      if (this.state === 'header') {
        const { service, registers } = Registers.parse(this.#in)
        this.#registers = registers
        this.#service = dispatch(service, registers)
        if (!this.#service) log.warn(`firmware: no service ${service.toString(16)}h`)
        this.state = 'running'
      }
      if (this.state !== 'running') return
      for (let heard = this.#in; ;) {
        const next = this.#service?.next(heard) ?? { done: true as const, value: DONE }
        if (next.done) return this.#end(next.value)
        const answer = wide && carryOutWide(wide, next.value)
        if (!answer) return this.#exchange(next.value)
        heard = answer
      }
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
export class FirmwarePort {
  readonly #channels: Channel[]
  /** What the machine maps. */
  readonly ports: readonly { range: PortRange; device: BusDevice }[]

  /** @param wide given where the ROM's processor has 16 bits */
  constructor(
    private readonly clock: Clock,
    dispatch: Dispatch,
    log: Log = silentLog,
    wide: WideAccess | null = null,
  ) {
    this.#channels = Array.from({ length: CHANNELS }, () => new Channel({ clock, dispatch, log, wide }))
    const base: BusDevice = {
      read: (offset, size) => (offset === 0 ? this.#open() : floating(size)),
      write: () => {},
    }
    this.ports = [base, ...this.#channels].map((device, index) => ({
      range: {
        name: index === 0 ? 'firmware' : `firmware-call-${index}`,
        base: FIRMWARE_PORT + index * CHANNEL_BYTES,
        length: CHANNEL_BYTES,
        width: 4 as const,
      },
      device,
    }))
  }

  /** True while a call is in progress, its registers being handed over included: that cannot be saved. */
  get busy(): boolean {
    const { nowNs } = this.clock
    return this.#channels.some(({ state, lastUseNs }) => state !== 'free' && nowNs - lastUseNs < ABANDONED_NS)
  }

  reset(): void {
    for (const channel of this.#channels) channel.free()
  }

  /** A free channel, else the one that has been left alone longest. */
  #open(): number {
    let best = 0
    this.#channels.forEach((channel, index) => {
      const chosen = this.#channels[best]!
      if (chosen.state === 'free') return
      if (channel.state === 'free' || channel.lastUseNs < chosen.lastUseNs) best = index
    })
    this.#channels[best]!.begin()
    return FIRMWARE_PORT + (best + 1) * CHANNEL_BYTES
  }
}

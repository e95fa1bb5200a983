import * as v from 'valibot'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import { bits } from '../../base/saved-state.ts'

/** Register addresses from 8 on. */
const STATUS_COMMAND = 8
const REQUEST = 9
const SINGLE_MASK = 10
const MODE = 11
const CLEAR_BYTE_POINTER = 12
const MASTER_CLEAR = 13
const CLEAR_MASK = 14
const ALL_MASK = 15

const COMMAND_DISABLE = 0x04
export const TRANSFER = { VERIFY: 0, WRITE: 1, READ: 2 } as const
const AUTO_INITIALIZE = 0x10
const DECREMENT = 0x20
const CASCADE = 0xc0

const channelSaved = v.object({
  baseAddress: bits(16),
  baseCount: bits(16),
  address: bits(16),
  /** One less than the transfers to go. */
  count: bits(16),
  mode: bits(8),
})

export const controllerSaved = v.object({
  channels: v.tuple([channelSaved, channelSaved, channelSaved, channelSaved]),
  command: bits(8),
  terminalCounts: bits(4),
  requests: bits(4),
  mask: bits(4),
  /** The byte-pointer flip-flop: the next byte is the high one. */
  highByte: v.boolean(),
})

type State = v.InferOutput<typeof controllerSaved>

const idle = () => ({ baseAddress: 0, baseCount: 0, address: 0, count: 0, mode: 0 })
const powerOn = (): State => ({
  channels: [idle(), idle(), idle(), idle()],
  command: 0,
  terminalCounts: 0,
  requests: 0,
  mask: 15,
  highByte: false,
})

/** Transfers that the controller grants, from `address` on. */
export interface Grant {
  address: number
  transfers: number
  /** The address counts down. */
  down: boolean
  /** 0 verify (no data moves), 1 to memory, 2 from memory, 3 illegal. */
  type: number
  /** The count ends with these transfers. */
  terminal: boolean
}

/**
 * The registers of one Intel 8237A. Which bytes an address means and what moves is `Dma`'s business.
 * Memory-to-memory transfers are left out, as in the chipsets that contain it.
 * @see Intel 8237A datasheet 231466; Intel 82371SB (PIIX3) 290550, section 2.5.1
 */
export class DmaController implements BusDevice {
  #state = powerOn()

  reset(): void {
    this.#state = powerOn()
  }

  save(): State {
    return structuredClone(this.#state)
  }

  restore(saved: State): void {
    this.#state = structuredClone(saved)
  }

  /** The channel (0 to 3) would answer a request now. */
  isReady(channel: number): boolean {
    const { command, mask, channels } = this.#state
    const cascade = (channels[channel]!.mode & CASCADE) === CASCADE
    return !(command & COMMAND_DISABLE) && !(mask & (1 << channel)) && !cascade
  }

  /** DREQ, as the status register shows it. */
  setRequest(channel: number, high: boolean): void {
    const state = this.#state
    state.requests = high ? state.requests | (1 << channel) : state.requests & ~(1 << channel)
  }

  /** Counts up to `wanted` transfers off; null when the channel is masked or disabled. */
  grant(channel: number, wanted: number): Grant | null {
    if (wanted < 1 || !this.isReady(channel)) return null
    const { address, count, mode } = this.#state.channels[channel]!
    const transfers = Math.min(wanted, count + 1)
    this.#countOff(channel, transfers)
    const terminal = transfers === count + 1
    return { address, transfers, down: (mode & DECREMENT) !== 0, type: (mode >> 2) & 3, terminal }
  }

  read(register: number, _size: AccessSize): number {
    const state = this.#state
    if (register < 8) {
      const { address, count } = state.channels[register >> 1]!
      return this.#nextByte(register & 1 ? count : address)
    }
    if (register === STATUS_COMMAND) {
      const value = (state.requests << 4) | state.terminalCounts
      state.terminalCounts = 0
      return value
    }
    if (register === MASTER_CLEAR) return 0 // the temporary register, of memory-to-memory transfers
    return register === ALL_MASK ? 0xf0 | state.mask : 0xff
  }

  write(register: number, value: number, _size: AccessSize): void {
    const state = this.#state
    const bit = 1 << (value & 3)
    if (register < 8) this.#writeChannel(register, value & 0xff)
    else if (register === STATUS_COMMAND) state.command = value & 0xff
    else if (register === REQUEST) this.#softwareRequest(value)
    else if (register === SINGLE_MASK) state.mask = value & 4 ? state.mask | bit : state.mask & ~bit
    else if (register === MODE) state.channels[value & 3]!.mode = value & 0xfc
    else if (register === CLEAR_BYTE_POINTER) state.highByte = false
    else if (register === MASTER_CLEAR) this.#state = { ...powerOn(), channels: state.channels }
    else if (register === CLEAR_MASK) state.mask = 0
    else state.mask = value & 15
  }

  #nextByte(value: number): number {
    const high = this.#state.highByte
    this.#state.highByte = !high
    return high ? value >> 8 : value & 0xff
  }

  #writeChannel(register: number, value: number): void {
    const state = this.#state
    const channel = state.channels[register >> 1]!
    const high = state.highByte
    state.highByte = !high
    const put = (old: number) => (high ? (old & 0xff) | (value << 8) : (old & 0xff00) | value)
    if (register & 1) channel.count = channel.baseCount = put(channel.baseCount)
    else channel.address = channel.baseAddress = put(channel.baseAddress)
  }

  /** A program's own request: nobody answers on the device side, but the channel counts to its end. */
  #softwareRequest(value: number): void {
    const channel = value & 3
    if (!(value & 4) || this.#state.command & COMMAND_DISABLE) return
    this.#countOff(channel, this.#state.channels[channel]!.count + 1)
  }

  #countOff(index: number, transfers: number): void {
    const state = this.#state
    const channel = state.channels[index]!
    const step = channel.mode & DECREMENT ? -transfers : transfers
    const terminal = transfers === channel.count + 1
    channel.address = (channel.address + step) & 0xffff
    channel.count = (channel.count - transfers) & 0xffff
    if (!terminal) return
    state.terminalCounts |= 1 << index
    if (channel.mode & AUTO_INITIALIZE) {
      channel.address = channel.baseAddress
      channel.count = channel.baseCount
    } else state.mask |= 1 << index
  }
}

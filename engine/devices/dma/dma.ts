import * as v from 'valibot'
import type { BusDevice } from '../../bus/bus-device.ts'
import type { MemoryMap } from '../../bus/memory-map.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import { DmaController, controllerSaved, type Grant, TRANSFER } from './controller.ts'

/** What a device on the ISA bus does with its DMA channel. */
export interface DmaChannel {
  /** Unmasked and enabled: a transfer would move something. */
  readonly ready: boolean
  /** The last transfer ended with the channel's count (the TC pin). */
  readonly terminalCount: boolean
  /** The DREQ pin, for a device that waits with a request; only the status register shows it. */
  setRequest(high: boolean): void
  /**
   * Moves bytes at once, as many as the channel's count still allows. Channels 5 to 7 move whole words.
   * When the guest programmed another direction, or verification, the count goes on but memory stays as it
   * is and the device gets all ones.
   * @param direction `to-memory` takes the buffer's bytes, `from-memory` fills it
   * @returns bytes counted, 0 while masked
   */
  transfer(buffer: Uint8Array, direction: 'to-memory' | 'from-memory'): number
}

export type DmaMemory = Pick<MemoryMap, 'dmaRead' | 'dmaWrite'>

/** Page register of each channel, as offsets from port 80h. Channel 4 is the cascade; its register served refresh. */
const PAGE_OF_CHANNEL = [0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa] as const

const saved = v.object({
  version: v.literal(1),
  controllers: v.tuple([controllerSaved, controllerSaved]),
  pages: v.pipe(v.array(bits(8)), v.length(16)),
  terminal: bits(8),
})

/**
 * The two DMA controllers of a PC/AT with their page registers: channels 0 to 3 move bytes within 64 KiB,
 * 5 to 7 words within 128 KiB, all below 16 MiB. The guest's cascade set-up in channel 4 is kept, but not
 * needed for channels 0 to 3 to work.
 */
export class Dma implements Device {
  readonly id = 'dma'
  /** Channels 0 to 3: ports 00h-0Fh. */
  readonly first = new DmaController()
  readonly #second = new DmaController()
  /** Channels 4 to 7: ports C0h-DFh, a register at every other port. */
  readonly second: BusDevice = {
    read: (offset, size) => this.#second.read(offset >> 1, size),
    write: (offset, value, size) => this.#second.write(offset >> 1, value, size),
  }
  /** Ports 80h-8Fh; those without a channel are plain memory, 80h being where firmware leaves its progress. */
  readonly pages: BusDevice = {
    read: (offset) => this.#pages[offset & 15]!,
    write: (offset, value) => void (this.#pages[offset & 15] = value),
  }
  #pages = new Uint8Array(16)
  /** By channel: the last transfer ended with the count. */
  #terminal = 0

  constructor(private readonly memory: DmaMemory) {}

  /** @param number 0 to 7 but 4 */
  channel(number: number): DmaChannel {
    const controller = number < 4 ? this.first : this.#second
    const own = number & 3
    const isTerminal = () => (this.#terminal & (1 << number)) !== 0
    return {
      get ready() {
        return controller.isReady(own)
      },
      get terminalCount() {
        return isTerminal()
      },
      setRequest: (high) => controller.setRequest(own, high),
      transfer: (buffer, direction) => this.#transfer(number, buffer, direction),
    }
  }

  reset(): void {
    this.first.reset()
    this.#second.reset()
    this.#pages.fill(0)
    this.#terminal = 0
  }

  save(): v.InferOutput<typeof saved> {
    return {
      version: 1,
      controllers: [this.first.save(), this.#second.save()],
      pages: [...this.#pages],
      terminal: this.#terminal,
    }
  }

  restore(state: unknown): void {
    const parsed = parseSaved(this.id, saved, state)
    this.first.restore(parsed.controllers[0])
    this.#second.restore(parsed.controllers[1])
    this.#pages.set(parsed.pages)
    this.#terminal = parsed.terminal
  }

  #transfer(number: number, buffer: Uint8Array, direction: 'to-memory' | 'from-memory'): number {
    const unit = number < 4 ? 1 : 2
    const controller = number < 4 ? this.first : this.#second
    const grant = controller.grant(number & 3, Math.floor(buffer.length / unit))
    this.#terminal &= ~(1 << number)
    if (!grant) return 0
    if (grant.terminal) this.#terminal |= 1 << number
    const bytes = buffer.subarray(0, grant.transfers * unit)
    if (grant.type === (direction === 'to-memory' ? TRANSFER.WRITE : TRANSFER.READ))
      this.#move(number, grant, bytes, direction)
    else if (direction === 'from-memory') bytes.fill(0xff)
    return bytes.length
  }

  #move(number: number, grant: Grant, bytes: Uint8Array, direction: 'to-memory' | 'from-memory'): void {
    const unit = number < 4 ? 1 : 2
    const { address, transfers, down } = grant
    const inOrder = down && direction === 'to-memory' ? reversed(bytes, unit) : bytes
    // The 16-bit address wraps within its page, so there are at most two stretches of memory, low end first.
    const lowest = down ? (address - transfers + 1) & 0xffff : address
    const beforeWrap = Math.min(transfers, 0x10000 - lowest) * unit
    for (const [from, start, end] of [
      [lowest, 0, beforeWrap],
      [0, beforeWrap, inOrder.length],
    ] as const) {
      if (start === end) continue
      const part = inOrder.subarray(start, end)
      if (direction === 'to-memory') this.memory.dmaWrite(this.#physical(number, from), part)
      else this.memory.dmaRead(this.#physical(number, from), part)
    }
    if (down && direction === 'from-memory') bytes.set(reversed(bytes, unit))
  }

  /** Bit 0 of a word channel's page is not used: that address line comes from the controller. */
  #physical(number: number, address: number): number {
    const page = this.#pages[PAGE_OF_CHANNEL[number]!]!
    return number < 4 ? (page << 16) | address : ((page & 0xfe) << 16) | (address << 1)
  }
}

/** A copy with its bytes or words in the opposite order. */
function reversed(bytes: Uint8Array, unit: 1 | 2): Uint8Array {
  const copy = bytes.slice().reverse()
  if (unit === 1) return copy
  for (let at = 0; at + 1 < copy.length; at += 2) {
    const low = copy[at + 1]!
    copy[at + 1] = copy[at]!
    copy[at] = low
  }
  return copy
}

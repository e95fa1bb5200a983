import * as v from 'valibot'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { MemoryMap } from '../../bus/memory-map.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'

/** Selector (16 bits) and data (8 bits): two ports, width 2. */
export const FW_CFG_PORT = 0x510
/** DMA address, big-endian: eight ports, width 4. */
export const FW_CFG_DMA_PORT = 0x514

const KEY_SIGNATURE = 0x0000
const KEY_ID = 0x0001
const KEY_FILE_DIRECTORY = 0x0019
const KEY_FIRST_FILE = 0x0020
/** Bit 14 asks to write, which nothing here allows; bit 15 separates two name spaces. */
const KEY_MASK = 0xbfff
const ID_TRADITIONAL = 1
const ID_DMA = 2
const NAME_BYTES = 56
const DIRECTORY_ENTRY_BYTES = 64

const DMA_ERROR = 1
const DMA_READ = 2
const DMA_SKIP = 4
const DMA_SELECT = 8
const DMA_WRITE = 16
const DMA_SIGNATURE_HIGH = 0x51454d55
const DMA_SIGNATURE_LOW = 0x20434647
/** Longest transfer, so that a guest cannot hold the machine up. */
const DMA_MAX_BYTES = 64 * 1024 * 1024
const DMA_CHUNK_BYTES = 64 * 1024

const schema = v.object({
  version: v.literal(1),
  key: bits(16),
  offset: bits(32),
  dmaAddressHigh: bits(32),
})

/**
 * QEMU's firmware configuration device, for firmware other than the built-in one: named files such as etc/e820,
 * bootorder or vgaroms/vgabios.bin, read through a selector and a data port or by DMA. What it serves is
 * configuration; only the reading position is state.
 * @see QEMU docs/specs/fw_cfg.rst
 */
export class FwCfg implements Device {
  readonly id = 'fw-cfg'
  readonly ports: BusDevice = {
    read: (offset, size) => (offset === 1 && size === 1 ? this.#nextByte() : 0),
    write: (offset, value, size) => {
      if (offset === 0 && size === 2) this.#select(value)
    },
  }
  readonly dmaPorts: BusDevice = {
    read: (offset, size) => dmaSignature(offset, size),
    write: (offset, value, size) => this.#writeDmaAddress(offset, value, size),
  }
  #items = new Map<number, Uint8Array>()
  #key = 0
  #offset = 0
  #dmaAddressHigh = 0

  /** @param files contents by name, at most 55 ASCII characters @param memory for DMA; without it there is none */
  constructor(
    files: ReadonlyMap<string, Uint8Array>,
    private readonly memory: MemoryMap | null = null,
  ) {
    this.#items.set(KEY_SIGNATURE, ascii('QEMU'))
    this.#items.set(KEY_ID, Uint8Array.of(ID_TRADITIONAL | (memory ? ID_DMA : 0), 0, 0, 0))
    // Readers look for names in a sorted directory.
    const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
    sorted.forEach(([, bytes], index) => this.#items.set(KEY_FIRST_FILE + index, bytes))
    this.#items.set(KEY_FILE_DIRECTORY, directory(sorted))
  }

  /** Offers an item by number, e.g. 5 for the number of processors. */
  addItem(key: number, bytes: Uint8Array): void {
    this.#items.set(key & KEY_MASK, bytes)
  }

  reset(): void {
    this.#key = this.#offset = this.#dmaAddressHigh = 0
  }

  save(): v.InferOutput<typeof schema> {
    return { version: 1, key: this.#key, offset: this.#offset, dmaAddressHigh: this.#dmaAddressHigh }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#key = saved.key & KEY_MASK
    this.#offset = saved.offset
    this.#dmaAddressHigh = saved.dmaAddressHigh
  }

  #select(key: number): void {
    this.#key = key & KEY_MASK
    this.#offset = 0
  }

  // Behind the end, and for items that do not exist, zeros come.
  #nextByte(): number {
    const byte = this.#items.get(this.#key)?.[this.#offset] ?? 0
    this.#advance(1)
    return byte
  }

  #advance(count: number): void {
    this.#offset = Math.min(0xffffffff, this.#offset + count)
  }

  #writeDmaAddress(offset: number, value: number, size: AccessSize): void {
    if (!this.memory || size !== 4) return
    const word = byteSwap(value)
    if (offset === 0) this.#dmaAddressHigh = word
    if (offset !== 4) return
    const high = this.#dmaAddressHigh
    this.#dmaAddressHigh = 0
    if (high === 0) this.#transfer(this.memory, word)
  }

  /** The request is copied once and judged as copied: big-endian control, length and 64-bit address. */
  #transfer(memory: MemoryMap, requestAddress: number): void {
    const request = new Uint8Array(16)
    memory.dmaRead(requestAddress, request)
    const view = new DataView(request.buffer)
    const control = view.getUint32(0)
    const length = view.getUint32(4)
    const addressHigh = view.getUint32(8)
    if (control & DMA_SELECT) this.#select(control >>> 16)
    let result = 0
    if (control & DMA_READ) {
      if (addressHigh !== 0 || length > DMA_MAX_BYTES) result = DMA_ERROR
      else this.#copy(memory, view.getUint32(12), length)
    } else if (control & DMA_WRITE) result = DMA_ERROR
    else if (control & DMA_SKIP) this.#advance(length)
    view.setUint32(0, result)
    memory.dmaWrite(requestAddress, request.subarray(0, 4))
  }

  #copy(memory: MemoryMap, address: number, length: number): void {
    const item = this.#items.get(this.#key)
    const chunk = new Uint8Array(Math.min(length, DMA_CHUNK_BYTES))
    for (let done = 0; done < length; done += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, length - done))
      part.fill(0)
      if (item) part.set(item.subarray(this.#offset, this.#offset + part.length))
      this.#advance(part.length)
      memory.dmaWrite((address + done) >>> 0, part)
    }
  }
}

/** An entry of the memory map: type 1 is RAM, 2 reserved. */
export interface E820Entry {
  base: number
  length: number
  type: number
}

/** The file etc/e820, which tells firmware the memory map. */
export function e820File(entries: readonly E820Entry[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(20 * entries.length))
  entries.forEach(({ base, length, type }, index) => {
    view.setBigUint64(20 * index, BigInt(base), true)
    view.setBigUint64(20 * index + 8, BigInt(length), true)
    view.setUint32(20 * index + 16, type, true)
  })
  return new Uint8Array(view.buffer)
}

function directory(files: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const bytes = new Uint8Array(4 + DIRECTORY_ENTRY_BYTES * files.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, files.length)
  files.forEach(([name, contents], index) => {
    const at = 4 + DIRECTORY_ENTRY_BYTES * index
    view.setUint32(at, contents.length)
    view.setUint16(at + 4, KEY_FIRST_FILE + index)
    bytes.set(ascii(name).subarray(0, NAME_BYTES - 1), at + 8)
  })
  return bytes
}

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))
const byteSwap = (word: number): number =>
  ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0

/** The address registers read as "QEMU CFG", big-endian like everything about DMA. */
function dmaSignature(offset: number, size: AccessSize): number {
  let value = 0
  for (let at = offset + size - 1; at >= offset; at--) {
    const word = at < 4 ? DMA_SIGNATURE_HIGH : DMA_SIGNATURE_LOW
    value = value * 256 + ((word >>> (8 * (3 - (at & 3)))) & 0xff)
  }
  return value
}

import type { PciConfigSpace } from '../bus/pci-config-space.ts'

const CAPABILITIES_POINTER = 0x34
const VENDOR_SPECIFIC = 0x09
const FIRST = 0x40

/** Kinds of structures (VIRTIO 1.2, 4.1.4). */
const KIND = { COMMON: 1, NOTIFY: 2, ISR: 3, DEVICE: 4, PCI: 5 } as const

/** Where each structure lies in the memory window. */
export const STRUCTURES = {
  common: { at: 0x000, bytes: 0x38 },
  isr: { at: 0x100, bytes: 4 },
  device: { at: 0x200, bytes: 0x100 },
  notify: { at: 0x300, bytes: 4 },
} as const

/** The base address register of the memory window. */
export const MEMORY_BAR = 1

/** Registers of the way through configuration space for who cannot reach the window. */
export interface ConfigurationAccess {
  bar: number
  offset: number
  length: number
  data: number
}

/** Writes the list that says where everything is; it never changes, but for the last one's registers. */
export function defineCapabilities(config: PciConfigSpace): ConfigurationAccess {
  const { common, isr, device, notify } = STRUCTURES
  let at = FIRST
  config.define(CAPABILITIES_POINTER, 1, at)
  const add = (kind: number, place: { at: number; bytes: number }, extraBytes: number): number => {
    const start = at
    const length = 16 + extraBytes
    at += length
    config.define(start, 1, VENDOR_SPECIFIC)
    config.define(start + 1, 1, kind === KIND.PCI ? 0 : at)
    config.define(start + 2, 1, length)
    config.define(start + 3, 1, kind)
    config.define(start + 4, 1, MEMORY_BAR)
    config.define(start + 8, 4, place.at)
    config.define(start + 12, 4, place.bytes)
    return start
  }
  add(KIND.COMMON, common, 0)
  add(KIND.ISR, isr, 0)
  add(KIND.DEVICE, device, 0)
  // The multiplier behind it is 0: all queues are notified at one place.
  add(KIND.NOTIFY, notify, 4)
  const access = add(KIND.PCI, { at: 0, bytes: 0 }, 4)
  config.define(access + 4, 1, 0, 0xff)
  config.define(access + 8, 4, 0, 0xffffffff)
  config.define(access + 12, 4, 0, 0xffffffff)
  config.define(access + 16, 4, 0, 0xffffffff)
  return { bar: access + 4, offset: access + 8, length: access + 12, data: access + 16 }
}

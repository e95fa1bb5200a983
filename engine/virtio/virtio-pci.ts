import * as v from 'valibot'
import { EngineError } from '../base/errors.ts'
import { bits, parseSaved } from '../base/saved-state.ts'
import type { AccessSize, BusDevice } from '../bus/bus-device.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import { type PciBar, PciFunction, type PciIdentity, pciStateSchema } from '../bus/pci-function.ts'
import { MemoryWindow, PortWindow } from '../bus/pci-window.ts'
import type { PortMap } from '../bus/port-map.ts'
import type { Device } from '../devices/device.ts'
import { technical } from '../protocol/reasons.ts'
import { type ConfigurationAccess, defineCapabilities, MEMORY_BAR, STRUCTURES } from './pci-capabilities.ts'
import type { VirtioDevice, VirtioHost } from './virtio-device.ts'
import { queueSchema, Virtqueue } from './virtqueue.ts'

const VENDOR = 0x1af4
/** Device ids of transitional devices, which have the legacy interface too (4.1.2.1). */
const TRANSITIONAL_ID: Readonly<Record<number, number>> = { 1: 0x1000, 2: 0x1001 }
const WINDOW_BYTES = 0x1000
const LEGACY_PORTS = 64
const HAS_CAPABILITIES = 0x10
const DEVSEL_MEDIUM = 0x0280

/** Common configuration (4.1.4.3). */
const COMMON = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  msixAndQueues: 0x10,
  status: 0x14,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueEnable: 0x1c,
  queueDescriptors: 0x20,
  queueDriver: 0x28,
  queueDevice: 0x30,
} as const
/** Legacy registers (4.1.4.10), in front of the device's own. */
const LEGACY = {
  deviceFeatures: 0,
  driverFeatures: 4,
  queuePage: 8,
  queueSize: 12,
  queueSelect: 14,
  notify: 16,
  status: 18,
  isr: 19,
  device: 20,
} as const
const STATUS = { DRIVER_OK: 4, FEATURES_OK: 8, NEEDS_RESET: 0x40 } as const
const ISR = { QUEUE: 1, CONFIGURATION: 2 } as const
const NO_VECTOR = 0xffff

/** Indirect descriptors, and requests framed in any way for legacy drivers; both are the queue's business. */
const RING_FEATURES = (1 << 28) | (1 << 27)
/** Bit 32: the driver knows version 1. */
const VERSION_1 = 1

const schema = v.strictObject({
  version: v.literal(1),
  pci: pciStateSchema,
  status: bits(8),
  isr: bits(2),
  deviceFeatureSelect: bits(32),
  driverFeatureSelect: bits(32),
  driverFeatures: v.strictTuple([bits(32), bits(32)]),
  queueSelect: bits(16),
  queues: v.array(queueSchema),
  device: v.unknown(),
})

type Registers = Omit<v.InferOutput<typeof schema>, 'version' | 'pci' | 'queues' | 'device'>

const powerOnRegisters = (): Registers => ({
  status: 0,
  isr: 0,
  deviceFeatureSelect: 0,
  driverFeatureSelect: 0,
  driverFeatures: [0, 0],
  queueSelect: 0,
})

export interface VirtioPciOptions {
  /** Unique in a machine. */
  id: string
  ports: PortMap
  memory: MemoryMap
}

/**
 * A virtio device as a PCI card: the interface of version 1 in a window of memory, and for drivers from before it
 * the legacy one in a block of ports. One interrupt, INTA#.
 * @see Virtual I/O Device (VIRTIO) Version 1.2, section 4.1
 */
export class VirtioPci implements Device, VirtioHost {
  readonly id: string
  readonly pci: PciFunction
  readonly queues: readonly Virtqueue[]
  #registers = powerOnRegisters()
  readonly #access: ConfigurationAccess

  constructor(
    { id, ports, memory }: VirtioPciOptions,
    private readonly device: VirtioDevice,
  ) {
    this.id = id
    this.queues = device.queueSizes.map((size) => new Virtqueue(memory, size))
    const modern: BusDevice = {
      read: (offset, size) => this.#readModern(offset, size),
      write: (offset, value, size) => this.#writeModern(offset, value, size),
    }
    const legacy: BusDevice = {
      read: (offset, size) => this.#readLegacy(offset, size),
      write: (offset, value, size) => this.#writeLegacy(offset, value, size),
    }
    this.pci = new VirtioFunction(
      {
        vendorId: VENDOR,
        deviceId: TRANSITIONAL_ID[device.type] ?? 0x1040 + device.type,
        revision: 0,
        classCode: device.classCode,
        subsystemVendorId: VENDOR,
        subsystemId: device.type,
        interruptPin: 1,
        status: DEVSEL_MEDIUM | HAS_CAPABILITIES,
      },
      [
        {
          index: 0,
          kind: 'io',
          length: LEGACY_PORTS,
          window: new PortWindow(ports, { name: `${id}-legacy`, length: LEGACY_PORTS, width: 4 }, legacy),
        },
        {
          index: MEMORY_BAR,
          kind: 'memory',
          length: WINDOW_BYTES,
          window: new MemoryWindow(memory, {
            name: id,
            length: WINDOW_BYTES,
            read: { device: modern },
            write: { device: modern },
            priority: 1,
          }),
        },
      ],
      (register, size) => this.#configurationWritten(register, size),
      (register, size) => this.#beforeConfigurationRead(register, size),
    )
    this.#access = defineCapabilities(this.pci.config)
    device.attach(this)
  }

  // Device.

  reset(): void {
    this.pci.reset()
    this.#resetDevice()
  }

  save() {
    return {
      version: 1 as const,
      pci: this.pci.save(),
      ...structuredClone(this.#registers),
      queues: this.queues.map((queue) => structuredClone(queue.state)),
      device: this.device.save(),
    }
  }

  restore(state: unknown): void {
    const { version: _, pci, queues, device, ...registers } = parseSaved(this.id, schema, state)
    const fit =
      queues.length === this.queues.length &&
      this.queues.every((queue, index) => queue.accepts(queues[index]!))
    const reason = fit ? this.device.refuse(device) : 'its queues do not fit'
    if (reason !== null)
      throw new EngineError('state-invalid', { device: this.id, reason: technical(reason) })
    this.#registers = structuredClone(registers)
    for (const [index, queue] of this.queues.entries()) queue.state = structuredClone(queues[index]!)
    this.pci.restore(pci)
    this.device.restore(device)
  }

  // What the device sees.

  get isReady(): boolean {
    const { status } = this.#registers
    if (status & STATUS.NEEDS_RESET || !this.pci.isBusMaster) return false
    // Drivers from before version 1 look for partitions before they say that they are done.
    return !this.#isModern || (status & STATUS.DRIVER_OK) !== 0
  }

  get #isModern(): boolean {
    return (this.#registers.driverFeatures[1] & VERSION_1) !== 0
  }

  has(feature: number): boolean {
    return (this.#registers.driverFeatures[0] & (1 << feature)) !== 0
  }

  interrupt(queue: Virtqueue): void {
    if (queue.wantsInterrupt) this.#raise(ISR.QUEUE)
  }

  giveUp(): void {
    this.#registers.status |= STATUS.NEEDS_RESET
    if (this.#isModern) this.#raise(ISR.CONFIGURATION)
  }

  #raise(cause: number): void {
    this.#registers.isr |= cause
    this.pci.interrupt.set(true)
  }

  #takeIsr(): number {
    const { isr } = this.#registers
    this.#registers.isr = 0
    this.pci.interrupt.set(false)
    return isr
  }

  // What both interfaces do.

  get #offered(): [number, number] {
    return [(this.device.features | RING_FEATURES) >>> 0, VERSION_1]
  }

  get #queue(): Virtqueue | undefined {
    return this.queues[this.#registers.queueSelect]
  }

  #resetDevice(): void {
    this.#registers = powerOnRegisters()
    for (const queue of this.queues) queue.reset()
    this.device.reset()
    this.pci.interrupt.set(false)
  }

  #notify(queue: number): void {
    if (queue < this.queues.length && this.isReady) this.device.notified(queue)
  }

  #deviceByte(offset: number): number {
    const { configuration } = this.device
    return offset < configuration.length ? configuration[offset]! : 0
  }

  // Version 1.

  #readModern(offset: number, size: AccessSize): number {
    const { common, isr, device } = STRUCTURES
    if (within(offset, common)) return part(this.#commonWord(offset & ~3), offset & 3, size)
    if (within(offset, device)) return joined(size, (index) => this.#deviceByte(offset - device.at + index))
    return offset === isr.at ? this.#takeIsr() : 0
  }

  #commonWord(offset: number): number {
    const { deviceFeatureSelect, driverFeatureSelect, driverFeatures, status, queueSelect } = this.#registers
    const state = this.#queue?.state
    switch (offset) {
      case COMMON.deviceFeatureSelect:
        return deviceFeatureSelect
      case COMMON.deviceFeature:
        return deviceFeatureSelect < 2 ? this.#offered[deviceFeatureSelect as 0 | 1] : 0
      case COMMON.driverFeatureSelect:
        return driverFeatureSelect
      case COMMON.driverFeature:
        return driverFeatureSelect < 2 ? driverFeatures[driverFeatureSelect as 0 | 1] : 0
      case COMMON.msixAndQueues:
        return ((this.queues.length << 16) | NO_VECTOR) >>> 0
      case COMMON.status:
        return ((queueSelect << 16) | status) >>> 0
      case COMMON.queueSize:
        return ((NO_VECTOR << 16) | (state?.size ?? 0)) >>> 0
      case COMMON.queueEnable:
        return state?.isEnabled ? 1 : 0
      case COMMON.queueDescriptors:
        return state?.descriptors.low ?? 0
      case COMMON.queueDescriptors + 4:
        return state?.descriptors.high ?? 0
      case COMMON.queueDriver:
        return state?.available.low ?? 0
      case COMMON.queueDriver + 4:
        return state?.available.high ?? 0
      case COMMON.queueDevice:
        return state?.used.low ?? 0
      case COMMON.queueDevice + 4:
        return state?.used.high ?? 0
      default:
        return 0
    }
  }

  /** Registers are written in their own width; anything else is ignored. */
  #writeModern(offset: number, value: number, size: AccessSize): void {
    if (within(offset, STRUCTURES.notify)) return this.#notify(value & 0xffff)
    if (!within(offset, STRUCTURES.common)) return
    if (size === 4) this.#writeCommonWord(offset, value)
    else if (size === 2) this.#writeCommonHalf(offset, value)
    else if (offset === COMMON.status) this.#writeStatus(value)
  }

  #writeCommonWord(offset: number, value: number): void {
    const registers = this.#registers
    if (offset === COMMON.deviceFeatureSelect) registers.deviceFeatureSelect = value
    else if (offset === COMMON.driverFeatureSelect) registers.driverFeatureSelect = value
    else if (offset === COMMON.driverFeature) {
      const { driverFeatureSelect } = registers
      if (driverFeatureSelect < 2 && !(registers.status & STATUS.FEATURES_OK))
        registers.driverFeatures[driverFeatureSelect as 0 | 1] = value
    } else this.#writeQueueAddress(offset, value)
  }

  #writeQueueAddress(offset: number, value: number): void {
    const state = this.#queue?.state
    // A queue that is in use stays where it is.
    if (!state || state.isEnabled) return
    const half = offset & 4 ? 'high' : 'low'
    const register = offset & ~4
    if (register === COMMON.queueDescriptors) state.descriptors[half] = value
    else if (register === COMMON.queueDriver) state.available[half] = value
    else if (register === COMMON.queueDevice) state.used[half] = value
  }

  #writeCommonHalf(offset: number, value: number): void {
    const queue = this.#queue
    if (offset === COMMON.queueSelect) this.#registers.queueSelect = value
    else if (offset === COMMON.queueSize && queue && !queue.state.isEnabled) queue.setSize(value)
    else if (offset === COMMON.queueEnable && queue && value === 1) queue.state.isEnabled = true
  }

  /** 0 resets the device; features that were not offered, or not those of version 1, are not agreed to. */
  #writeStatus(value: number): void {
    if (value === 0) return this.#resetDevice()
    const registers = this.#registers
    const { driverFeatures } = registers
    const [low, high] = this.#offered
    const agreed = !(driverFeatures[0] & ~low) && !(driverFeatures[1] & ~high) && this.#isModern
    const refused = agreed ? 0 : STATUS.FEATURES_OK
    registers.status = (value & ~refused) | (registers.status & STATUS.NEEDS_RESET)
  }

  // Legacy.

  #readLegacy(offset: number, size: AccessSize): number {
    return joined(size, (index) => this.#legacyByte(offset + index))
  }

  #legacyByte(offset: number): number {
    if (offset >= LEGACY.device) return this.#deviceByte(offset - LEGACY.device)
    if (offset === LEGACY.isr) return this.#takeIsr()
    return part(this.#legacyWord(offset & ~3), offset & 3, 1)
  }

  #legacyWord(offset: number): number {
    const { driverFeatures, queueSelect, status } = this.#registers
    switch (offset) {
      case LEGACY.deviceFeatures:
        return this.#offered[0]
      case LEGACY.driverFeatures:
        return driverFeatures[0]
      case LEGACY.queuePage:
        return this.#queue?.page ?? 0
      case LEGACY.queueSize:
        return ((queueSelect << 16) | (this.#queue?.maxSize ?? 0)) >>> 0
      default:
        return status << 16
    }
  }

  #writeLegacy(offset: number, value: number, size: AccessSize): void {
    const registers = this.#registers
    if (size === 4 && offset === LEGACY.driverFeatures)
      registers.driverFeatures = [(value & this.#offered[0]) >>> 0, 0]
    else if (size === 4 && offset === LEGACY.queuePage) this.#queue?.placeAtPage(value)
    else if (size === 2 && offset === LEGACY.queueSelect) registers.queueSelect = value
    else if (size === 2 && offset === LEGACY.notify) this.#notify(value)
    else if (size === 1 && offset === LEGACY.status) {
      if (value === 0) this.#resetDevice()
      else registers.status = value | (registers.status & STATUS.NEEDS_RESET)
    }
  }

  // The window by way of configuration space.

  #windowAccess(): { offset: number; size: AccessSize } | null {
    const { config } = this.pci
    const { bar, offset, length } = this.#access
    const at = config.get(offset, 4)
    const size = config.get(length, 4)
    if (config.get(bar, 1) !== MEMORY_BAR || (size !== 1 && size !== 2 && size !== 4)) return null
    return at % size === 0 && at < WINDOW_BYTES ? { offset: at, size } : null
  }

  #beforeConfigurationRead(register: number, size: AccessSize): void {
    const access = this.#touchesData(register, size) ? this.#windowAccess() : null
    if (access) this.pci.config.set(this.#access.data, this.#readModern(access.offset, access.size), 4)
  }

  #configurationWritten(register: number, size: AccessSize): void {
    const access = this.#touchesData(register, size) ? this.#windowAccess() : null
    if (!access) return
    const value = this.pci.config.get(this.#access.data, access.size)
    this.#writeModern(access.offset, value, access.size)
  }

  #touchesData(register: number, size: AccessSize): boolean {
    return register < this.#access.data + 4 && this.#access.data < register + size
  }
}

/** A function one of whose registers is looked up only when it is read. */
class VirtioFunction extends PciFunction {
  constructor(
    identity: PciIdentity,
    bars: readonly PciBar[],
    onWrite: (register: number, size: AccessSize) => void,
    private readonly beforeRead: (register: number, size: AccessSize) => void,
  ) {
    super(identity, bars, onWrite)
  }

  override read(register: number, size: AccessSize): number {
    this.beforeRead(register, size)
    return super.read(register, size)
  }
}

const within = (offset: number, { at, bytes }: { at: number; bytes: number }): boolean =>
  offset >= at && offset < at + bytes

/** Some bytes of a register of 32 bits. */
const part = (word: number, byte: number, size: AccessSize): number =>
  ((word >>> (8 * byte)) & (size === 4 ? 0xffffffff : (1 << (8 * size)) - 1)) >>> 0

/** A value of single bytes, the lowest first. */
function joined(size: AccessSize, byte: (index: number) => number): number {
  let value = 0
  for (let index = 0; index < size; index++) value |= byte(index) << (8 * index)
  return value >>> 0
}

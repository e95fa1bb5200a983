import type { Virtqueue } from './virtqueue.ts'

/** What a kind of device is to the transport by which a guest reaches it. */
export interface VirtioDevice {
  /** Number of its kind: VIRTIO 1.2, section 5. */
  readonly type: number
  /** PCI class, subclass and programming interface. */
  readonly classCode: number
  /** Its own feature bits, 0 to 23, that it offers. */
  readonly features: number
  /** The most descriptors of each of its queues, powers of two. */
  readonly queueSizes: readonly number[]
  /** What it tells of itself, as the driver reads it. */
  readonly configuration: Uint8Array
  /** Called once, when it is put behind its transport. */
  attach(host: VirtioHost): void
  /** There may be something in this queue. */
  notified(queue: number): void
  /** Drops what is under way. */
  reset(): void
  save(): unknown
  /** Why it cannot take this state, or null. */
  refuse(saved: unknown): string | null
  /** Takes what `refuse` had nothing against. */
  restore(saved: unknown): void
}

/** What the transport is to its device. */
export interface VirtioHost {
  readonly queues: readonly Virtqueue[]
  /** Whether the driver lets it use memory now. */
  readonly isReady: boolean
  /** Whether the driver uses this feature. */
  has(feature: number): boolean
  /** Tells the driver that it was given something back, if it wants to know. */
  interrupt(queue: Virtqueue): void
  /** The driver has broken the rules; nothing more is done until it resets the device. */
  giveUp(): void
}

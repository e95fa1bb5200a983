import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'
import { CONTROL, DEVICE, DIAGNOSTIC_PASSED, REG } from './registers.ts'

export const taskFileSchema = v.strictObject({
  error: bits(8),
  features: bits(16),
  count: bits(16),
  lbaLow: bits(16),
  lbaMid: bits(16),
  lbaHigh: bits(16),
  device: bits(8),
})

export type SavedTaskFile = v.InferOutput<typeof taskFileSchema>

/** What tells an ATA from an ATAPI device after reset, in LBA mid and high. */
export type Signature = 'ata' | 'atapi'

/**
 * One drive's command block. The registers of LBA48 are two deep: the low byte of each field is what was written
 * last, the high byte what was written before that.
 */
export class TaskFile {
  error = 0
  features = 0
  count = 0
  lbaLow = 0
  lbaMid = 0
  lbaHigh = 0
  device: number = DEVICE.OBSOLETE_ONES

  /** @param offset REG.ERROR_FEATURES to REG.DEVICE @param control the channel's device control register */
  read(offset: number, control: number): number {
    const shift = control & CONTROL.HOB ? 8 : 0
    switch (offset) {
      case REG.ERROR_FEATURES:
        return this.error
      case REG.SECTOR_COUNT:
        return (this.count >> shift) & 0xff
      case REG.LBA_LOW:
        return (this.lbaLow >> shift) & 0xff
      case REG.LBA_MID:
        return (this.lbaMid >> shift) & 0xff
      case REG.LBA_HIGH:
        return (this.lbaHigh >> shift) & 0xff
      default:
        return this.device
    }
  }

  write(offset: number, value: number): void {
    const pushed = (register: number) => ((register & 0xff) << 8) | value
    switch (offset) {
      case REG.ERROR_FEATURES:
        this.features = pushed(this.features)
        return
      case REG.SECTOR_COUNT:
        this.count = pushed(this.count)
        return
      case REG.LBA_LOW:
        this.lbaLow = pushed(this.lbaLow)
        return
      case REG.LBA_MID:
        this.lbaMid = pushed(this.lbaMid)
        return
      case REG.LBA_HIGH:
        this.lbaHigh = pushed(this.lbaHigh)
        return
      case REG.DEVICE:
        this.device = value | DEVICE.OBSOLETE_ONES
    }
  }

  /** LBA28 address from LBA low, mid, high and the device register. */
  get lba28(): number {
    return this.#low24 + (this.device & DEVICE.HEAD) * 2 ** 24
  }

  set lba28(lba: number) {
    this.#low24 = lba
    this.device = (this.device & ~DEVICE.HEAD) | (Math.floor(lba / 2 ** 24) & DEVICE.HEAD)
  }

  get lba48(): number {
    const high24 = (this.lbaLow >> 8) | (this.lbaMid & 0xff00) | ((this.lbaHigh >> 8) * 0x10000)
    return this.#low24 + high24 * 2 ** 24
  }

  set lba48(lba: number) {
    const high = Math.floor(lba / 2 ** 24)
    this.#low24 = lba
    this.lbaLow |= (high & 0xff) << 8
    this.lbaMid |= high & 0xff00
    this.lbaHigh |= (high >>> 8) & 0xff00
  }

  get #low24(): number {
    return (this.lbaLow & 0xff) + (this.lbaMid & 0xff) * 0x100 + (this.lbaHigh & 0xff) * 0x10000
  }

  set #low24(lba: number) {
    this.lbaLow = lba & 0xff
    this.lbaMid = Math.floor(lba / 0x100) & 0xff
    this.lbaHigh = Math.floor(lba / 0x10000) & 0xff
  }

  /** A transfer's byte count or a cylinder number, in LBA mid and high. */
  get midHigh(): number {
    return (this.lbaMid & 0xff) | ((this.lbaHigh & 0xff) << 8)
  }

  set midHigh(value: number) {
    this.lbaMid = value & 0xff
    this.lbaHigh = (value >> 8) & 0xff
  }

  setSignature(signature: Signature): void {
    this.count = 1
    this.lbaLow = 1
    this.midHigh = signature === 'ata' ? 0 : 0xeb14
  }

  /** After reset or diagnostic. */
  reset(signature: Signature): void {
    this.error = DIAGNOSTIC_PASSED
    this.features = 0
    this.device = DEVICE.OBSOLETE_ONES
    this.setSignature(signature)
  }

  save(): SavedTaskFile {
    const { error, features, count, lbaLow, lbaMid, lbaHigh, device } = this
    return { error, features, count, lbaLow, lbaMid, lbaHigh, device }
  }

  restore(saved: SavedTaskFile): void {
    Object.assign(this, saved)
  }
}

import * as v from 'valibot'
import type { PlainCommand } from './ata-commands.ts'
import { type ChsGeometry, chsToLba, setChs, translatedGeometry } from './disk-geometry.ts'
import { MAX_MULTIPLE } from './identify.ts'
import { DEVICE, ERROR } from './registers.ts'
import type { TaskFile } from './task-file.ts'
import { decodeTransferMode, DEFAULT_TRANSFER_MODE, transferModeSchema } from './transfer-mode.ts'

const within = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most))

export const diskSettingsSchema = v.strictObject({
  /** Logical geometry, by INITIALIZE DEVICE PARAMETERS. */
  heads: within(1, 16),
  sectors: within(1, 255),
  /** Sectors per block of READ/WRITE MULTIPLE, 0 when not set. */
  multiple: within(0, MAX_MULTIPLE),
  standby: v.boolean(),
  writeCache: v.boolean(),
  readAhead: v.boolean(),
  mode: transferModeSchema,
})

export type SavedDiskSettings = v.InferOutput<typeof diskSettingsSchema>

/** What the host can set in a hard disk, and the commands that set and ask it. */
export class DiskSettings {
  values: SavedDiskSettings

  constructor(
    private readonly geometry: ChsGeometry,
    private readonly sectorCount: number,
  ) {
    this.values = this.#defaults()
  }

  #defaults(): SavedDiskSettings {
    const { heads, sectors } = this.geometry
    const caches = { writeCache: true, readAhead: true }
    return { heads, sectors, multiple: 0, standby: false, ...caches, mode: DEFAULT_TRANSFER_MODE }
  }

  reset(): void {
    this.values = this.#defaults()
  }

  /** The logical geometry. */
  get current(): ChsGeometry {
    const { heads, sectors } = this.values
    if (heads === this.geometry.heads && sectors === this.geometry.sectors) return this.geometry
    return translatedGeometry(this.sectorCount, heads, sectors)
  }

  /** The address that the registers hold, or null when it names no sector. */
  address(taskFile: TaskFile, extended: boolean): number | null {
    if (extended) return taskFile.lba48
    return taskFile.device & DEVICE.LBA ? taskFile.lba28 : chsToLba(this.current, taskFile)
  }

  setAddress(taskFile: TaskFile, lba: number, extended: boolean): void {
    if (extended) taskFile.lba48 = lba
    else if (taskFile.device & DEVICE.LBA) taskFile.lba28 = lba
    else setChs(this.current, taskFile, lba)
  }

  /** @returns the error register's value after the command, 0 for success */
  execute(command: Exclude<PlainCommand, 'flush'>, taskFile: TaskFile): number {
    const { values, sectorCount } = this
    switch (command) {
      case 'seek': {
        const lba = this.address(taskFile, false)
        return lba !== null && lba < sectorCount ? 0 : ERROR.IDNF
      }
      case 'initialize-device-parameters': {
        const sectors = taskFile.count & 0xff
        if (sectors === 0) return ERROR.ABRT
        values.heads = (taskFile.device & DEVICE.HEAD) + 1
        values.sectors = sectors
        return 0
      }
      case 'set-multiple-mode': {
        const count = taskFile.count & 0xff
        if (count > MAX_MULTIPLE || (count & (count - 1)) !== 0) return ERROR.ABRT
        values.multiple = count
        return 0
      }
      case 'set-features':
        return this.#setFeatures(taskFile)
      case 'standby':
      case 'idle':
        values.standby = command === 'standby'
        return 0
      case 'check-power-mode':
        taskFile.count = values.standby ? 0x00 : 0xff
        return 0
      case 'read-native-max':
        taskFile.lba28 = Math.min(sectorCount, 0x10000000) - 1
        return 0
      case 'read-native-max-extended':
        taskFile.lba48 = sectorCount - 1
        return 0
      case 'recalibrate':
        taskFile.midHigh = 0
        return 0
      case 'get-media-status':
        return 0
    }
  }

  #setFeatures(taskFile: TaskFile): number {
    const { values } = this
    const feature = taskFile.features & 0xff
    taskFile.features = 0 // OS/2's driver takes what it finds here for its next command
    switch (feature) {
      case 0x03: {
        const mode = decodeTransferMode(taskFile.count & 0xff)
        if (!mode) return ERROR.ABRT
        values.mode = mode
        return 0
      }
      case 0x02:
      case 0x82:
        values.writeCache = feature === 0x02
        return 0
      case 0x55:
      case 0xaa:
        values.readAhead = feature === 0xaa
        return 0
      case 0x44: // ECC bytes of READ LONG
      case 0xbb:
      case 0x66: // keep, or revert to, defaults after a software reset
      case 0xcc:
        return 0
      default:
        return ERROR.ABRT
    }
  }
}

import { EngineError } from '../../base/errors.ts'
import { because } from '../../protocol/reasons.ts'
import { DEVICE } from './registers.ts'
import type { TaskFile } from './task-file.ts'

export interface ChsGeometry {
  /** 1..65535 */
  cylinders: number
  /** 1..16 */
  heads: number
  /** Per track, 1..63. */
  sectors: number
}

/** What a drive of the time would report: 16 heads of 63 sectors, and at most 16383 cylinders from 8 GB on. */
export function defaultGeometry(sectorCount: number): ChsGeometry {
  const cylinders = Math.floor(sectorCount / (16 * 63))
  return { cylinders: Math.max(1, Math.min(16383, cylinders)), heads: 16, sectors: 63 }
}

/** Throws `option-invalid` when no drive of this size can have it. */
export function checkGeometry(geometry: ChsGeometry, sectorCount: number): void {
  const { cylinders, heads, sectors } = geometry
  const inRange = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most
  const text = `${cylinders}/${heads}/${sectors}`
  if (!inRange(cylinders, 65535) || !inRange(heads, 16) || !inRange(sectors, 63))
    throw new EngineError('option-invalid', {
      option: 'geometry',
      reason: because('geometry-outside', { geometry: text }),
    })
  if (cylinders * heads * sectors > sectorCount)
    throw new EngineError('option-invalid', {
      option: 'geometry',
      reason: because('geometry-too-large', {
        geometry: text,
        sectors: cylinders * heads * sectors,
        there: sectorCount,
      }),
    })
}

/** The logical geometry after INITIALIZE DEVICE PARAMETERS. */
export function translatedGeometry(sectorCount: number, heads: number, sectors: number): ChsGeometry {
  // ATA-5 6.2: what CHS can reach ends at 16 514 064 sectors.
  const reachable = Math.min(sectorCount, 16_514_064)
  return { cylinders: Math.min(65535, Math.floor(reachable / (heads * sectors))), heads, sectors }
}

/** The sector that cylinder, head and sector registers name, or null when they are outside of the geometry. */
export function chsToLba({ heads, sectors }: ChsGeometry, taskFile: TaskFile): number | null {
  const head = taskFile.device & DEVICE.HEAD
  const sector = taskFile.lbaLow & 0xff
  if (head >= heads || sector < 1 || sector > sectors) return null
  return (taskFile.midHigh * heads + head) * sectors + sector - 1
}

export function setChs({ heads, sectors }: ChsGeometry, taskFile: TaskFile, lba: number): void {
  const track = Math.floor(lba / sectors)
  taskFile.lbaLow = (lba % sectors) + 1
  taskFile.midHigh = Math.floor(track / heads) & 0xffff
  taskFile.device = (taskFile.device & ~DEVICE.HEAD) | (track % heads)
}

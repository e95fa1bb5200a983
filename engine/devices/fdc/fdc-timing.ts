import { RATES_KBPS } from './registers.ts'
import type { FloppySector } from '../../storage/floppy-track.ts'
import type { FloppyDrive } from './floppy-drive.ts'

/** `quick`: as fast as guests bear; `exact`: as slow as the drives were. */
export type FloppyPace = 'quick' | 'exact'

// Long enough for dozens of guest instructions between a command and its interrupt: Win95's HSFLOP waits for
// one that it has not yet prepared itself for otherwise.
const QUICK_COMMAND_NS = 30_000
const QUICK_SEEK_NS = 50_000
// Where no header is found, drivers expect to have waited (for two index pulses); some time must pass.
const QUICK_NOT_FOUND_NS = 10_000_000
/** Times nearer to each other than this are the same. */
const ROUNDING_NS = 1000

/** How long things take, in ns of guest time. */
export class FdcTiming {
  /** From leaving reset to its interrupt. */
  readonly resetNs = 20_000

  constructor(readonly pace: FloppyPace) {}

  /** @param srt SPECIFY's step rate code @param rate data rate select code */
  seekNs(steps: number, srt: number, rate: number): number {
    if (this.pace === 'quick') return QUICK_SEEK_NS
    // 82077AA table 5-5: 16 - SRT ms at 500 kbit/s, in proportion at other rates.
    const stepNs = (16 - srt) * 1e6 * (500 / (RATES_KBPS[rate] ?? 500))
    return Math.max(1, Math.abs(steps)) * stepNs
  }

  /** Two turns of the disk, after which the controller stops to look for a header. */
  notFoundNs(drive: FloppyDrive | null): number {
    return this.pace === 'quick' ? QUICK_NOT_FOUND_NS : 2 * (drive?.revolutionNs ?? 200e6)
  }

  /** The first command step: until the sector has passed the head. @param place where it is, in parts of a turn */
  sectorNs(nowNs: number, drive: FloppyDrive | null, place: { from: number; to: number }): number {
    if (this.pace === 'quick') return QUICK_COMMAND_NS
    const turn = drive?.revolutionNs ?? 200e6
    const waitNs = (place.from * turn - (nowNs % turn) + turn) % turn
    // A sector that begins just now (but for rounding) is not missed.
    return (turn - waitNs < ROUNDING_NS ? 0 : waitNs) + (place.to - place.from) * turn
  }

  /** Until the next header has passed, and which sector's it is. */
  nextHeader(
    nowNs: number,
    drive: FloppyDrive,
    sectors: readonly FloppySector[],
  ): { delayNs: number; index: number } {
    if (this.pace === 'quick') return { delayNs: QUICK_COMMAND_NS, index: drive.rotation % sectors.length }
    const atNs = nowNs % drive.revolutionNs
    const startsNs = sectors.map((_, index) => placeOf(sectors, index).from * drive.revolutionNs)
    const index = startsNs.findIndex((startNs) => startNs > atNs + ROUNDING_NS)
    return index < 0
      ? { delayNs: drive.revolutionNs - atNs, index: 0 }
      : { delayNs: startsNs[index]! - atNs, index }
  }
}

/** Where a sector is on its track, in parts of a turn: each takes as much of it as it has bytes. */
export function placeOf(sectors: readonly FloppySector[], index: number): { from: number; to: number } {
  const bytes = (some: readonly FloppySector[]): number =>
    some.reduce((sum, { sizeCode }) => sum + (128 << sizeCode), 0)
  const all = bytes(sectors)
  const from = bytes(sectors.slice(0, index))
  return { from: from / all, to: (from + (128 << sectors[index]!.sizeCode)) / all }
}

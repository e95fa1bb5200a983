import { RATES_KBPS } from './registers.ts'
import type { FloppyDrive } from './floppy-drive.ts'

/** `quick`: as fast as guests bear; `exact`: as slow as the drives were. */
export type FloppyPace = 'quick' | 'exact'

// Long enough for dozens of guest instructions between a command and its interrupt: Win95's HSFLOP waits for
// one that it has not yet prepared itself for otherwise.
const QUICK_COMMAND_NS = 30_000
const QUICK_SEEK_NS = 50_000
// Where no header is found, drivers expect to have waited (for two index pulses); some time must pass.
const QUICK_NOT_FOUND_NS = 10_000_000

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

  /** The first command step: until sector `index` (from 0) of `sectors` has passed the head. */
  sectorNs(nowNs: number, drive: FloppyDrive | null, index: number, sectors: number): number {
    if (this.pace === 'quick') return QUICK_COMMAND_NS
    const turn = drive?.revolutionNs ?? 200e6
    const sectorNs = turn / sectors
    const waitNs = (index * sectorNs - (nowNs % turn) + turn) % turn
    // A sector that begins just now (but for rounding) is not missed.
    return (turn - waitNs < 1000 ? 0 : waitNs) + sectorNs
  }

  /** Until the next header has passed, and which sector's it is. */
  nextHeader(nowNs: number, drive: FloppyDrive, sectors: number): { delayNs: number; index: number } {
    if (this.pace === 'quick') return { delayNs: QUICK_COMMAND_NS, index: drive.rotation % sectors }
    const sectorNs = drive.revolutionNs / sectors
    const next = Math.floor((nowNs % drive.revolutionNs) / sectorNs) + 1
    return { delayNs: next * sectorNs - (nowNs % drive.revolutionNs), index: next % sectors }
  }
}

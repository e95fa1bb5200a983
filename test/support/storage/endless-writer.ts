import { writeSync } from 'node:fs'
import { openDiskImage } from '../../../engine/storage/open-image.ts'
import { Random } from './random.ts'

/** Step of the endless program: what it writes, and whether it flushes after that. */
export interface Step {
  sector: number
  count: number
  /** Fills every sector of the write: 32 bits, over and over. */
  tag: number
  flushes: boolean
}

/** The program of a seed, on a disk of so many sectors; it never ends. */
export function* endlessProgram(seed: number, sectors: number): Generator<Step> {
  const random = new Random(seed)
  for (let tag = 1; ; tag++) {
    const count = random.pick([1, 1, 8, 130])
    yield { sector: random.below(sectors - count), count, tag, flushes: random.chance(4) }
  }
}

/** Runs the program until it is killed, saying the tag of each flush that returned on standard output. */
export function writeEndlessly(path: string, lockFolder: string, seed: number): void {
  const image = openDiskImage(path, { lockFolder })
  for (const { sector, count, tag, flushes } of endlessProgram(seed, image.sectorCount)) {
    image.write(sector, count, new Uint8Array(new Uint32Array(count * 128).fill(tag).buffer))
    if (!flushes) continue
    image.flush()
    writeSync(1, `${tag}\n`)
  }
}

import { writeSync } from 'node:fs'
import { openDiskImage } from '../../../engine/storage/open-image.ts'
import { endlessProgram } from './endless-program.ts'

// A program of its own: runs the endless program of a seed on a disk until it is killed, and says the tag of each
// flush that returned on standard output.
const [path = '', lockFolder = '', seed = ''] = process.argv.slice(2)
const image = openDiskImage(path, { lockFolder })
for (const { sector, count, tag, flushes } of endlessProgram(Number(seed), image.sectorCount)) {
  image.write(sector, count, new Uint8Array(new Uint32Array(count * 128).fill(tag).buffer))
  if (!flushes) continue
  image.flush()
  writeSync(1, `${tag}\n`)
}

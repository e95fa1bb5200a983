import * as fs from 'node:fs'
import { join } from 'node:path'
import { RawImage } from '../../../engine/storage/raw-image.ts'
import { FatVolume } from '../../../engine/storage/volumes/fat/fat-volume.ts'
import { FatWriter } from '../../../engine/storage/volumes/fat/fat-writer.ts'
import { type VolumeFolder, walk } from '../../../engine/storage/volumes/volume.ts'
import { volumesIn } from '../../../engine/storage/volumes/volumes-in.ts'
import type { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import { filesMadeBy, type ParserSubject, runIn, tolerant } from './subject.ts'

const MIB = 1024 ** 2
/** Names may share what they hold: as much is read of one volume. */
const MAX_READ_BYTES = 256 * MIB

/** How each file system is made from a folder: the image's bytes, and the command. */
const KINDS: [kind: string, bytes: number, command: string][] = [
  ['FAT12', 368_640, 'mkfs.vfat image && mcopy -s -i image tree/* ::'],
  ['FAT16', 6 * MIB, 'mkfs.vfat -F 16 -s 1 image && mcopy -s -i image tree/* ::'],
  ['FAT32', 40 * MIB, 'mkfs.vfat -F 32 -s 1 image && mcopy -s -i image tree/* ::'],
  ['Joliet', 0, 'genisoimage -quiet -J -R -o image tree'],
  ['ISO 9660', 0, 'genisoimage -quiet -R -o image tree'],
  ['ext2', MIB, 'mke2fs -q -t ext2 -b 1024 -d tree image'],
  ['ext4', MIB, 'mke2fs -q -t ext4 -O ^has_journal -b 1024 -d tree image'],
]

function makeVolume(folder: string, bytes: number, command: string): void {
  fs.mkdirSync(join(folder, 'tree/a folder/inner'), { recursive: true })
  for (let index = 0; index < 20; index++)
    fs.writeFileSync(join(folder, `tree/a folder/file number ${index}`), 'x'.repeat(index * 300))
  fs.writeFileSync(join(folder, 'tree/README.TXT'), 'hello\n'.repeat(2000))
  fs.writeFileSync(join(folder, 'image'), '')
  fs.truncateSync(join(folder, 'image'), bytes)
  runIn(folder, 'sh', '-c', command)
  fs.rmSync(join(folder, 'tree'), { recursive: true })
}

/** Looks at all that is there, and writes where that can be. */
function useVolume(disk: SimulatedDisk): string {
  const image = new RawImage(disk.open('/seed/image', true), 512)
  let outcome = 'nothing'
  for (const { volume } of volumesIn(image)) {
    if (!volume) continue
    outcome = tolerant(() => readAll(volume.root)) === null ? 'opened' : 'read'
    if (!(volume instanceof FatVolume)) continue
    const writer = new FatWriter(volume)
    const file = { name: 'A new file', bytes: 3000, modifiedMs: 0, contents: [new Uint8Array(3000)] }
    tolerant(() => writer.putFile(volume.root, file, true))
    tolerant(() => writer.putFile(writer.makeFolder(volume.root, 'NEW', 0), file, true))
  }
  return outcome
}

function readAll(root: VolumeFolder): number {
  let total = 0
  for (const { path, entry } of walk('image', root)) {
    if (/(^|\/)\.\.?(\/|$)/.test(path)) throw new Error(`the path ${path}`)
    if (entry.kind !== 'file') continue
    tolerant(() => {
      let own = 0
      for (const piece of entry.contents()) {
        if (piece.length > MIB) throw new Error(`a piece of ${piece.length} bytes`)
        own += piece.length
      }
      if (own !== entry.bytes) throw new Error(`${path} has ${own} bytes instead of ${entry.bytes}`)
      total += own
    })
    if (total > MAX_READ_BYTES) break
  }
  return total
}

export const VOLUMES: readonly ParserSubject[] = KINDS.map(([name, bytes, command]) => ({
  name,
  path: '/seed/image',
  seed: () => filesMadeBy((folder) => makeVolume(folder, bytes, command)),
  use: useVolume,
}))

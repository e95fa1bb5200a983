import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../../engine/storage/image-files.ts'
import { qemuImg, qemuImgMissing, qemuWrite } from '../../support/storage/qemu-img.ts'

let folder: string
let files: HostImageFiles
beforeEach(({ skip }) => {
  skip(qemuImgMissing !== '', qemuImgMissing)
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-extents-'))
  files = new HostImageFiles(join(folder, 'locks'))
})
afterEach(() => folder && fs.rmSync(folder, { recursive: true }))

it.each([
  ['sparse', 'split-sparse', 'twoGbMaxExtentSparse'],
  ['flat', 'split-flat', 'twoGbMaxExtentFlat'],
] as const)(
  'a VMDK of 5 GiB in %s extents of 2 GB is the same to both, across their ends',
  (_, variant, theirs) => {
    const bytes = 5 * 2 ** 30
    const make: Record<string, (path: string) => void> = {
      ours: (path) => createDisk(files, path, 'vmdk', { sizeBytes: bytes, variant }),
      theirs: (path) =>
        void qemuImg('create', '-q', '-f', 'vmdk', '-o', `subformat=${theirs}`, path, `${bytes}`),
    }
    for (const [who, create] of Object.entries(make)) {
      const path = join(folder, `${who}.vmdk`)
      create(path)
      const ends = [2 ** 31, 2 ** 32, 2047 * 2 ** 20, 4094 * 2 ** 20, bytes - 2 ** 16]
      const image = openDisk(files, path, { format: 'vmdk', writable: true })
      expect(image.details.files.length).toBeGreaterThanOrEqual(4)
      for (const [index, end] of ends.entries())
        image.write(end / 512 - 64, 128, new Uint8Array(65_536).fill(index + 1))
      image.flush()
      image.close()
      qemuWrite(
        'vmdk',
        path,
        ends.map((end, index) => ({ at: end + 16_384, bytes: 32_768, pattern: index + 101 })),
      )
      const expected = join(folder, 'expected.raw')
      fs.writeFileSync(expected, '')
      fs.truncateSync(expected, bytes)
      qemuWrite('raw', expected, [
        ...ends.map((end, index) => ({ at: end - 32_768, bytes: 65_536, pattern: index + 1 })),
        ...ends.map((end, index) => ({ at: end + 16_384, bytes: 32_768, pattern: index + 101 })),
      ])
      expect(qemuImg('compare', '-f', 'vmdk', '-F', 'raw', path, expected)).toContain('identical')
      const again = openDisk(files, path, { format: 'vmdk', writable: false })
      for (const [index, end] of ends.entries()) {
        const seen = new Uint8Array(81_920)
        again.read(end / 512 - 64, 160, seen)
        expect([seen[0], seen[49_151], seen[49_152], seen[81_919]]).toEqual([
          index + 1,
          index + 1,
          index + 101,
          index + 101,
        ])
      }
      again.close()
      for (const name of fs.readdirSync(folder)) if (name.startsWith(who)) fs.rmSync(join(folder, name))
    }
  },
)

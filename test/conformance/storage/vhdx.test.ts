import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../../engine/storage/image-files.ts'
import { qemuImg, qemuImgMissing } from '../../support/storage/qemu-img.ts'
import { VhdxBytes } from '../../support/storage/vhdx.ts'

const MIB = 2 ** 20
const SIZE = 6 * MIB
const GUID = Uint8Array.from({ length: 16 }, (_, at) => at + 1)

let folder: string
let path: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-vhdx-'))
  path = join(folder, 'a.vhdx')
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

/** A disk of 6 MiB in blocks of 1 MiB, with these commands of qemu-io done. */
function make(file: string, ...commands: string[]): VhdxBytes {
  qemuImg('create', '-q', '-f', 'vhdx', '-o', 'block_size=1M,block_state_zero=off', file, `${SIZE}`)
  spawnSync('qemu-io', ['-f', 'vhdx', ...commands.flatMap((command) => ['-c', command]), file])
  return new VhdxBytes(fs.readFileSync(file))
}

function contents(file = path): Buffer {
  const image = openDisk(new HostImageFiles(join(folder, 'locks')), file, { format: 'vhdx', writable: false })
  const bytes = Buffer.alloc(SIZE)
  image.read(0, SIZE / 512, bytes)
  image.close()
  return bytes
}

/** What QEMU makes of it once it has replayed the log, which changes the file. */
function contentsByQemu(): Buffer {
  const [copy, raw] = [join(folder, 'copy.vhdx'), join(folder, 'raw')]
  fs.copyFileSync(path, copy)
  qemuImg('check', '-q', '-r', 'all', '-f', 'vhdx', copy)
  qemuImg('convert', '-f', 'vhdx', '-O', 'raw', copy, raw)
  return fs.readFileSync(raw)
}

describe.skipIf(qemuImgMissing)('a VHDX that was not closed', () => {
  it('is read as its log has it: the block table that QEMU wrote there and nowhere else', () => {
    const vhdx = make(path, 'write -P 1 0 64k', 'write -P 2 2M 1M', 'write -P 3 5000k 8k')
    // As it was before QEMU brought the last entry of its log to its place: one of two sectors for each new block.
    const last = vhdx.logPosition + 2 * 8192
    vhdx.bytes.fill(0, vhdx.entryAt(0), vhdx.entryAt(512))
    vhdx.setLogGuid(vhdx.bytes.subarray(last + 32, last + 48))
    fs.writeFileSync(path, vhdx.bytes)
    const found = contents()
    expect([found[0], found[2 * MIB], found[5000 * 1024], found[4 * MIB]]).toEqual([1, 2, 3, 0])
    expect(found.equals(contentsByQemu())).toBe(true)
    expect(fs.readFileSync(path).equals(vhdx.bytes)).toBe(true)
  })

  it.each([
    ['in one piece', false],
    ['in its last and first sector', true],
  ])('is read with all entries of the newest sequence, %s', (_, isWrapped) => {
    const vhdx = make(path, 'write -P 1 0 1M')
    const at = vhdx.blockPosition(0)
    const page = (value: number) => Buffer.alloc(4096, value)
    const marked = page(5).fill(0xaa, 0, 8).fill(0xbb, 4092)
    // An older sequence, whole as well.
    vhdx.putEntry(64 * 1024, 64 * 1024, 3, GUID, [{ at, bytes: page(9) }])
    const start = isWrapped ? vhdx.logBytes - 4096 : 128 * 1024
    const next = vhdx.putEntry(start, start, 7, GUID, [{ at: at + 8192, bytes: marked }])
    vhdx.putEntry(next, start, 8, GUID, [
      { at: at + 4096, bytes: page(6) },
      { at: at + 65536, zeros: 8192 },
      { at: at + 65536 + 4096, bytes: page(7) },
    ])
    vhdx.setLogGuid(GUID)
    fs.writeFileSync(path, vhdx.bytes)
    const found = contents()
    expect(found.subarray(8192, 12_288).equals(marked)).toBe(true)
    expect([found[0], found[4096], found[65536], found[65536 + 4096], found[65536 + 8192]]).toEqual([
      1, 6, 0, 7, 1,
    ])
    // QEMU 7.2 leaves out an entry that goes on where the log begins.
    if (!isWrapped) expect(found.equals(contentsByQemu())).toBe(true)
  })

  it.each([
    [
      'no entry is whole',
      (vhdx: VhdxBytes, start: number) => vhdx.bytes.fill(0x33, start + 100, start + 110),
      /no whole entry/,
    ],
    [
      'its end is missing',
      (vhdx: VhdxBytes) => (vhdx.bytes = vhdx.bytes.subarray(0, -MIB)),
      /tells of \d+ bytes/,
    ],
  ] as const)('is refused in words when %s', (_, damage, reason) => {
    const vhdx = make(path, 'write -P 1 0 2M')
    vhdx.putEntry(0, 0, 1, GUID, [{ at: vhdx.blockPosition(0), zeros: 4096 }])
    vhdx.setLogGuid(GUID)
    damage(vhdx, vhdx.logPosition)
    fs.writeFileSync(path, vhdx.bytes)
    expect(contents).toThrow(reason)
  })
})

describe.skipIf(qemuImgMissing)('a VHDX over another one', () => {
  const NAMES = { relative_path: '.\\below.vhdx', absolute_win32_path: 'C:\\Disks\\below.vhdx' }

  /** Blocks 0 and 2 are below; of block 0 every third sector is above, and block 1 whole. */
  function chain(names: Record<string, string> = NAMES, linkage?: string): void {
    const below = make(join(folder, 'below.vhdx'), 'write -P 1 0 1M', 'write -P 2 2M 1M')
    const above = make(path, 'write -P 8 0 1M', 'write -P 9 1M 1M')
    above.makeDifferencing(linkage ?? below.dataGuid, names, 0, (sector) => sector % 3 === 0)
    fs.writeFileSync(path, above.bytes)
  }

  it('shows what lies below sector by sector', () => {
    chain()
    const found = contents()
    for (let sector = 0; sector < 2048; sector++) expect(found[sector * 512]).toBe(sector % 3 === 0 ? 8 : 1)
    expect([found[MIB], found[2 * MIB - 1], found[2 * MIB], found[3 * MIB]]).toEqual([9, 9, 2, 0])
  })

  it('finds its parent by the last part of a path of another computer', () => {
    chain({ absolute_win32_path: 'C:\\Disks\\below.vhdx' })
    expect(contents()[2 * MIB]).toBe(2)
  })

  it('is refused in words when its parent is another one, missing, or not named', () => {
    chain(NAMES, '{00000000-0000-0000-0000-000000000001}')
    expect(contents).toThrow(/another disk than the one it was made over/)
    chain({})
    expect(contents).toThrow(/the name of its parent is missing/)
    chain()
    fs.rmSync(join(folder, 'below.vhdx'))
    expect(contents).toThrow(/is missing/)
  })
})

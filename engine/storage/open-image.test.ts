import nodeFs, * as fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { type BlockImage, DiskError } from './block-image.ts'
import { FLOPPY_GEOMETRIES } from './floppy-geometry.ts'
import { openCdImage, openDiskImage, openFloppyImage } from './open-image.ts'

let folder = ''
let lockFolder = ''

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-test-'))
  lockFolder = join(folder, 'locks')
})

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

function file(name: string, bytes: number | Uint8Array): string {
  const path = join(folder, name)
  fs.writeFileSync(path, bytes instanceof Uint8Array ? bytes : new Uint8Array())
  if (typeof bytes === 'number') fs.truncateSync(path, bytes)
  return path
}

const reasonOf = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    if (error instanceof EngineError && error.code === 'file-unusable') return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

const kindOf = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    if (error instanceof DiskError) return error.kind
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a disk image', () => {
  it('reads back what was written, also after it is opened again', () => {
    const path = file('disk.img', 10 * 512)
    const image = openDiskImage(path, { lockFolder })
    expect([image.sectorBytes, image.sectorCount, image.readonly, image.name]).toEqual([512, 10, false, path])
    image.write(3, 2, new Uint8Array(1024).fill(7))
    image.flush()
    image.close()

    const again = openDiskImage(path, { lockFolder, readonly: true })
    const sectors = new Uint8Array(4 * 512)
    again.read(2, 4, sectors)
    again.close()

    expect([sectors[511], sectors[512], sectors[1535], sectors[1536]]).toEqual([0, 7, 7, 0])
  })

  it('refuses what is no usable file with one line that names it', () => {
    const cases: [string, RegExp][] = [
      [join(folder, 'missing'), /missing.*no such file/],
      [folder, /is a folder/],
      [file('empty', 0), /is empty/],
      [file('odd', 1000), /not a multiple of 512/],
      [file('huge', 2 ** 41 + 512), /larger than 2 TiB/],
      [
        file(
          'a.qcow2',
          new Uint8Array(512).fill(0).map((_, i) => [0x51, 0x46, 0x49, 0xfb][i] ?? 0),
        ),
        /qcow version 0/,
      ],
      ['/dev/null', /device or pipe/],
      [join(file('plain', 512), 'below'), /no such file/],
    ]
    for (const [path, reason] of cases)
      expect(reasonOf(() => openDiskImage(path, { lockFolder }))).toMatch(reason)
    expect(fs.existsSync(join(folder, 'missing'))).toBe(false)
  })

  it('fails writes when read-only, and accesses outside of it, as disk errors', () => {
    const image = openDiskImage(file('disk.img', 1024), { lockFolder, readonly: true })
    expect(kindOf(() => image.write(0, 1, new Uint8Array(512)))).toBe('readonly')
    expect(kindOf(() => image.read(2, 1, new Uint8Array(512)))).toBe('range')
    expect(kindOf(() => image.read(0, 1, new Uint8Array(100)))).toBe('range')
    expect(kindOf(() => image.read(-1, 1, new Uint8Array(512)))).toBe('range')
    image.close()
    expect(kindOf(() => image.read(0, 1, new Uint8Array(512)))).toBe('gone')
  })

  it('reports a file that was cut short or deleted while in use', () => {
    const path = file('disk.img', 1024)
    const image = openDiskImage(path, { lockFolder })
    fs.truncateSync(path, 512)
    expect(kindOf(() => image.read(1, 1, new Uint8Array(512)))).toBe('gone')
    fs.rmSync(path)
    expect(kindOf(() => image.flush())).toBe('gone')
    image.close()
  })

  it('reports a full host disk', () => {
    const image = openDiskImage(file('disk.img', 1024), { lockFolder })
    const { writeSync } = nodeFs
    nodeFs.writeSync = () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    syncBuiltinESMExports()
    try {
      expect(kindOf(() => image.write(0, 1, new Uint8Array(512)))).toBe('full')
    } finally {
      nodeFs.writeSync = writeSync
      syncBuiltinESMExports()
    }
    image.write(0, 1, new Uint8Array(512)) // room was made
    image.close()
  })

  it('keeps ephemeral writes apart and discards them', () => {
    const path = file('disk.img', 200 * 1024)
    const image = openDiskImage(path, { lockFolder, ephemeral: true })
    image.write(127, 3, new Uint8Array(1536).fill(9)) // across two 64 KiB chunks
    image.write(399, 1, new Uint8Array(512).fill(8)) // in the last, partial chunk
    const sectors = new Uint8Array(5 * 512)
    image.read(126, 5, sectors)
    image.flush()
    image.close()

    expect([sectors[511], sectors[512], sectors[2047], sectors[2048]]).toEqual([0, 9, 9, 0])
    expect(fs.readFileSync(path).every((byte) => byte === 0)).toBe(true)
  })
})

describe('a disk under an overlay', () => {
  const sector = (image: BlockImage, number: number): number => {
    const bytes = new Uint8Array(512)
    image.read(number, 1, bytes)
    return bytes[0]!
  }
  const write = (path: string, overlay: string, fill: number): void => {
    const image = openDiskImage(path, { lockFolder, overlay })
    image.write(3, 1, new Uint8Array(512).fill(fill))
    image.flush()
    image.close()
  }

  it('is only read, by several machines that each keep their own writes', () => {
    const path = file('base.img', 1024 * 1024)
    fs.mkdirSync(join(folder, 'vm'))
    const overlays = [join(folder, 'a.qcow2'), join(folder, 'vm', 'b.qcow2')]
    const images = overlays.map((overlay) => openDiskImage(path, { lockFolder, overlay }))
    images.forEach((image, index) => image.write(3, 1, new Uint8Array(512).fill(index + 1)))
    for (const image of images) {
      image.flush()
      image.close()
    }
    const again = overlays.map((overlay) => openDiskImage(path, { lockFolder, overlay }))
    expect(again.map((image) => sector(image, 3))).toEqual([1, 2])
    for (const image of again) image.close()
    expect(fs.readFileSync(path).every((byte) => byte === 0)).toBe(true)
  })

  it('is as it was at every start when the overlay is thrown away', () => {
    const path = file('base.img', 1024 * 1024)
    const overlay = join(folder, 'a.qcow2')
    write(path, overlay, 5)
    const image = openDiskImage(path, { lockFolder, overlay, ephemeral: true })
    expect(sector(image, 3)).toBe(0)
    image.close()
  })

  it('is not taken for another one', () => {
    const overlay = join(folder, 'a.qcow2')
    write(file('base.img', 1024 * 1024), overlay, 5)
    expect(reasonOf(() => openDiskImage(file('other.img', 1024 * 1024), { lockFolder, overlay }))).toMatch(
      /it is over .*base\.img, not over .*other\.img/,
    )
    expect(fs.readdirSync(lockFolder)).toEqual([])
  })
})

describe('a floppy image', () => {
  it('takes its format from its size', () => {
    const sizes: [number, number, number, number][] = [
      [163840, 40, 1, 8],
      [184320, 40, 1, 9],
      [327680, 40, 2, 8],
      [368640, 40, 2, 9],
      [655360, 80, 2, 8],
      [737280, 80, 2, 9],
      [1228800, 80, 2, 15],
      [1474560, 80, 2, 18],
      [1511424, 82, 2, 18],
      [1529856, 83, 2, 18],
      [1638400, 80, 2, 20],
      [1720320, 80, 2, 21],
      [1763328, 82, 2, 21],
      [1884160, 80, 2, 23],
      [2949120, 80, 2, 36],
    ]
    for (const [bytes, tracks, heads, sectors] of sizes) {
      const { image, geometry } = openFloppyImage(file(`${bytes}.img`, bytes), { lockFolder })
      image.close()
      expect({ bytes, ...geometry }).toMatchObject({ bytes, tracks, heads, sectors })
    }
  })

  it('refuses other sizes and says which one is next', () => {
    expect(reasonOf(() => openFloppyImage(file('short', 1474559), { lockFolder }))).toMatch(
      /no known.*1474560/,
    )
    expect(reasonOf(() => openFloppyImage(file('disk', 10_000_384), { lockFolder }))).toMatch(
      /fit on no floppy/,
    )
  })

  it('knows only formats whose sectors fill the image', () => {
    for (const [bytes, g] of FLOPPY_GEOMETRIES) expect(g.tracks * g.heads * g.sectors * 512).toBe(bytes)
  })
})

describe('a CD image', () => {
  const volume = (sectors: number, claimed: number) => {
    const bytes = new Uint8Array(sectors * 2048)
    bytes.set([1, ...[...'CD001'].map((c) => c.charCodeAt(0))], 16 * 2048)
    new DataView(bytes.buffer).setUint32(16 * 2048 + 80, claimed, true)
    return bytes
  }

  it('has sectors of 2048 bytes and cannot be written', () => {
    const image = openCdImage(file('cd.iso', volume(20, 20)), { lockFolder })
    expect([image.sectorBytes, image.sectorCount, image.readonly]).toEqual([2048, 20, true])
    image.close()
  })

  it('reads zeros after the end of a last sector cut at 512 bytes', () => {
    const image = openCdImage(file('cd.iso', new Uint8Array(2048 + 512).fill(5)), { lockFolder })
    const sector = new Uint8Array(2048).fill(1)
    image.read(1, 1, sector)
    image.close()
    expect([image.sectorCount, sector[511], sector[512], sector[2047]]).toEqual([2, 5, 0, 0])
  })

  it('may be raw sectors, and has their data', () => {
    const raw = new Uint8Array(2352).fill(0xff, 1, 11).fill(7, 16, 2064)
    const image = openCdImage(file('cd.bin', raw), { lockFolder })
    const sector = new Uint8Array(2048)
    image.read(0, 1, sector)
    image.close()
    expect([image.sectorCount, sector[0], sector[2047], image.disc?.tracks.length]).toEqual([1, 7, 7, 1])
  })

  it('refuses a truncated volume and what has no whole sectors', () => {
    expect(reasonOf(() => openCdImage(file('cd.iso', volume(20, 4000)), { lockFolder }))).toMatch(/truncated/)
    expect(reasonOf(() => openCdImage(file('cd', 2049), { lockFolder }))).toMatch(/multiple of 2048/)
  })

  it('allows for padding that was cut off', () => {
    openCdImage(file('cd.iso', volume(20, 120)), { lockFolder }).close()
  })
})

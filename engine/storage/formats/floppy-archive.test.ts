import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  copyQmFile,
  floppySector,
  imdFile,
  packedTeledisk,
  plainRecord,
  teledisk,
} from '../../../test/support/storage/floppy-archives.ts'
import { openFloppyImage } from '../open-image.ts'

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-archives-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

function open(bytes: Uint8Array, ephemeral = false) {
  const path = join(folder, 'floppy')
  fs.writeFileSync(path, bytes)
  return openFloppyImage(path, { lockFolder: join(folder, 'locks'), ephemeral })
}

function expectFloppy(bytes: Uint8Array): void {
  const { image, geometry } = open(bytes)
  expect(geometry).toMatchObject({ tracks: 40, heads: 1, sectors: 8 })
  expect([image.sectorCount, image.readonly]).toEqual([320, true])
  const read = new Uint8Array(320 * 512)
  image.read(0, 320, read)
  for (let sector = 0; sector < 320; sector++)
    expect(read.subarray(sector * 512, (sector + 1) * 512)).toEqual(
      floppySector(Math.floor(sector / 8), (sector % 8) + 1),
    )
  image.close()
}

describe('an ImageDisk archive', () => {
  it('holds its sectors by their numbers, wherever they stand on the track', () => {
    expectFloppy(imdFile(plainRecord))
  })

  it('fails where the original could not be read, and only there', () => {
    const { image } = open(
      imdFile((cylinder, number) =>
        cylinder === 3 && number === 2 ? Uint8Array.of(0) : plainRecord(cylinder, number),
      ),
    )
    const sectors = new Uint8Array(1024)
    expect(() => image.read(24, 2, sectors)).toThrow(/sector 25 could not be read from the floppy/)
    image.read(26, 2, sectors)
    expect(sectors.subarray(0, 512)).toEqual(floppySector(3, 3))
    image.close()
  })

  it('may be written when that is thrown away', () => {
    const { image } = open(imdFile(plainRecord), true)
    image.write(5, 1, new Uint8Array(512).fill(7))
    const sector = new Uint8Array(512)
    image.read(5, 1, sector)
    expect(sector[0]).toBe(7)
    image.close()
  })

  it('is refused in one line when it is damaged or no floppy of ours', () => {
    const whole = imdFile(plainRecord)
    expect(() => open(whole.subarray(0, 5000))).toThrow(/floppy: it is cut short$/)
    expect(() => open(Buffer.from('IMD without an end'))).toThrow(/header has no end/)
    const large = Buffer.concat([Buffer.from('IMD \x1a', 'latin1'), Uint8Array.of(5, 0, 0, 1, 3, 1, 2, 0xe5)])
    expect(() => open(large)).toThrow(/sectors of 1024 bytes/)
    expect(fs.readdirSync(join(folder, 'locks'))).toEqual([])
  })
})

describe('a CopyQM archive', () => {
  it('holds its sectors in runs', () => expectFloppy(copyQmFile()))
})

describe('a Teledisk archive', () => {
  it('holds its sectors plain, as patterns and in runs', () => expectFloppy(teledisk()))

  it('is unpacked', () => expectFloppy(packedTeledisk()))
})

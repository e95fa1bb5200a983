import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { makeFont } from '../font/font.ts'
import { VIDEO_ROM } from '../port/rom-layout.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const image = (name: string) => readFileSync(path(`../../../resources/firmware/${name}.bin`))
const video = image('vgabios')
const build = (...args: string[]) =>
  spawnSync(process.execPath, [path('../../../scripts/build-firmware.mjs'), '--check', ...args], {
    encoding: 'utf8',
  })
const nasmMissing = spawnSync('nasm', ['-v']).status !== 0

describe.each(['bios', 'bios-8086'])('the BIOS image %s', (name) => {
  const bios = image(name)

  it('fills F0000-FFFFF and starts at FFFF:0 with a far jump to POST', () => {
    expect(bios.length).toBe(0x10000)
    expect(Array.from(bios.subarray(0xfff0, 0xfff5))).toEqual([0xea, 0x5b, 0xe0, 0x00, 0xf0])
  })

  it('is an AT by its model byte and its configuration table, of a date that no system mistakes', () => {
    expect(bios[0xfffe]).toBe(0xfc)
    expect(bios[0xe6f5 + 2]).toBe(0xfc)
    expect(bios.subarray(0xfff5, 0xfffd).toString('latin1')).toBe('12/01/99')
  })

  it.each([
    0xe05b, 0xe3fe, 0xe6f2, 0xe739, 0xe82e, 0xe987, 0xec59, 0xef57, 0xefd2, 0xf065, 0xf841, 0xf84d, 0xf859,
    0xfe6e, 0xfea5, 0xff54,
  ])('has a jump at the well-known address %i', (address) => {
    expect([0xe9, 0xeb]).toContain(bios[address])
  })

  it('has IRET at FF53, a diskette parameter table at EFC7 and the low half of the 8-line font at FA6E', () => {
    expect(bios[0xff53]).toBe(0xcf)
    expect(Array.from(bios.subarray(0xefc7, 0xefcc))).toEqual([0xaf, 0x02, 0x25, 0x02, 0x12])
    expect(bios.subarray(0xfa6e + 0x41 * 8, 0xfa6e + 0x42 * 8).some((row) => row !== 0)).toBe(true)
  })

  it('leaves 4000-DFFF empty for the tables of POST', () => {
    expect(bios.subarray(0x4000, 0xe000).every((byte) => byte === 0)).toBe(true)
  })
})

describe('the video BIOS image', () => {
  it('is an option ROM whose bytes add up to nothing, with the letters IBM where programs look', () => {
    expect([video[0], video[1], video[2]! * 512]).toEqual([0x55, 0xaa, video.length])
    expect(video.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0)
    expect(video.toString('latin1', 0x1e, 0x21)).toBe('IBM')
  })

  it('has the PCI data structure of the adapter', () => {
    const at = video.readUInt16LE(0x18)
    expect(video.toString('latin1', at, at + 4)).toBe('PCIR')
    expect([video.readUInt16LE(at + 4), video.readUInt16LE(at + 6)]).toEqual([0x1234, 0x1111])
  })

  it('has the fonts that are drawn', () => {
    const drawing = (name: string) => readFileSync(path(`../font/${name}`), 'utf8')
    const sources = {
      ascii16: drawing('ascii16.txt'),
      symbols16: drawing('symbols16.txt'),
      ascii8: drawing('ascii8.txt'),
    }
    for (const [height, at] of [
      [16, VIDEO_ROM.font16],
      [14, VIDEO_ROM.font14],
      [8, VIDEO_ROM.font8],
    ] as const)
      expect(video.subarray(at, at + 256 * height).equals(makeFont(sources, height))).toBe(true)
  })
})

describe('the sources', () => {
  it('give these images with the assembler of the project', () => {
    const { status, stderr } = build()
    expect([status, stderr]).toEqual([0, ''])
  })

  it.skipIf(nasmMissing)('give these images with nasm (skipped where it is not installed)', () => {
    const { status, stderr } = build('--nasm')
    expect([status, stderr]).toEqual([0, ''])
  })
})

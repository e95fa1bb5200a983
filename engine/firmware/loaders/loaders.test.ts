import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../base/errors.ts'
import { type KernelRequest, placeKernel } from './kernel.ts'
import type { BootPlacement } from './placement.ts'

const MIB = 0x100000
const request = (rest: Partial<KernelRequest> = {}): KernelRequest => ({
  append: '',
  modules: [],
  ramBytes: 64 * MIB,
  acpi: true,
  ...rest,
})
const file = (bytes: Uint8Array, path = '/boot/kernel') => ({ path, bytes })
const at = (placement: BootPlacement, address: number): Uint8Array =>
  placement.pieces.find((piece) => piece.address === address)!.bytes
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A kernel image with a setup header: four setup sectors and `payload` bytes. */
function linuxImage({
  version = 0x020f,
  high = true,
  payload = 5000,
  ramdiskMax = 0x7fffffff,
} = {}): Uint8Array {
  const image = new Uint8Array(5 * 512 + payload).fill(0x90)
  const fields = view(image)
  fields.setUint8(0x1f1, 4)
  fields.setUint16(0x1fe, 0xaa55, true)
  fields.setUint32(0x202, 0x53726448, true)
  fields.setUint16(0x206, version, true)
  fields.setUint8(0x211, high ? 1 : 0)
  fields.setUint32(0x22c, ramdiskMax, true)
  fields.setUint32(0x238, 2047, true)
  fields.setUint32(0x260, 0x10000, true)
  return image
}

describe('Linux kernels', () => {
  it('are entered through their setup code, with the kernel at 1 MiB', () => {
    const placement = placeKernel(file(linuxImage()), request({ append: 'console=ttyS0' }))
    expect(placement.start).toEqual({ kind: 'real', cs: 0x1020, ip: 0, ds: 0x1000, ss: 0x1000, sp: 0xe000 })
    expect(at(placement, MIB).length).toBe(5000)
    const setup = view(at(placement, 0x10000))
    expect([setup.getUint8(0x210), setup.getUint8(0x211), setup.getUint16(0x224, true)]).toEqual([
      0xff, 0x81, 0xde00,
    ])
    const line = at(placement, setup.getUint32(0x228, true))
    expect(new TextDecoder().decode(line)).toBe('console=ttyS0\0')
  })

  it('get their initrd as high as they can reach and RAM goes', () => {
    const initrd = file(new Uint8Array(10_000), '/boot/initrd')
    const high = placeKernel(file(linuxImage()), request({ initrd }))
    const setup = view(at(high, 0x10000))
    expect(setup.getUint32(0x218, true)).toBe(64 * MIB - 0x10000 - 0x3000)
    expect(setup.getUint32(0x21c, true)).toBe(10_000)

    const low = placeKernel(file(linuxImage({ ramdiskMax: 0xffffff })), request({ initrd }))
    expect(view(at(low, 0x10000)).getUint32(0x218, true)).toBe(16 * MIB - 0x3000)
  })

  it('of old protocols lie low, with setup and command line at 90000', () => {
    const placement = placeKernel(
      file(linuxImage({ version: 0x0200, high: false })),
      request({ append: 'root=/dev/fd0' }),
    )
    expect(placement.start).toMatchObject({ cs: 0x9020, ds: 0x9000 })
    expect(at(placement, 0x10000).length).toBe(5000)
    const setup = view(at(placement, 0x90000))
    expect([setup.getUint16(0x20, true), setup.getUint16(0x22, true)]).toEqual([0xa33f, 0xe000])
  })

  it('that do not fit say how much memory they want', () => {
    expect(() => placeKernel(file(linuxImage({ payload: 3 * MIB })), request({ ramBytes: 2 * MIB }))).toThrow(
      /needs at least 5 MiB/,
    )
  })

  it('refuse modules and overlong command lines', () => {
    expect(() =>
      placeKernel(file(linuxImage()), request({ modules: [{ ...file(new Uint8Array(1)), arguments: '' }] })),
    ).toThrow(/takes no modules/)
    expect(() => placeKernel(file(linuxImage()), request({ append: 'x'.repeat(3000) }))).toThrow(EngineError)
  })
})

/** A Multiboot kernel that gives its addresses in the header. */
function addressKernel(): Uint8Array {
  const image = new Uint8Array(0x200)
  const fields = view(image)
  const flags = 0x00010003
  ;[0x1badb002, flags, -(0x1badb002 + flags), 0x100040, 0x100000, 0x1001c0, 0x102000, 0x100060].forEach(
    (value, index) => fields.setUint32(0x80 + index * 4, value >>> 0, true),
  )
  return image
}

/** A 32-bit ELF kernel, linked high and loaded at 1 MiB. */
function elfKernel(): Uint8Array {
  const image = new Uint8Array(0x2000)
  const fields = view(image)
  image.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  fields.setUint32(24, 0xc0100010, true)
  fields.setUint32(28, 52, true)
  fields.setUint16(42, 32, true)
  fields.setUint16(44, 1, true)
  ;[1, 0x1000, 0xc0100000, 0x100000, 0x800, 0x3000].forEach((value, index) =>
    fields.setUint32(52 + index * 4, value >>> 0, true),
  )
  ;[0x1badb002, 3, -(0x1badb002 + 3)].forEach((value, index) =>
    fields.setUint32(0x1000 + index * 4, value >>> 0, true),
  )
  return image
}

describe('Multiboot kernels', () => {
  it('load by the addresses of their header', () => {
    const placement = placeKernel(file(addressKernel()), request())
    // The header lies 40h into what is loaded, and 80h into the file.
    expect(at(placement, 0x100000).length).toBe(0x1c0)
    expect(view(at(placement, 0x100000)).getUint32(0x40, true)).toBe(0x1badb002)
    expect(at(placement, 0x1001c0).length).toBe(0x102000 - 0x1001c0)
    expect(placement.start).toMatchObject({ kind: 'protected', entry: 0x100060, eax: 0x2badb002 })
  })

  it('load as ELF files, at physical addresses, with their memory cleared', () => {
    const placement = placeKernel(file(elfKernel()), request())
    expect(placement.start).toMatchObject({ entry: 0x100010 })
    expect(at(placement, 0x100800).length).toBe(0x2800)
    expect(at(placement, 0x100800).every((byte) => byte === 0)).toBe(true)
  })

  it('get memory, command line, modules and a memory map', () => {
    const modules = [{ ...file(Uint8Array.of(1, 2, 3), 'module.bin'), arguments: 'a b' }]
    const placement = placeKernel(file(elfKernel()), request({ append: 'root=x', modules }))
    const start = placement.start as Extract<BootPlacement['start'], { kind: 'protected' }>
    const bytes = at(placement, start.ebx)
    const info = view(bytes)
    const text = (address: number) => {
      const from = address - start.ebx
      return new TextDecoder().decode(bytes.subarray(from, bytes.indexOf(0, from)))
    }
    expect(info.getUint32(0, true) & 0x4d).toBe(0x4d)
    expect([info.getUint32(4, true), info.getUint32(8, true)]).toEqual([639, 63 * 1024 - 64])
    expect(text(info.getUint32(16, true))).toBe('/boot/kernel root=x')
    const list = info.getUint32(24, true) - start.ebx
    const address = info.getUint32(list, true)
    expect([info.getUint32(20, true), address % 0x1000, info.getUint32(list + 4, true) - address]).toEqual([
      1, 0, 3,
    ])
    expect(text(info.getUint32(list + 8, true))).toBe('module.bin a b')
    expect(Array.from(at(placement, address))).toEqual([1, 2, 3])
    const map = info.getUint32(48, true) - start.ebx
    expect([
      info.getUint32(map, true),
      info.getUint32(map + 12, true),
      info.getUint32(map + 20, true),
    ]).toEqual([20, 639 * 1024, 1])
  })

  it('may be compressed', () => {
    const placement = placeKernel(file(new Uint8Array(gzipSync(elfKernel()))), request())
    expect(placement.start.kind).toBe('protected')
  })

  it('that ask for too much are refused', () => {
    const image = elfKernel()
    view(image).setUint32(52 + 20, 0x7000_0000, true)
    expect(() => placeKernel(file(image), request())).toThrow(/needs at least/)
  })
})

describe('what is no kernel', () => {
  it.each([
    ['a text file', new TextEncoder().encode('hello\n'.repeat(500))],
    ['an empty file', new Uint8Array(0)],
    [
      'a boot sector',
      Uint8Array.from({ length: 512 }, (_, index) => (index === 510 ? 0x55 : index === 511 ? 0xaa : 0)),
    ],
  ])('%s is refused by name', (_, bytes) => {
    expect(() => placeKernel(file(bytes, 'notes.txt'), request())).toThrow(/notes\.txt: is no kernel/)
  })

  it('damaged files are refused, not crashed on', () => {
    let seed = 1
    const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
    for (let round = 0; round < 2000; round++) {
      const image = [linuxImage(), addressKernel(), elfKernel()][round % 3]!
      for (let change = 0; change < 4; change++) {
        const place =
          round % 3 === 2
            ? random() % 0x60
            : round % 3 === 1
              ? 0x80 + (random() % 32)
              : 0x1f0 + (random() % 0x80)
        image[place] = random() >>> 24
      }
      try {
        placeKernel(file(image), request())
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError)
      }
    }
  })
})

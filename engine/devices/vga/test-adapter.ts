import { ManualClock } from '../../../test/support/manual-clock.ts'
import type { AccessSize } from '../../bus/bus-device.ts'
import { MemoryMap } from '../../bus/memory-map.ts'
import { PortMap } from '../../bus/port-map.ts'
import { GuestMemory } from '../../memory/guest-memory.ts'
import type { Frame } from '../display.ts'
import { Vga } from './vga.ts'

/** Registers of a mode as IBM's manual lists them: sequencer 1-4, CRTC 0-18h, attribute 0-14h, graphics 0-8. */
export interface ModeTable {
  misc: number
  sequencer: string
  crtc: string
  attribute: string
  graphics: string
}

const COLORS_64 = '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f'
const COLORS_CGA = '00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17'
const COLORS_16 = '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f'

const MODE_13: ModeTable = {
  misc: 0x63,
  sequencer: '01 0f 00 0e',
  crtc: '5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 40 96 b9 a3 ff',
  attribute: `${COLORS_16} 41 00 0f 00 00`,
  graphics: '00 00 00 00 00 40 05 0f ff',
}

/** The modes of the IBM VGA BIOS, and two of the unchained ones that programs made of mode 13h. */
export const MODES = {
  0x03: {
    misc: 0x67,
    sequencer: '00 03 00 02',
    crtc: '5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff',
    attribute: `${COLORS_64} 0c 00 0f 08 00`,
    graphics: '00 00 00 00 00 10 0e 00 ff',
  },
  0x04: {
    misc: 0x63,
    sequencer: '09 03 00 02',
    crtc: '2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 a2 ff',
    attribute: '00 13 15 17 02 04 06 07 10 11 12 13 14 15 16 17 01 00 03 00 00',
    graphics: '00 00 00 00 00 30 0f 00 ff',
  },
  0x06: {
    misc: 0x63,
    sequencer: '01 01 00 06',
    crtc: '5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 28 00 96 b9 c2 ff',
    attribute: '00 17 17 17 17 17 17 17 17 17 17 17 17 17 17 17 01 00 01 00 00',
    graphics: '00 00 00 00 00 00 0d 00 ff',
  },
  0x07: {
    misc: 0x66,
    sequencer: '00 03 00 02',
    crtc: '5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 0d 96 b9 a3 ff',
    attribute: '00 08 08 08 08 08 08 08 10 18 18 18 18 18 18 18 0e 00 0f 08 00',
    graphics: '00 00 00 00 00 10 0a 00 ff',
  },
  0x0d: {
    misc: 0x63,
    sequencer: '09 0f 00 06',
    crtc: '2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 e3 ff',
    attribute: `${COLORS_CGA} 01 00 0f 00 00`,
    graphics: '00 00 00 00 00 00 05 0f ff',
  },
  0x0f: {
    misc: 0xa2,
    sequencer: '01 0f 00 06',
    crtc: '5f 4f 50 82 54 80 bf 1f 00 40 00 00 00 00 00 00 83 85 5d 28 0f 63 ba e3 ff',
    attribute: '00 08 00 00 18 18 00 00 00 08 00 00 00 18 00 00 0b 00 05 00 00',
    graphics: '00 00 00 00 00 00 05 05 ff',
  },
  0x10: {
    misc: 0xa3,
    sequencer: '01 0f 00 06',
    crtc: '5f 4f 50 82 54 80 bf 1f 00 40 00 00 00 00 00 00 83 85 5d 28 0f 63 ba e3 ff',
    attribute: `${COLORS_64} 01 00 0f 00 00`,
    graphics: '00 00 00 00 00 00 05 0f ff',
  },
  0x12: {
    misc: 0xe3,
    sequencer: '01 0f 00 06',
    crtc: '5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff',
    attribute: `${COLORS_64} 01 00 0f 00 00`,
    graphics: '00 00 00 00 00 00 05 0f ff',
  },
  0x13: MODE_13,
  '320x240': {
    ...MODE_13,
    misc: 0xe3,
    sequencer: '01 0f 00 06',
    crtc: '5f 4f 50 82 54 80 0d 3e 00 41 00 00 00 00 00 00 ea ac df 28 00 e7 06 e3 ff',
  },
  '360x480': {
    ...MODE_13,
    misc: 0xe7,
    sequencer: '01 0f 00 06',
    crtc: '6b 59 5a 8e 5e 8a 0d 3e 00 40 00 00 00 00 00 00 ea ac df 2d 00 e7 06 e3 ff',
  },
} as const satisfies Record<string | number, ModeTable>
export type ModeName = keyof typeof MODES

const parse = (table: string): number[] => table.split(' ').map((byte) => parseInt(byte, 16))

/** A VGA on buses of its own, driven as a program drives it. */
export class TestAdapter {
  readonly clock = new ManualClock()
  readonly memory = new GuestMemory(1)
  readonly map = new MemoryMap(this.memory)
  readonly ports = new PortMap()
  readonly vga = new Vga(this.clock, this.map)

  constructor() {
    for (const { range, device } of this.vga.ports) this.ports.map(range, device)
  }

  out(port: number, value: number, size: AccessSize = 1): void {
    this.ports.write(port, value, size)
  }

  in(port: number, size: AccessSize = 1): number {
    return this.ports.read(port, size)
  }

  sequencer(index: number, value: number): void {
    this.out(0x3c4, index | (value << 8), 2)
  }

  graphics(index: number, value: number): void {
    this.out(0x3ce, index | (value << 8), 2)
  }

  crtc(index: number, value: number): void {
    this.out(this.crtcPort, index | (value << 8), 2)
  }

  attribute(index: number, value: number): void {
    this.in(this.crtcPort + 6)
    this.out(0x3c0, index | 0x20)
    this.out(0x3c0, value)
  }

  dispi(index: number, value: number): void {
    this.out(0x1ce, index, 2)
    this.out(0x1cf, value, 2)
  }

  readDispi(index: number): number {
    this.out(0x1ce, index, 2)
    return this.in(0x1cf, 2)
  }

  /** A mode set as the BIOS does it, with a grey ramp for a palette: entry i is (i, i, i) in six bits. */
  setMode(name: ModeName): void {
    const mode = MODES[name]
    this.out(0x3c2, mode.misc)
    this.sequencer(0, 1)
    for (const [index, value] of parse(mode.sequencer).entries()) this.sequencer(index + 1, value)
    this.sequencer(0, 3)
    this.crtc(0x11, 0)
    for (const [index, value] of parse(mode.crtc).entries()) this.crtc(index, value)
    for (const [index, value] of parse(mode.graphics).entries()) this.graphics(index, value)
    for (const [index, value] of parse(mode.attribute).entries()) this.attribute(index, value)
    this.out(0x3c8, 0)
    for (let color = 0; color < 256; color++) for (let part = 0; part < 3; part++) this.out(0x3c9, color)
    this.nextFrame()
  }

  setVbe(width: number, height: number, depth: number, flags = 0x41): void {
    this.dispi(4, 0)
    this.dispi(1, width)
    this.dispi(2, height)
    this.dispi(3, depth)
    this.dispi(4, flags)
    this.in(0x3da)
    this.in(0x3ba)
    this.out(0x3c0, 0x20)
  }

  /** Lets the next vertical retrace pass. */
  nextFrame(): void {
    this.clock.advance(20_000_000)
  }

  /** Loads a character into font map 0 as the BIOS does: plane 2, addressed in sequence. */
  loadCharacter(code: number, rows: readonly number[], fontOffset = 0): void {
    this.sequencer(2, 4)
    this.sequencer(4, 6)
    this.graphics(5, 0)
    this.graphics(6, 4)
    for (const [row, bits] of rows.entries()) this.poke(0xa0000 + fontOffset + code * 32 + row, bits)
    this.sequencer(2, 3)
    this.sequencer(4, 2)
    this.graphics(5, 0x10)
    this.graphics(6, 0x0e)
  }

  poke(address: number, value: number, size: AccessSize = 1): void {
    this.map.write(address, value, size)
  }

  peek(address: number, size: AccessSize = 1): number {
    return this.map.read(address, size)
  }

  print(address: number, text: string, attribute = 7): void {
    for (const [column, character] of [...text].entries())
      this.poke(address + 2 * column, character.charCodeAt(0) | (attribute << 8), 2)
  }

  get crtcPort(): number {
    return this.in(0x3cc) & 1 ? 0x3d4 : 0x3b4
  }
}

/** Red of a pixel, as the six bits that the grey ramp has there. */
export const greyAt = (frame: Frame, x: number, y: number): number =>
  frame.pixels[(y * frame.width + x) * 4]! >> 2

/** The greys of a stretch of pixels. */
export const greys = (frame: Frame, x: number, y: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => greyAt(frame, x + at, y))

/** Red, green, blue and alpha of a pixel. */
export const rgba = (frame: Frame, x: number, y: number): number[] => [
  ...frame.pixels.subarray((y * frame.width + x) * 4, (y * frame.width + x) * 4 + 4),
]

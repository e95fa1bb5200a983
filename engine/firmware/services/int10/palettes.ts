import type { PaletteName } from './modes.ts'

/** Red, green, blue, 6 bits each. */
type Rgb = readonly [number, number, number]

const twoLevels = (index: number, strong: number, weak: number): Rgb => {
  const channel = (strongBit: number, weakBit: number) =>
    ((index >> strongBit) & 1) * strong + ((index >> weakBit) & 1) * weak
  return [channel(2, 5), channel(1, 4), channel(0, 3)]
}

/** The 64 colours of an EGA monitor: rgbRGB, the small letters a third of full intensity. */
const ega = (): Rgb[] => Array.from({ length: 64 }, (_, index) => twoLevels(index, 0x2a, 0x15))

/** The 16 colours of a CGA monitor, with its brown, where the attribute tables of 200-line modes look for them. */
const cga = (): Rgb[] =>
  Array.from({ length: 64 }, (_, index) => {
    const bright = index & 0x10 ? 0x15 : 0
    const color = index & 7
    if (color === 6 && !bright) return [0x2a, 0x15, 0]
    return [4, 2, 1].map((bit) => (color & bit ? 0x2a : 0) + bright) as unknown as Rgb
  })

const mono = (): Rgb[] =>
  Array.from({ length: 64 }, (_, index) => {
    const level = [0, 0x2a, 0x15, 0x3f][((index >> 3) & 1) | ((index >> 3) & 2)]!
    return [level, level, level]
  })

const GREYS = [0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f]
// Five steps from the least to the greatest value of a channel, by intensity and saturation.
const RAMPS = [
  [
    [0x00, 0x10, 0x1f, 0x2f, 0x3f],
    [0x1f, 0x27, 0x2f, 0x37, 0x3f],
    [0x2d, 0x31, 0x36, 0x3a, 0x3f],
  ],
  [
    [0x00, 0x07, 0x0e, 0x15, 0x1c],
    [0x0e, 0x11, 0x15, 0x18, 0x1c],
    [0x14, 0x16, 0x18, 0x1a, 0x1c],
  ],
  [
    [0x00, 0x04, 0x08, 0x0c, 0x10],
    [0x08, 0x0a, 0x0c, 0x0e, 0x10],
    [0x0b, 0x0c, 0x0d, 0x0f, 0x10],
  ],
]

/** One of 24 hues, blue over red and green and back, as the step of each channel. */
function hue(index: number): Rgb {
  const up = index & 3
  switch (index >> 2) {
    case 0:
      return [up, 0, 4]
    case 1:
      return [4, 0, 4 - up]
    case 2:
      return [4, up, 0]
    case 3:
      return [4 - up, 4, 0]
    case 4:
      return [0, 4, up]
    default:
      return [0, 4 - up, 4]
  }
}

function vga256(): Rgb[] {
  const base = ega()
  const colors: Rgb[] = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f].map(
    (index) => base[index]!,
  )
  for (const grey of GREYS) colors.push([grey, grey, grey])
  for (const intensity of RAMPS)
    for (const ramp of intensity)
      for (let index = 0; index < 24; index++)
        colors.push(hue(index).map((step) => ramp[step]!) as unknown as Rgb)
  while (colors.length < 256) colors.push([0, 0, 0])
  return colors
}

const MAKERS: Readonly<Record<PaletteName, () => Rgb[]>> = { mono, cga, ega, vga256 }

/**
 * Default DAC contents of a mode.
 * @param summed replace each colour by its grey of the same luminance
 * @returns 64 or 256 colours of 6 bits per channel
 */
export function defaultPalette(name: PaletteName, summed = false): Rgb[] {
  const colors = MAKERS[name]()
  return summed ? colors.map((color) => greyOf(color)) : colors
}

/** NTSC weights, as the BIOS's grey-scale summing uses. */
export function greyOf([red, green, blue]: Rgb): Rgb {
  const level = Math.min(0x3f, (red * 77 + green * 151 + blue * 28 + 128) >> 8)
  return [level, level, level]
}

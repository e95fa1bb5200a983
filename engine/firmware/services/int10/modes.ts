/** How a mode arranges its memory. */
export type MemoryModel = 'text' | 'cga' | 'planar' | 'packed'
/** Which default colours the DAC gets: see palettes.ts. */
export type PaletteName = 'mono' | 'cga' | 'ega' | 'vga256'

/** One BIOS mode, with the registers that make it. */
export interface VideoMode {
  number: number
  model: MemoryModel
  columns: number
  rows: number
  charHeight: number
  /** Bytes of one display page. */
  pageBytes: number
  segment: number
  bitsPerPixel: number
  palette: PaletteName
  misc: number
  /** Sequencer 1-4. */
  sequencer: readonly number[]
  /** CRTC 0-18h. */
  crtc: readonly number[]
  /** Attribute controller 0-13h. */
  attribute: readonly number[]
  /** Graphics controller 0-8. */
  graphics: readonly number[]
}

const hex = (text: string): number[] => text.split(' ').map((byte) => Number.parseInt(byte, 16))

// Colour tables of the attribute controller, its mode control, overscan, plane enable and panning at the end.
const TEXT_COLORS = '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f'
const TEXT16 = hex(`${TEXT_COLORS} 0c 00 0f 08`)
const TEXT16_8DOTS = hex(`${TEXT_COLORS} 08 00 0f 00`)
const TEXT_MONO = hex('00 08 08 08 08 08 08 08 10 18 18 18 18 18 18 18 0e 00 0f 08')
const CGA4 = hex('00 13 15 17 02 04 06 07 10 11 12 13 14 15 16 17 01 00 03 00')
const CGA2 = hex('00 17 17 17 17 17 17 17 17 17 17 17 17 17 17 17 01 00 01 00')
const EGA200 = hex('00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17 01 00 0f 00')
const EGA350 = hex(`${TEXT_COLORS} 01 00 0f 00`)
const EGA_MONO = hex('00 08 00 00 18 18 00 00 00 08 00 00 00 18 00 00 0b 00 05 00')
const VGA2 = hex('00 3f 00 3f 00 3f 00 3f 00 3f 00 3f 00 3f 00 3f 01 00 0f 00')
const VGA256 = hex('00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 41 00 0f 00')

const GRAPHICS_TEXT = hex('00 00 00 00 00 10 0e 00 ff')
const GRAPHICS_MONO = hex('00 00 00 00 00 10 0a 00 ff')
const GRAPHICS_CGA4 = hex('00 00 00 00 00 30 0f 00 ff')
const GRAPHICS_CGA2 = hex('00 00 00 00 00 00 0d 00 ff')
const GRAPHICS_PLANAR = hex('00 00 00 00 00 00 05 0f ff')
const GRAPHICS_256 = hex('00 00 00 00 00 40 05 0f ff')

// Horizontal timing of 40 and 80 columns in text and graphics, vertical timing by lines.
const H40_TEXT = '2d 27 28 90 2b a0'
const H80_TEXT = '5f 4f 50 82 55 81'
const H40 = '2d 27 28 90 2b 80'
const H80 = '5f 4f 50 82 54 80'

const crtc = (horizontal: string, rest: string): number[] => hex(`${horizontal} ${rest}`)
const text200 = (h: string, offset: string) =>
  crtc(h, `bf 1f 00 c7 06 07 00 00 00 00 9c 8e 8f ${offset} 1f 96 b9 a3 ff`)
const text350 = (h: string, offset: string, underline = '1f') =>
  crtc(h, `bf 1f 00 4d 0b 0c 00 00 00 00 83 85 5d ${offset} ${underline} 63 ba a3 ff`)
const text400 = (h: string, offset: string, underline = '1f') =>
  crtc(h, `bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f ${offset} ${underline} 96 b9 a3 ff`)
const graphics200 = (h: string, rowScan: string, offset: string, underline: string, mode: string) =>
  crtc(h, `bf 1f 00 ${rowScan} 00 00 00 00 00 00 9c 8e 8f ${offset} ${underline} 96 b9 ${mode} ff`)
const graphics350 = crtc(H80, 'bf 1f 00 40 00 00 00 00 00 00 83 85 5d 28 0f 63 ba e3 ff')
const graphics480 = (mode: string) =>
  crtc(H80, `0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 ${mode} ff`)

type Brief = Pick<VideoMode, 'number' | 'columns' | 'charHeight' | 'pageBytes'> &
  Partial<Pick<VideoMode, 'rows' | 'segment' | 'bitsPerPixel' | 'palette'>> & {
    misc: number
    seq: string
  }

const mode = (
  model: MemoryModel,
  brief: Brief,
  crtcRegisters: number[],
  attribute: number[],
  graphics: number[],
): VideoMode => {
  const { seq, ...rest } = brief
  return {
    model,
    rows: 25,
    segment: model === 'text' || model === 'cga' ? 0xb800 : 0xa000,
    bitsPerPixel: 4,
    palette: 'ega',
    ...rest,
    sequencer: hex(seq),
    crtc: crtcRegisters,
    attribute,
    graphics,
  }
}

const text = (
  number: number,
  columns: number,
  charHeight: number,
  misc: number,
  seq: string,
  crtcValues: number[],
  attribute = TEXT16,
) =>
  mode(
    'text',
    { number, columns, charHeight, pageBytes: columns === 40 ? 0x800 : 0x1000, misc, seq },
    crtcValues,
    attribute,
    GRAPHICS_TEXT,
  )

/** Text modes by scan lines: INT 10h/12h BL=30h chooses. */
export const TEXT_MODES: Readonly<Record<200 | 350 | 400, readonly VideoMode[]>> = {
  200: [
    ...[0, 1].map((n) => text(n, 40, 8, 0x63, '09 03 00 02', text200(H40_TEXT, '14'), TEXT16_8DOTS)),
    ...[2, 3].map((n) => text(n, 80, 8, 0x63, '01 03 00 02', text200(H80_TEXT, '28'), TEXT16_8DOTS)),
  ],
  350: [
    ...[0, 1].map((n) => text(n, 40, 14, 0xa3, '09 03 00 02', text350(H40_TEXT, '14'), TEXT16_8DOTS)),
    ...[2, 3].map((n) => text(n, 80, 14, 0xa3, '01 03 00 02', text350(H80_TEXT, '28'), TEXT16_8DOTS)),
  ],
  400: [
    ...[0, 1].map((n) => text(n, 40, 16, 0x67, '08 03 00 02', text400(H40_TEXT, '14'))),
    ...[2, 3].map((n) => text(n, 80, 16, 0x67, '00 03 00 02', text400(H80_TEXT, '28'))),
  ],
}

const monoText = (charHeight: number, crtcValues: number[], misc: number): VideoMode =>
  mode(
    'text',
    {
      number: 7,
      columns: 80,
      charHeight,
      pageBytes: 0x1000,
      segment: 0xb000,
      palette: 'mono',
      misc,
      seq: '00 03 00 02',
    },
    crtcValues,
    TEXT_MONO,
    GRAPHICS_MONO,
  )

export const MONO_TEXT: Readonly<Record<350 | 400, VideoMode>> = {
  350: monoText(14, text350(H80_TEXT, '28', '0d'), 0xa6),
  400: monoText(16, text400(H80_TEXT, '28', '0f'), 0x66),
}

const cga40 = {
  columns: 40,
  charHeight: 8,
  pageBytes: 0x4000,
  bitsPerPixel: 2,
  palette: 'cga',
  misc: 0x63,
  seq: '09 03 00 02',
} as const

/** Graphics modes. @see IBM VGA technical reference, "Video modes" */
export const GRAPHICS_MODES: readonly VideoMode[] = [
  mode('cga', { number: 4, ...cga40 }, graphics200(H40, 'c1', '14', '00', 'a2'), CGA4, GRAPHICS_CGA4),
  mode('cga', { number: 5, ...cga40 }, graphics200(H40, 'c1', '14', '00', 'a2'), CGA4, GRAPHICS_CGA4),
  mode(
    'cga',
    { ...cga40, number: 6, columns: 80, bitsPerPixel: 1, seq: '01 01 00 06' },
    graphics200(H80, 'c1', '28', '00', 'c2'),
    CGA2,
    GRAPHICS_CGA2,
  ),
  mode(
    'planar',
    {
      number: 0x0d,
      columns: 40,
      charHeight: 8,
      pageBytes: 0x2000,
      palette: 'cga',
      misc: 0x63,
      seq: '09 0f 00 06',
    },
    graphics200(H40, 'c0', '14', '00', 'e3'),
    EGA200,
    GRAPHICS_PLANAR,
  ),
  mode(
    'planar',
    {
      number: 0x0e,
      columns: 80,
      charHeight: 8,
      pageBytes: 0x4000,
      palette: 'cga',
      misc: 0x63,
      seq: '01 0f 00 06',
    },
    graphics200(H80, 'c0', '28', '00', 'e3'),
    EGA200,
    GRAPHICS_PLANAR,
  ),
  mode(
    'planar',
    {
      number: 0x0f,
      columns: 80,
      charHeight: 14,
      pageBytes: 0x8000,
      palette: 'mono',
      misc: 0xa2,
      seq: '01 0f 00 06',
    },
    graphics350,
    EGA_MONO,
    GRAPHICS_PLANAR,
  ),
  mode(
    'planar',
    { number: 0x10, columns: 80, charHeight: 14, pageBytes: 0x8000, misc: 0xa3, seq: '01 0f 00 06' },
    graphics350,
    EGA350,
    GRAPHICS_PLANAR,
  ),
  mode(
    'planar',
    {
      number: 0x11,
      columns: 80,
      rows: 30,
      charHeight: 16,
      pageBytes: 0xa000,
      bitsPerPixel: 1,
      misc: 0xe3,
      seq: '01 0f 00 06',
    },
    graphics480('c3'),
    VGA2,
    GRAPHICS_PLANAR,
  ),
  mode(
    'planar',
    {
      number: 0x12,
      columns: 80,
      rows: 30,
      charHeight: 16,
      pageBytes: 0xa000,
      misc: 0xe3,
      seq: '01 0f 00 06',
    },
    graphics480('e3'),
    EGA350,
    GRAPHICS_PLANAR,
  ),
  mode(
    'packed',
    {
      number: 0x13,
      columns: 40,
      charHeight: 8,
      pageBytes: 0x10000,
      bitsPerPixel: 8,
      palette: 'vga256',
      misc: 0x63,
      seq: '01 0f 00 0e',
    },
    graphics200(H80, '41', '28', '40', 'a3'),
    VGA256,
    GRAPHICS_256,
  ),
]

export type ScanLines = 200 | 350 | 400

/** The mode of this number, or undefined. Text modes depend on the chosen scan lines. */
export function findMode(number: number, scanLines: ScanLines): VideoMode | undefined {
  if (number < 4) return TEXT_MODES[scanLines][number]
  if (number === 7) return MONO_TEXT[scanLines === 200 ? 350 : scanLines]
  return GRAPHICS_MODES.find((candidate) => candidate.number === number)
}

/** Picture size of a graphics mode. */
export const widthOf = ({ columns }: VideoMode): number => columns * 8
export const heightOf = ({ rows, charHeight }: VideoMode): number => rows * charHeight

/**
 * The table of 29 entries of 64 bytes that programs find through the pointer at 40:A8, in IBM's order:
 * modes 0-13h (0-3 with 200 lines), then larger-memory, 350- and 400-line variants.
 */
export function parameterTable(): Uint8Array {
  const graphics = (number: number) => GRAPHICS_MODES.find((candidate) => candidate.number === number)
  const order = [
    ...TEXT_MODES[200],
    graphics(4),
    graphics(5),
    graphics(6),
    MONO_TEXT[350],
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    graphics(0x0d),
    graphics(0x0e),
    graphics(0x0f),
    graphics(0x10),
    graphics(0x0f),
    graphics(0x10),
    ...TEXT_MODES[350],
    TEXT_MODES[400][1],
    TEXT_MODES[400][3],
    MONO_TEXT[400],
    graphics(0x11),
    graphics(0x12),
    graphics(0x13),
  ]
  const table = new Uint8Array(order.length * 64)
  order.forEach((entry, index) => {
    if (!entry) return
    const { columns, rows, charHeight, pageBytes } = entry
    table.set(
      [
        columns,
        rows - 1,
        charHeight,
        pageBytes & 0xff,
        (pageBytes >> 8) & 0xff,
        ...entry.sequencer,
        entry.misc,
        ...entry.crtc,
        ...entry.attribute,
        ...entry.graphics,
      ],
      index * 64,
    )
  })
  return table
}

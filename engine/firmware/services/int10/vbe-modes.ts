/** One VBE mode: packed pixels, or four planes with 4 bits per pixel. */
export interface VbeMode {
  number: number
  width: number
  height: number
  bitsPerPixel: 4 | 8 | 15 | 16 | 24 | 32
}

type Row = readonly [
  width: number,
  height: number,
  ...numbers: (readonly [number, VbeMode['bitsPerPixel']])[],
]

/** Numbers below 140h are VESA's; the others are those that boot loaders know from other virtual machines, or ours. */
const ROWS: readonly Row[] = [
  [640, 400, [0x100, 8], [0x141, 32]],
  [640, 480, [0x101, 8], [0x110, 15], [0x111, 16], [0x112, 24], [0x142, 32]],
  [800, 600, [0x102, 4], [0x103, 8], [0x113, 15], [0x114, 16], [0x115, 24], [0x143, 32]],
  [1024, 768, [0x105, 8], [0x116, 15], [0x117, 16], [0x118, 24], [0x144, 32]],
  [1280, 1024, [0x107, 8], [0x119, 15], [0x11a, 16], [0x11b, 24], [0x145, 32]],
  [1600, 1200, [0x11c, 8], [0x11d, 15], [0x11e, 16], [0x11f, 24], [0x147, 32]],
  [320, 200, [0x146, 8], [0x10d, 15], [0x10e, 16], [0x10f, 24], [0x140, 32]],
  [1152, 864, [0x148, 8], [0x149, 15], [0x14a, 16], [0x14b, 24], [0x14c, 32]],
  [1280, 720, [0x18b, 8], [0x18d, 16], [0x18e, 24], [0x18f, 32]],
  [1280, 768, [0x174, 8], [0x175, 16], [0x176, 24], [0x177, 32]],
  [1280, 800, [0x173, 8], [0x178, 16], [0x179, 24], [0x17a, 32]],
  [1280, 960, [0x172, 8], [0x17b, 16], [0x17c, 24], [0x17d, 32]],
  [1366, 768, [0x191, 16], [0x192, 24], [0x193, 32]],
  [1400, 1050, [0x171, 8], [0x17e, 16], [0x17f, 24], [0x180, 32]],
  [1440, 900, [0x170, 8], [0x181, 16], [0x182, 24], [0x183, 32]],
  [1680, 1050, [0x16f, 8], [0x184, 16], [0x185, 24], [0x186, 32]],
  [1920, 1080, [0x18c, 8], [0x190, 16], [0x194, 24], [0x195, 32]],
  [1920, 1200, [0x16e, 8], [0x187, 16], [0x188, 24], [0x189, 32]],
]

const ALL: readonly VbeMode[] = ROWS.flatMap(([width, height, ...numbers]) =>
  numbers.map(([number, bitsPerPixel]) => ({ number, width, height, bitsPerPixel })),
)

/** Bytes in memory of one line: the planes of a 4-bit mode lie behind one address. */
export const lineBytes = ({ width, bitsPerPixel }: Pick<VbeMode, 'width' | 'bitsPerPixel'>): number =>
  bitsPerPixel === 4 ? width / 8 : width * ((bitsPerPixel + 7) >> 3)

const memoryOf = (mode: VbeMode): number => lineBytes(mode) * mode.height * (mode.bitsPerPixel === 4 ? 4 : 1)

/** The modes that fit into this much video memory. */
export const vbeModes = (memoryBytes: number): VbeMode[] =>
  ALL.filter((mode) => memoryOf(mode) <= memoryBytes)

export const findVbeMode = (number: number, memoryBytes: number): VbeMode | undefined =>
  vbeModes(memoryBytes).find((mode) => mode.number === number)

/** Position and size of the colour fields: red, green, blue, reserved. */
export const COLOR_FIELDS: Readonly<
  Record<VbeMode['bitsPerPixel'], readonly (readonly [size: number, at: number])[]>
> = {
  4: [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
  ],
  8: [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
  ],
  15: [
    [5, 10],
    [5, 5],
    [5, 0],
    [1, 15],
  ],
  16: [
    [5, 11],
    [6, 5],
    [5, 0],
    [0, 0],
  ],
  24: [
    [8, 16],
    [8, 8],
    [8, 0],
    [0, 0],
  ],
  32: [
    [8, 16],
    [8, 8],
    [8, 0],
    [8, 24],
  ],
}

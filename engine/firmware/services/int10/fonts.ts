import { in8, outMany, read, type Service, write } from '../../port/protocol.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'

export type RomFont = 'font8' | 'font14' | 'font16'
export const FONT_HEIGHT: Readonly<Record<RomFont, number>> = { font8: 8, font14: 14, font16: 16 }

const SEQUENCER = 0x3c4
const GRAPHICS = 0x3ce
/** Character generator slots in plane 2, in the order of the block number's three bits. */
const BLOCK_OFFSETS = [0x0000, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000]
const GLYPH_STRIDE = 32

/** Loads one of the ROM's fonts into a block of plane 2. */
export function* loadFont(font: RomFont, block: number): Service {
  const height = FONT_HEIGHT[font]
  const glyphs = yield* read(VIDEO_SEGMENT, VIDEO_ROM[font], 256 * height)
  yield* loadGlyphs(glyphs, height, 0, block)
}

/**
 * Writes glyphs into plane 2.
 * @param first code of the first glyph
 */
export function* loadGlyphs(glyphs: Uint8Array, height: number, first: number, block: number): Service {
  if (height < 1 || height > GLYPH_STRIDE) return
  const count = Math.min(256 - (first & 0xff), Math.floor(glyphs.length / height))
  const spread = new Uint8Array(count * GLYPH_STRIDE)
  for (let index = 0; index < count; index++)
    spread.set(glyphs.subarray(index * height, (index + 1) * height), index * GLYPH_STRIDE)
  yield* withPlane2(write(0xa000, BLOCK_OFFSETS[block & 7]! + (first & 0xff) * GLYPH_STRIDE, spread))
}

/** Runs `inner` while A000:0000 shows plane 2 alone, then puts the text mode's mapping back. */
function* withPlane2(inner: Service): Service {
  yield* outMany([
    [SEQUENCER, 0],
    [SEQUENCER + 1, 1],
    [SEQUENCER, 2],
    [SEQUENCER + 1, 4],
    [SEQUENCER, 4],
    [SEQUENCER + 1, 7],
    [SEQUENCER, 0],
    [SEQUENCER + 1, 3],
    [GRAPHICS, 0],
    [GRAPHICS + 1, 0],
    [GRAPHICS, 1],
    [GRAPHICS + 1, 0],
    [GRAPHICS, 3],
    [GRAPHICS + 1, 0],
    [GRAPHICS, 4],
    [GRAPHICS + 1, 2],
    [GRAPHICS, 5],
    [GRAPHICS + 1, 0],
    [GRAPHICS, 6],
    [GRAPHICS + 1, 4],
    [GRAPHICS, 8],
    [GRAPHICS + 1, 0xff],
  ])
  yield* inner
  const mono = !((yield* in8(0x3cc)) & 1)
  yield* outMany([
    [SEQUENCER, 0],
    [SEQUENCER + 1, 1],
    [SEQUENCER, 2],
    [SEQUENCER + 1, 3],
    [SEQUENCER, 4],
    [SEQUENCER + 1, 2],
    [SEQUENCER, 0],
    [SEQUENCER + 1, 3],
    [GRAPHICS, 4],
    [GRAPHICS + 1, 0],
    [GRAPHICS, 5],
    [GRAPHICS + 1, 0x10],
    [GRAPHICS, 6],
    [GRAPHICS + 1, mono ? 0x0a : 0x0e],
  ])
}

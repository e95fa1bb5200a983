/** Rows of pixels as text: '#' is lit. */
export type Art = readonly string[]

const CHARACTERS_PER_BLOCK = 8
const NAMES: Readonly<Record<string, string>> = { SPACE: ' ', HOUSE: '⌂' }

/**
 * Reads a drawing of many characters: blocks of eight side by side under a line that names them. What comes before
 * the first block is a comment.
 * @param rows of each character
 */
export function readGlyphs(source: string, rows: number): Map<string, Art> {
  const glyphs = new Map<string, Art>()
  const lines = source.split('\n')
  lines.forEach((line, index) => {
    if (!line.startsWith('= ')) return
    const names = line.slice(2).split(' ')
    const cells = lines.slice(index + 1, index + 1 + rows).map((row) => row.split(' '))
    names.forEach((character, column) => {
      const art = cells.map((row) => row[column] ?? '')
      if (names.length !== CHARACTERS_PER_BLOCK || art.length !== rows || art.some((row) => row.length !== 7))
        throw new SyntaxError(`the drawing of ${character} is not ${rows} rows of 7`)
      glyphs.set(NAMES[character] ?? character, art)
    })
  })
  return glyphs
}

/** A row of art as a byte, leftmost pixel in bit 7. */
export const rowBits = (row: string): number =>
  Array.from(row).reduce((bits, pixel, column) => (pixel === '#' ? bits | (0x80 >> column) : bits), 0)

/** How a box-drawing character reaches its four sides: 0 not, 1 with a single line, 2 with a double one. */
type Arms = readonly [up: number, right: number, down: number, left: number]

const ARMS: Readonly<Record<string, Arms>> = {
  '│': [1, 0, 1, 0],
  '┤': [1, 0, 1, 1],
  '╡': [1, 0, 1, 2],
  '╢': [2, 0, 2, 1],
  '╖': [0, 0, 2, 1],
  '╕': [0, 0, 1, 2],
  '╣': [2, 0, 2, 2],
  '║': [2, 0, 2, 0],
  '╗': [0, 0, 2, 2],
  '╝': [2, 0, 0, 2],
  '╜': [2, 0, 0, 1],
  '╛': [1, 0, 0, 2],
  '┐': [0, 0, 1, 1],
  '└': [1, 1, 0, 0],
  '┴': [1, 1, 0, 1],
  '┬': [0, 1, 1, 1],
  '├': [1, 1, 1, 0],
  '─': [0, 1, 0, 1],
  '┼': [1, 1, 1, 1],
  '╞': [1, 2, 1, 0],
  '╟': [2, 1, 2, 0],
  '╚': [2, 2, 0, 0],
  '╔': [0, 2, 2, 0],
  '╩': [2, 2, 0, 2],
  '╦': [0, 2, 2, 2],
  '╠': [2, 2, 2, 0],
  '═': [0, 2, 0, 2],
  '╬': [2, 2, 2, 2],
  '╧': [1, 2, 0, 2],
  '╨': [2, 1, 0, 1],
  '╤': [0, 2, 1, 2],
  '╥': [0, 1, 2, 1],
  '╙': [2, 1, 0, 0],
  '╘': [1, 2, 0, 0],
  '╒': [0, 2, 1, 0],
  '╓': [0, 1, 2, 0],
  '╫': [2, 1, 2, 1],
  '╪': [1, 2, 1, 2],
  '┘': [1, 0, 0, 1],
  '┌': [0, 1, 1, 0],
}

// Columns of a vertical line: a single one two pixels wide in the middle, a double one on both sides of a gap.
const SINGLE_COLUMNS = 0b00011000
const DOUBLE_COLUMNS = 0b00110110
const FROM_MIDDLE = 0b00011111
const TO_MIDDLE = 0b11111000

/** A box-drawing character, or undefined when it is none. */
export function boxGlyph(character: string, height: number): number[] | undefined {
  const arms = ARMS[character]
  if (!arms) return undefined
  const [up, right, down, left] = arms
  const middle = (height >> 1) - (height > 8 ? 1 : 0)
  const isDoubleVertical = Math.max(up, down) === 2
  const isDoubleHorizontal = Math.max(left, right) === 2
  if (isDoubleVertical && isDoubleHorizontal) return doubleBoth(arms, height, [middle - 1, middle + 1])
  if (isDoubleVertical) return doubleVertical(arms, height, middle)
  // Rows of the horizontal line: one in the middle, or one above and one below it.
  const rows = isDoubleHorizontal ? [middle - 1, middle + 1] : [middle]
  const first = rows[0]!
  const last = rows[rows.length - 1]!
  const glyph = new Array<number>(height).fill(0)
  for (let row = 0; row < height; row++) {
    // A vertical line that ends here stops at the nearer horizontal one, unless that one ends here as well.
    const isUp = up > 0 && row <= (down > 0 ? middle : left > 0 && right > 0 ? first : last)
    const isDown = down > 0 && row >= (up > 0 ? middle : left > 0 && right > 0 ? last : first)
    if (isUp || isDown) glyph[row] = SINGLE_COLUMNS
  }
  for (const row of rows) {
    if (left) glyph[row]! |= TO_MIDDLE
    if (right) glyph[row]! |= FROM_MIDDLE
  }
  return glyph
}

const leftTo = (column: number): number => (0xff00 >> (column + 1)) & 0xff
const rightFrom = (column: number): number => 0xff >> column

const OUTER_LEFT = 0b00110000
const OUTER_RIGHT = 0b00000110

/** Double lines in both directions: the inner corners stay open. */
function doubleBoth([up, right, down, left]: Arms, height: number, [high, low]: readonly number[]): number[] {
  const glyph = new Array<number>(height).fill(0)
  for (let row = 0; row < height; row++) {
    const above = row < high!
    const below = row > low!
    if ((above && up) || (below && down)) glyph[row] = DOUBLE_COLUMNS
    else if (!above && !below) {
      const inner = row !== high && row !== low
      const edge = row === high ? up : row === low ? down : 1
      if (inner) glyph[row] = (left ? 0 : OUTER_LEFT) | (right ? 0 : OUTER_RIGHT)
      else {
        const open = edge > 0
        glyph[row] = (left ? leftTo(open ? 3 : 6) : 0) | (right ? rightFrom(open ? 5 : 2) : 0)
        if (!left) glyph[row]! |= OUTER_LEFT | (open ? 0 : rightFrom(2))
        if (!right) glyph[row]! |= OUTER_RIGHT | (open ? 0 : leftTo(6))
      }
    }
  }
  return glyph
}

/** A double vertical line with a single horizontal one. */
function doubleVertical([up, right, down, left]: Arms, height: number, middle: number): number[] {
  const glyph = new Array<number>(height).fill(0)
  for (let row = 0; row < height; row++)
    if ((row < middle && up) || (row > middle && down) || row === middle) glyph[row] = DOUBLE_COLUMNS
  const through = up > 0 && down > 0
  if (left && right) glyph[middle] = 0xff
  else if (left) glyph[middle] = through ? leftTo(3) | OUTER_RIGHT : leftTo(6)
  else if (right) glyph[middle] = through ? rightFrom(5) | OUTER_LEFT : rightFrom(2)
  return glyph
}

/** Shades and blocks, or undefined when the character is none. */
export function blockGlyph(character: string, height: number): number[] | undefined {
  const rows = (bits: (row: number) => number): number[] =>
    Array.from({ length: height }, (_, row) => bits(row))
  const half = height >> 1
  switch (character) {
    case '░':
      return rows((row) => (row & 1 ? 0x44 : 0x11))
    case '▒':
      return rows((row) => (row & 1 ? 0xaa : 0x55))
    case '▓':
      return rows((row) => (row & 1 ? 0xee : 0xbb))
    case '█':
      return rows(() => 0xff)
    case '▄':
      return rows((row) => (row >= half ? 0xff : 0))
    case '▀':
      return rows((row) => (row < half ? 0xff : 0))
    case '▌':
      return rows(() => 0xf0)
    case '▐':
      return rows(() => 0x0f)
    default:
      return undefined
  }
}

import { CODE_PAGE_437 } from './code-page.ts'
import { type Art, readGlyphs, rowBits } from './glyph-source.ts'
import { blockGlyph, boxGlyph } from './lines.ts'

/** The drawings: see the text files beside this one. */
export interface FontSources {
  ascii16: string
  symbols16: string
  ascii8: string
}

export type FontHeight = 8 | 14 | 16

const TOP_ROW_16 = 2
const DRAWN_ROWS_16 = 13

/** Letters with an accent that code page 437 has and that are not drawn whole: base and accent. */
const COMPOSED: Readonly<Record<string, readonly [base: string, accent: keyof typeof ACCENTS]>> = {
  ü: ['u', 'diaeresis'],
  é: ['e', 'acute'],
  â: ['a', 'circumflex'],
  ä: ['a', 'diaeresis'],
  à: ['a', 'grave'],
  å: ['a', 'ring'],
  ê: ['e', 'circumflex'],
  ë: ['e', 'diaeresis'],
  è: ['e', 'grave'],
  ï: ['ı', 'diaeresis'],
  î: ['ı', 'circumflex'],
  ì: ['ı', 'grave'],
  ô: ['o', 'circumflex'],
  ö: ['o', 'diaeresis'],
  ò: ['o', 'grave'],
  û: ['u', 'circumflex'],
  ù: ['u', 'grave'],
  ÿ: ['y', 'diaeresis'],
  á: ['a', 'acute'],
  í: ['ı', 'acute'],
  ó: ['o', 'acute'],
  ú: ['u', 'acute'],
  ñ: ['n', 'tilde'],
  ç: ['c', 'cedilla'],
  Ç: ['C', 'cedilla'],
}

/** From the top row of the letter's drawing on; the cedilla hangs below the line. */
const ACCENTS = {
  acute: ['....##.', '...##..'],
  grave: ['.##....', '..##...'],
  circumflex: ['..###..', '.##.##.'],
  diaeresis: ['##..##.', '.......'],
  tilde: ['.###.##', '##.###.'],
  ring: ['..##...', '..##...'],
  cedilla: ['...##..', '..###..'],
} as const satisfies Record<string, Art>
const BELOW_LINE_16 = 10

/** All 256 characters of code page 437, `height` bytes each. */
export function makeFont(sources: FontSources, height: FontHeight): Uint8Array {
  const tall = new Map([
    ...readGlyphs(sources.symbols16, DRAWN_ROWS_16),
    ...readGlyphs(sources.ascii16, DRAWN_ROWS_16),
  ])
  const low = readGlyphs(sources.ascii8, 8)
  const font = new Uint8Array(256 * height)
  CODE_PAGE_437.forEach((character, code) => {
    const glyph =
      boxGlyph(character, height) ??
      blockGlyph(character, height) ??
      specialGlyph(character, height) ??
      (height === 8 ? lowGlyph(character, low, tall) : tallGlyph(character, tall, height))
    font.set(glyph, code * height)
  })
  return font
}

/** Filled cells with a hole and the halves of the integral sign, which reach the cell's edges. */
function specialGlyph(character: string, height: number): number[] | undefined {
  const middle = height >> 1
  const rows = (bits: (row: number) => number): number[] =>
    Array.from({ length: height }, (_, row) => bits(row))
  const reach = height === 8 ? 2 : 3
  switch (character) {
    case '◘':
      return rows((row) => (Math.abs(row - middle + 0.5) < reach - 1 ? 0xc3 : 0xff))
    case '◙':
      return rows((row) => {
        const distance = Math.abs(row - middle + 0.5)
        return distance > reach ? 0xff : distance > reach - 1 ? 0xc3 : 0x99
      })
    case '⌠':
      return rows((row) => (row < 2 ? 0 : row === 2 ? 0x0e : row < 5 ? 0x1b : 0x18))
    case '⌡':
      return rows((row) =>
        row > height - 4 ? (row === height - 3 ? 0x70 : 0) : row > height - 6 ? 0xd8 : 0x18,
      )
    default:
      return undefined
  }
}

/** A character of the tall drawings. The 14-line font leaves out the first and the last line of the cell. */
function tallGlyph(character: string, drawn: ReadonlyMap<string, Art>, height: 14 | 16): number[] {
  const art = drawn.get(character) ?? composeTall(character, drawn)
  const cell = new Array<number>(16).fill(0)
  art.forEach((row, index) => (cell[TOP_ROW_16 + index] = rowBits(row)))
  return height === 16 ? cell : cell.slice(1, 15)
}

function composeTall(character: string, drawn: ReadonlyMap<string, Art>): Art {
  const [base, accent] = COMPOSED[character] ?? []
  const letter = base && drawn.get(base)
  if (!letter || !accent) throw new SyntaxError(`there is no drawing of ${character}`)
  const marks = ACCENTS[accent]
  return letter.map((row, index) => {
    const mark = marks[accent === 'cedilla' ? index - BELOW_LINE_16 : index]
    return mark && (accent === 'cedilla' || index < marks.length) ? mark : row
  })
}

function lowGlyph(
  character: string,
  drawn: ReadonlyMap<string, Art>,
  tall: ReadonlyMap<string, Art>,
): number[] {
  const art = drawn.get(character)
  if (art) return art.map((row) => rowBits(row))
  const [base, accent] = COMPOSED[character] ?? []
  const letter = base && (base === 'ı' ? dotless(drawn) : drawn.get(base))
  if (letter && accent) {
    const rows = letter.map((row) => rowBits(row))
    if (accent === 'cedilla') rows[7] = rowBits(ACCENTS.cedilla[1])
    else {
      rows[0] = rowBits(ACCENTS[accent][0])
      rows[1] = 0
    }
    return rows
  }
  const whole = tall.get(character)
  if (!whole) throw new SyntaxError(`there is no drawing of ${character}`)
  return halved(whole)
}

const dotless = (drawn: ReadonlyMap<string, Art>): Art =>
  drawn.get('i')!.map((row, index) => (index === 0 ? '.......' : row))

/** A tall drawing in half the lines: those that belong together are laid over each other. */
function halved(art: Art): number[] {
  const rows = art.map((row) => rowBits(row))
  const first = rows.findIndex((row) => row !== 0)
  if (first < 0) return new Array<number>(8).fill(0)
  const last = rows.length - 1 - [...rows].reverse().findIndex((row) => row !== 0)
  const height = last - first + 1
  const target = Math.min(7, Math.ceil(height * 0.7))
  const top = Math.round(((first + 2) * 8) / 16)
  const start = Math.max(0, Math.min(8 - target, top - 1))
  const glyph = new Array<number>(8).fill(0)
  for (let row = 0; row < target; row++) {
    const at = first + Math.floor(((row + 0.5) * height) / target)
    glyph[start + row] = rows[at]!
  }
  return glyph
}

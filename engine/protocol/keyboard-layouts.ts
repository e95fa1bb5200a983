import { keystrokeFor } from './keyboard.ts'

/** The keys of the rows of a layout, from left to right; the last row begins with the key that US keyboards lack. */
const KEYS: readonly (readonly string[])[] = [
  ['Backquote', ...Array.from('1234567890', (digit) => `Digit${digit}`), 'Minus', 'Equal'],
  [...Array.from('QWERTYUIOP', (letter) => `Key${letter}`), 'BracketLeft', 'BracketRight', 'Backslash'],
  [...Array.from('ASDFGHJKL', (letter) => `Key${letter}`), 'Semicolon', 'Quote'],
  ['IntlBackslash', ...Array.from('ZXCVBNM', (letter) => `Key${letter}`), 'Comma', 'Period', 'Slash'],
]
const LEVELS = { plain: null, shift: 'ShiftLeft', altGr: 'AltRight' } as const

/** What the keys of each row type, a blank where it is nothing that text has. */
interface Layout {
  plain: readonly string[]
  shift: readonly string[]
  altGr?: readonly string[]
  /** Characters that wait for a letter, and stand alone with a blank after them. */
  dead?: string
  /** What stands on keys that only wait for a letter, plain and with Shift: nothing is typed by them alone. */
  accents?: Readonly<Record<string, readonly [plain: string, shift: string]>>
}

/** As MS-DOS 6, Windows and Linux have them alike. */
const LAYOUTS = {
  us: {
    plain: ['`1234567890-=', 'qwertyuiop[]\\', "asdfghjkl;'", '\\zxcvbnm,./'],
    shift: ['~!@#$%^&*()_+', 'QWERTYUIOP{}|', 'ASDFGHJKL:"', '|ZXCVBNM<>?'],
  },
  uk: {
    plain: ['`1234567890-=', 'qwertyuiop[]#', "asdfghjkl;'", '\\zxcvbnm,./'],
    shift: ['¬!"£$%^&*()_+', 'QWERTYUIOP{}~', 'ASDFGHJKL:@', '|ZXCVBNM<>?'],
    altGr: ['    €'],
  },
  de: {
    plain: ['^1234567890ß´', 'qwertzuiopü+#', 'asdfghjklöä', '<yxcvbnm,.-'],
    shift: ['°!"§$%&/()=?`', "QWERTZUIOPÜ*'", 'ASDFGHJKLÖÄ', '>YXCVBNM;:_'],
    altGr: ['  ²³   {[]}\\', '@ €        ~', '', '|      µ'],
    dead: '^´`',
  },
  fr: {
    plain: ['²&é"\'(-è_çà)=', 'azertyuiop $*', 'qsdfghjklmù', '<wxcvbn,;:!'],
    shift: [' 1234567890°+', 'AZERTYUIOP £µ', 'QSDFGHJKLM%', '>WXCVBN?./§'],
    altGr: ['  ~#{[|`\\^@]}', '  €'],
    dead: '~`',
    accents: { BracketLeft: ['^', '¨'] },
  },
} satisfies Record<string, Layout>
export type LayoutName = keyof typeof LAYOUTS
export const LAYOUT_NAMES = Object.keys(LAYOUTS) as [LayoutName, ...LayoutName[]]

/** What stands on a key; empty where a level has nothing. */
export type KeyLegend = Readonly<Record<keyof typeof LEVELS, string>>

/** What the keys of a layout have on them, by KeyboardEvent.code. */
export function keyLegends(layout: LayoutName): ReadonlyMap<string, KeyLegend> {
  const named: Layout = LAYOUTS[layout]
  return new Map(
    KEYS.flatMap((row, index) =>
      row.map((code, at): [string, KeyLegend] => {
        const [accent = '', accentOfShift = ''] = named.accents?.[code] ?? []
        const on = (level: keyof typeof LEVELS): string => (named[level]?.[index]?.[at] ?? '').trim()
        return [
          code,
          { plain: on('plain') || accent, shift: on('shift') || accentOfShift, altGr: on('altGr') },
        ]
      }),
    ),
  )
}

/** Keyboards for the US have no key between the left Shift and the letters; all others do. */
export const hasExtraKey = (layout: LayoutName): boolean => layout !== 'us'

/** Blanks, line ends and the like are where they are on every keyboard. */
const EVERYWHERE = ' \t\n\r\b\x1b'

/** Keys held together. */
export type Chord = readonly string[]

/** The characters of a text as they are typed, each with its chords; null for one that has none. A line of DOS ends by one key. */
export const typedCharacters = (
  text: string,
  layout: LayoutName,
): { character: string; chords: readonly Chord[] | null }[] =>
  Array.from(text.replaceAll('\r\n', '\n'), (character) => ({
    character,
    chords: chordsFor(character, layout),
  }))

/**
 * The chords that type a character on a keyboard whose guest has that layout, one after the other; null when there are
 * none.
 */
export function chordsFor(character: string, layout: LayoutName): readonly Chord[] | null {
  const named: Layout = LAYOUTS[layout]
  for (const level of ['plain', 'shift', 'altGr'] as const)
    for (const [row, characters] of (named[level] ?? []).entries()) {
      const at = character === ' ' ? -1 : characters.indexOf(character)
      if (at < 0) continue
      const modifier = LEVELS[level]
      const chord = [...(modifier === null ? [] : [modifier]), KEYS[row]![at]!]
      return named.dead?.includes(character) ? [chord, ['Space']] : [chord]
    }
  const control = EVERYWHERE.includes(character) ? keystrokeFor(character) : null
  return control && [[control.code]]
}

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
  },
} satisfies Record<string, Layout>
export type LayoutName = keyof typeof LAYOUTS
export const LAYOUT_NAMES = Object.keys(LAYOUTS) as [LayoutName, ...LayoutName[]]

/** Keys held together. */
export type Chord = readonly string[]

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
  // Blanks, line ends and the like are where they are on every keyboard.
  const control = /^[\s\b\x1b]$/.test(character) ? keystrokeFor(character) : null
  return control && [[control.code]]
}

import { describe, expect, it } from 'vitest'
import { KEY_CODES, keystrokeFor } from './keyboard.ts'
import { chordsFor, keyLegends, LAYOUT_NAMES } from './keyboard-layouts.ts'

describe('keyboard layouts', () => {
  it.each(LAYOUT_NAMES)('%s types every printable ASCII character with keys that exist', (layout) => {
    for (let code = 32; code < 127; code++) {
      const character = String.fromCharCode(code)
      const chords = chordsFor(character, layout)
      expect(chords, character).not.toBeNull()
      for (const chord of chords!) for (const key of chord) expect(KEY_CODES).toContain(key)
    }
  })

  it('types on a US keyboard as it always did', () => {
    for (let code = 32; code < 127; code++) {
      const character = String.fromCharCode(code)
      const { code: key, shift } = keystrokeFor(character)!
      expect(chordsFor(character, 'us')).toEqual([shift ? ['ShiftLeft', key] : [key]])
    }
    expect(chordsFor('\n', 'us')).toEqual([['Enter']])
    expect(chordsFor('é', 'us')).toBeNull()
  })

  it('finds what other keyboards have elsewhere', () => {
    expect(chordsFor('z', 'de')).toEqual([['KeyY']])
    expect(chordsFor('Ä', 'de')).toEqual([['ShiftLeft', 'Quote']])
    expect(chordsFor('\\', 'de')).toEqual([['AltRight', 'Minus']])
    expect(chordsFor('@', 'de')).toEqual([['AltRight', 'KeyQ']])
    expect(chordsFor('~', 'de')).toEqual([['AltRight', 'BracketRight']])
    expect(chordsFor('|', 'de')).toEqual([['AltRight', 'IntlBackslash']])
    expect(chordsFor('a', 'fr')).toEqual([['KeyQ']])
    expect(chordsFor('1', 'fr')).toEqual([['ShiftLeft', 'Digit1']])
    expect(chordsFor('£', 'uk')).toEqual([['ShiftLeft', 'Digit3']])
    expect(chordsFor('#', 'uk')).toEqual([['Backslash']])
  })

  it('has on its keys what they type', () => {
    expect(keyLegends('de').get('KeyQ')).toEqual({ plain: 'q', shift: 'Q', altGr: '@' })
    expect(keyLegends('de').get('Semicolon')).toEqual({ plain: 'ö', shift: 'Ö', altGr: '' })
    expect(keyLegends('fr').get('Digit2')).toEqual({ plain: 'é', shift: '2', altGr: '~' })
    expect(keyLegends('fr').get('BracketLeft')).toEqual({ plain: '^', shift: '¨', altGr: '' })
    expect(keyLegends('uk').get('Backslash')).toEqual({ plain: '#', shift: '~', altGr: '' })
    for (const layout of LAYOUT_NAMES)
      for (const [code, { plain }] of keyLegends(layout)) expect(plain, `${layout} ${code}`).not.toBe('')
  })

  it('has dead keys stand alone', () => {
    expect(chordsFor('^', 'de')).toEqual([['Backquote'], ['Space']])
    expect(chordsFor('^', 'fr')).toEqual([['AltRight', 'Digit9']])
  })
})

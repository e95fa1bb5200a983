import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CODE_PAGE_437 } from './code-page.ts'
import { makeFont } from './font.ts'

const drawing = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const sources = {
  ascii16: drawing('ascii16.txt'),
  symbols16: drawing('symbols16.txt'),
  ascii8: drawing('ascii8.txt'),
}
const BLANK = new Set([0x00, 0x20, 0xff])

describe.each([8, 14, 16] as const)('the font of %i lines', (height) => {
  const font = makeFont(sources, height)
  const glyph = (character: string) => {
    const code = CODE_PAGE_437.indexOf(character)
    return Array.from(font.subarray(code * height, (code + 1) * height))
  }

  it('has 256 characters, all but the blanks different from each other', () => {
    expect(font.length).toBe(256 * height)
    const seen = new Map<string, number>()
    for (let code = 0; code < 256; code++) {
      const key = font.subarray(code * height, (code + 1) * height).join()
      if (BLANK.has(code)) expect(key).toMatch(/^[0,]+$/)
      else {
        expect(key).not.toMatch(/^[0,]+$/)
        // At eight lines some marks have no room to differ.
        if (height > 8) expect([code, seen.get(key)]).toEqual([code, undefined])
        seen.set(key, code)
      }
    }
  })

  it('keeps a column free between letters', () => {
    for (let code = 0x21; code < 0x7f; code++)
      expect(
        Array.from(font.subarray(code * height, (code + 1) * height)).every((row) => (row & 1) === 0),
      ).toBe(true)
  })

  it('draws lines that meet those of the next cell', () => {
    for (const character of '│║╬┼╫╪├╠') {
      expect(glyph(character)[0]).not.toBe(0)
      expect(glyph(character)[0]).toBe(glyph(character)[height - 1])
    }
    for (const character of '─═╬┼╫╪┬╩')
      expect(glyph(character).some((row) => (row & 0x81) === 0x81)).toBe(true)
    const sides = (character: string, bit: number) => glyph(character).map((row) => (row & bit) !== 0)
    expect(sides('┌', 1)).toEqual(sides('─', 1))
    expect(sides('╗', 0x80)).toEqual(sides('═', 0x80))
  })
})

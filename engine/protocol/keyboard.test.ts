import { describe, expect, it } from 'vitest'
import { KEY_CODES, keyByName, keystrokeFor } from './keyboard.ts'

describe('keyboard', () => {
  it('types every printable ASCII character with a key that exists', () => {
    for (let code = 32; code < 127; code++) {
      const stroke = keystrokeFor(String.fromCharCode(code))
      expect(KEY_CODES, String.fromCharCode(code)).toContain(stroke?.code)
    }
    expect(keystrokeFor('A')).toEqual({ code: 'KeyA', shift: true })
    expect(keystrokeFor('\n')).toEqual({ code: 'Enter', shift: false })
    expect(keystrokeFor('é')).toBeNull()
  })

  it('knows keys by code, short name or character', () => {
    expect(['ctrl', 'KEYA', 'f12', 'del', 'a', ';', 'numpadenter'].map(keyByName)).toEqual([
      'ControlLeft',
      'KeyA',
      'F12',
      'Delete',
      'KeyA',
      'Semicolon',
      'NumpadEnter',
    ])
    expect(keyByName('hyper')).toBeNull()
    expect(keyByName('toString')).toBeNull()
  })
})

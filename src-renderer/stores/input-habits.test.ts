import { describe, expect, it } from 'vitest'
import { combinationOf, usualHostKey } from './input-habits.ts'

it('the host key is one that the keyboard has', () => {
  expect(usualHostKey('MacIntel')).toBe('MetaLeft')
  expect(usualHostKey('Linux x86_64')).toBe('ControlRight')
})

describe('own key combinations', () => {
  it('are written with a plus between the names of keys', () => {
    expect(combinationOf(' ctrl + alt+f2')).toEqual({
      label: 'Ctrl+Alt+F2',
      codes: ['ControlLeft', 'AltLeft', 'F2'],
    })
    expect(combinationOf('Win+r')?.codes).toEqual(['MetaLeft', 'KeyR'])
  })

  it.each(['', 'Ctrl+', 'Ctrl+Hyper', 'a+b+c+d+e+f+g'])('are not “%s”', (text) => {
    expect(combinationOf(text)).toBeNull()
  })
})

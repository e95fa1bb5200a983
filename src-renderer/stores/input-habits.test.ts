import { describe, expect, it } from 'vitest'
import { combinationOf } from './input-habits.ts'

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

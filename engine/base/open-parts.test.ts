import { expect, it } from 'vitest'
import { OpenParts } from './open-parts.ts'

function parts(failing: readonly string[] = []) {
  const closed: string[] = []
  const open = new OpenParts()
  for (const name of ['disk', 'log', 'processor'])
    open.add({
      close: () => {
        closed.push(name)
        if (failing.includes(name)) throw new Error(`${name} is stuck`)
      },
    })
  return { open, closed }
}

it('closes what was opened last first, once', () => {
  const { open, closed } = parts()
  open.close()
  open.close()
  expect(closed).toEqual(['processor', 'log', 'disk'])
})

it('closes the rest where one part fails, and tells of the first failure', () => {
  const { open, closed } = parts(['processor', 'log'])
  expect(() => open.close()).toThrow('processor is stuck')
  expect(closed).toEqual(['processor', 'log', 'disk'])
})

it('tells why opening failed, not why closing did', () => {
  const { open, closed } = parts(['log'])
  const opening = (): never => {
    throw new Error('no such file')
  }
  expect(() => open.fill(opening)).toThrow('no such file')
  expect(closed).toEqual(['processor', 'log', 'disk'])
})

it('leaves everything open that was opened as it should be', () => {
  const { open, closed } = parts()
  expect(open.fill(() => 7)).toBe(7)
  expect(closed).toEqual([])
})

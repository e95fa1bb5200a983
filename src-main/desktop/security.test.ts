import { expect, it } from 'vitest'
import { hasForbiddenSwitch, originOf } from './security.ts'

it('does not start with switches that open it to others', () => {
  for (const argument of [
    '--remote-debugging-port=9222',
    '--remote-debugging-pipe',
    '--utility-cmd-prefix=/bin/sh',
    '--renderer-cmd-prefix=x',
    '--gpu-launcher=x',
    '--browser-subprocess-path=/tmp/x',
    '--inspect-brk',
  ])
    expect(hasForbiddenSwitch(['vitrine', argument]), argument).toBe(true)
  expect(hasForbiddenSwitch(['vitrine', '.', '--ozone-platform=wayland'])).toBe(false)
})

it('tells its own page from others', () => {
  expect(originOf('app://vitrine/index.html')).toBe('app://vitrine')
  expect(originOf('app://vitrine.evil/index.html')).not.toBe('app://vitrine')
  expect(originOf('https://app://vitrine')).not.toBe('app://vitrine')
  expect(originOf('')).toBe('')
})

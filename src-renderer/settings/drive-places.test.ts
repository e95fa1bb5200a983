import { expect, it } from 'vitest'
import { drivePlaces } from './drive-places.ts'

it('disks come first on the first channel and CD-ROMs on the second, whatever their order', () => {
  const kinds = ['cdrom', 'floppy', 'disk', 'disk', 'floppy', 'cdrom'] as const
  expect(drivePlaces(kinds.map((kind) => ({ kind })))).toEqual([
    'IDE 1 master',
    'A',
    'IDE 0 master',
    'IDE 0 slave',
    'B',
    'IDE 1 slave',
  ])
})

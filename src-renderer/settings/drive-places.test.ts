import { expect, it } from 'vitest'
import type { DriveConfig } from '../../engine/protocol/machine-config.ts'
import { drivePlaces } from './drive-places.ts'

it('disks come first on the first channel and CD-ROMs on the second, whatever their order', () => {
  const kinds = ['cdrom', 'floppy', 'disk', 'disk', 'floppy', 'cdrom'] as const
  expect(drivePlaces(kinds.map((kind) => ({ kind, bus: 'ide' })))).toEqual([
    'IDE 1 master',
    'A',
    'IDE 0 master',
    'IDE 0 slave',
    'B',
    'IDE 1 slave',
  ])
})

it('disks on virtio take no place on the channels', () => {
  const buses: DriveConfig['bus'][] = ['virtio', 'ide', 'virtio']
  expect(drivePlaces(buses.map((bus) => ({ kind: 'disk', bus })))).toEqual([
    'virtio 0',
    'IDE 0 master',
    'virtio 1',
  ])
})

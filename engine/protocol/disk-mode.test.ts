import { describe, expect, it } from 'vitest'
import { DISK_MODES, diskModeOf, inDiskMode, NEW_OVERLAY } from './disk-mode.ts'

const DISK = {
  kind: 'disk' as const,
  path: 'a.img',
  readonly: false,
  ephemeral: false,
  bus: 'ide' as const,
  format: 'raw' as const,
}
const OVERLAY = 'overlay-0123456789ab.qcow2'

describe('the mode of a disk', () => {
  it.each(DISK_MODES.flatMap((from) => DISK_MODES.map((to) => [from, to] as const)))(
    'can be changed: %s to %s',
    (from, to) => {
      const before = inDiskMode(DISK, from, () => OVERLAY)
      const after = inDiskMode(before, to, () => 'overlay-ffffffffffff.qcow2')
      expect(diskModeOf(after)).toBe(to)
      // Nothing of what it was is left, and an overlay that is there is kept.
      if (from === to) expect(after).toBe(before)
      else expect(inDiskMode(after, 'normal', () => OVERLAY)).toEqual(DISK)
    },
  )

  it('names overlays in the folder of the machine only', () => {
    expect(OVERLAY).toMatch(NEW_OVERLAY)
    for (const name of [
      '../overlay-0123456789ab.qcow2',
      'overlay-0123456789ab.qcow2x',
      'layer-0123456789ab.qcow2',
    ])
      expect(name).not.toMatch(NEW_OVERLAY)
  })
})

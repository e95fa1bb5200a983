import { describe, expect, it } from 'vitest'
import file from '../../resources/presets.json' with { type: 'json' }
import type { Preset } from '../../engine/protocol/preset.ts'
import { matchPreset } from './match-preset.ts'

const presets = file.presets as Preset[]

describe('system of an image', () => {
  it.each([
    ['Win98SE.iso', 'windows-98'],
    ['MS-DOS 6.22 disk 1.img', 'dos-6'],
    ['dos33.img', 'dos-3'],
    ['FD13LIVE.iso', 'freedos'],
    ['en_winxp_pro_sp3.iso', 'windows-xp'],
    ['alpine-standard-3.19-x86.iso', 'linux-32'],
    ['kolibri.img', 'kolibri'],
    ['9front-386.iso', 'plan9'],
  ])('%s is %s', (name, id) => expect(matchPreset(name, presets)?.id).toBe(id))

  it('of a name that says nothing is none', () => expect(matchPreset('disk1.img', presets)).toBeNull())
})

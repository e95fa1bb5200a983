import * as v from 'valibot'
import { PresetFile, type Preset } from '../../engine/protocol/preset.ts'
import file from '../../resources/presets.json' with { type: 'json' }

/** The operating systems that machines can be made after, from resources/presets.json. */
export const loadPresets = (): Preset[] => v.parse(PresetFile, file).presets

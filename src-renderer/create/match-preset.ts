import type { Preset } from '../../engine/protocol/preset.ts'

/** The system that an image's name speaks of: the one with the longest match. Null when none does. */
export function matchPreset(imageName: string, presets: readonly Preset[]): Preset | null {
  const name = imageName.toLowerCase()
  let best: { preset: Preset; length: number } | null = null
  for (const preset of presets)
    for (const part of preset.matches)
      if (name.includes(part) && part.length > (best?.length ?? 0)) best = { preset, length: part.length }
  return best?.preset ?? null
}

import type { VmDisplay } from '../../engine/protocol/vm.ts'

interface Picture {
  width: number
  height: number
  /** Width to height on the monitor of the time. */
  aspectRatio: number
}

/**
 * Size of a picture on the page, in CSS pixels, and how it is magnified.
 * @param room what there is for it
 * @param density device pixels in a CSS pixel
 */
export function pictureStyle(
  picture: Picture | null,
  room: { width: number; height: number },
  { scaling, smooth, monitorAspect }: VmDisplay,
  density: number,
): { width: string; height: string; imageRendering: 'pixelated' | 'auto' } {
  if (!picture) return { width: '0', height: '0', imageRendering: 'auto' }
  const ratio = monitorAspect ? picture.aspectRatio : picture.width / picture.height
  const fitting = Math.min(room.height, room.width / ratio)
  const factor = (fitting * density) / picture.height
  const height =
    scaling === 'original'
      ? picture.height / density
      : // Whole multiples; where not even one fits, what fits.
        scaling === 'integer' && factor >= 1
        ? (Math.floor(factor) * picture.height) / density
        : fitting
  const shown = (height * density) / picture.height
  const sharp = !smooth || shown >= 2 || Number.isInteger(shown)
  // Whole pixels of the screen, which whole ones of the page are not.
  const length = (size: number): string => `${Math.round(size * density) / density}px`
  return {
    width: length(height * ratio),
    height: length(height),
    imageRendering: sharp ? 'pixelated' : 'auto',
  }
}

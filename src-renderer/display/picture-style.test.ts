import { describe, expect, it } from 'vitest'
import type { VmDisplay } from '../../engine/protocol/vm.ts'
import { pictureStyle } from './picture-style.ts'

const VGA = { width: 320, height: 200, aspectRatio: 4 / 3 }
const USUAL: VmDisplay = { scaling: 'fit', smooth: true, monitorAspect: true, pauseOnBlur: false }
const ROOM = { width: 1000, height: 700 }

describe('size of the picture', () => {
  it('fits the room in the proportions of the monitor', () => {
    expect(pictureStyle(VGA, ROOM, USUAL, 1)).toMatchObject({ width: '933px', height: '700px' })
    expect(pictureStyle(VGA, { width: 400, height: 700 }, USUAL, 1)).toMatchObject({
      width: '400px',
      height: '300px',
    })
  })

  it('has square pixels when asked', () =>
    expect(pictureStyle(VGA, ROOM, { ...USUAL, monitorAspect: false }, 1)).toMatchObject({
      width: '1000px',
      height: '625px',
    }))

  it('takes whole multiples of the guest’s lines, also on dense screens', () => {
    const integer = { ...USUAL, scaling: 'integer' } as const
    expect(pictureStyle(VGA, ROOM, integer, 1)).toMatchObject({
      height: '600px',
      imageRendering: 'pixelated',
    })
    const { height } = pictureStyle(VGA, ROOM, integer, 1.5)
    expect(Number.parseFloat(height) * 1.5).toBeCloseTo(1000, 6) // five device pixels a line, not half of one more
    expect(pictureStyle(VGA, { width: 150, height: 150 }, integer, 1).height).toBe('113px')
  })

  it('is one to one when asked, whatever the room', () =>
    expect(pictureStyle(VGA, { width: 100, height: 100 }, { ...USUAL, scaling: 'original' }, 2).height).toBe(
      '100px',
    ))

  it('smooths only where sizes do not match, and never when told not to', () => {
    const text = { width: 720, height: 400, aspectRatio: 4 / 3 }
    expect(pictureStyle(text, ROOM, USUAL, 1).imageRendering).toBe('auto')
    expect(pictureStyle(text, ROOM, { ...USUAL, smooth: false }, 1).imageRendering).toBe('pixelated')
  })
})

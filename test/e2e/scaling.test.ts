import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CDPSession } from 'playwright-core'
import { readPng, type Picture } from '../support/png-reader.ts'
import { stopsOf } from './every-page-stops.ts'
import { FRONTS, missing, SCREEN_WIDTH, until, type Front } from './fronts.ts'
import { furnish } from './furnished-library.ts'
import { layoutFaults } from './layout-faults.ts'
import { addMachine } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of scaling: ${reason}\n`)

const SCALES = [1, 1.25, 1.5, 1.75, 2, 2.5]
/** Pixels of the screen that the window has: at 250 % it is as small as it may be, 1024 by 600. */
const SCREEN = { width: 2560, height: 1500 }

/** As large as the window is on the page. */
const sizeAt = (scale: number): { width: number; height: number } => ({
  width: Math.round(SCREEN.width / scale),
  height: Math.round(SCREEN.height / scale),
})

/** Windows in pixels of the page; in the smallest, one or two of the screen go to each of the guest. */
const USUAL = { width: 1180, height: 760 }
const SMALLEST = { width: 1024, height: 600 }

const GUEST = { width: 720, height: 400 }
/** What its picture consists of, again and again. */
const CELL = { width: 9, height: 16 }

/** Fills a text screen with a fine pattern. */
const FINE_PATTERN = `
    mov ax, 3
    int 0x10
    mov ah, 1
    mov cx, 0x2000 ; no cursor
    int 0x10
    mov ax, 0xb800
    mov es, ax
    xor di, di
    mov ax, 0x1fb1
    mov cx, 2000
    cld
    rep stosw
  stop:
    jmp stop
`

describe.skipIf(reason)('100 to 250 per cent', () => {
  let front: Front
  let session: CDPSession
  beforeEach(async () => {
    front = await FRONTS.web()
    await front.page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
    session = await front.page.context().newCDPSession(front.page)
  })
  afterEach(() => front.close())

  /** Makes the screen one of so many pixels for each of the page, as its settings in the system would. */
  async function scaleTo(scale: number): Promise<void> {
    const metrics = { ...sizeAt(scale), deviceScaleFactor: scale, mobile: false }
    await session.send('Emulation.setDeviceMetricsOverride', metrics)
    expect(await front.page.evaluate(() => devicePixelRatio)).toBe(scale)
    await front.page.waitForTimeout(150) // what follows the size of the window
  }

  it('shows every control in the window, and no text on another', async () => {
    const { page } = front
    await furnish(front.home)
    await page.reload()
    await page.locator('[data-machine=games-of-1993]').waitFor()
    await page.emulateMedia({ reducedMotion: 'reduce' })
    const faults: string[] = []
    for (const { name, enter, leave } of stopsOf(front)) {
      await enter().catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`)
      })
      for (const scale of SCALES) {
        await scaleTo(scale)
        const found = await page.evaluate(layoutFaults)
        faults.push(...found.map((fault) => `${name} at ${scale * 100} %: ${fault}`))
        if (found.length) await front.screenshot(`scaling-${name}-${scale}`)
      }
      await leave?.()
    }
    expect(faults).toEqual([])

    // What is wrong is found.
    await page.evaluate(() => {
      const [out, over] = [document.createElement('button'), document.createElement('p')]
      out.textContent = 'Too far out'
      out.style.cssText = 'position: fixed; top: 40%; left: calc(100vw - 20px); width: 80px'
      over.textContent = 'On the name'
      document.querySelector('h1')!.append(over)
      over.style.cssText = 'position: absolute; inset: 0'
      over.parentElement!.style.position = 'relative'
      document.body.append(out)
    })
    const found = (await page.evaluate(layoutFaults)).join('\n')
    expect(found).toMatch(/^button “Too far out” is cut off/m)
    expect(found).toMatch(/“On the name” lie on one another/)
    expect(front.errors).toEqual([])
  }, 600_000)
})

describe.skipIf(reason)('the picture of a guest in whole multiples', () => {
  let front: Front
  let session: CDPSession
  afterEach(() => front.close())

  async function open(scales: readonly number[], window: { width: number; height: number }): Promise<void> {
    front = await FRONTS.web({ screens: { scales, window } })
    session = await front.page.context().newCDPSession(front.page)
    await startPattern(front)
    await front.page.waitForTimeout(1000) // until it has filled its screen
  }

  /** Looks at the window as it is on a screen of that scale. */
  async function expectWholePixels(scale: number): Promise<void> {
    const { page } = front
    expect(await page.evaluate(() => devicePixelRatio)).toBe(scale)
    const { x, y, width, height } = (await page.getByTestId('screen').boundingBox())!
    const factor = Math.round((width * scale) / GUEST.width)
    expect(factor).toBeGreaterThanOrEqual(1)
    expect(width * scale).toBeCloseTo(factor * GUEST.width, 1)
    expect(height * scale).toBeCloseTo(factor * GUEST.height, 1)
    const { data } = await session.send('Page.captureScreenshot', { format: 'png' })
    const picture = readPng(Buffer.from(data, 'base64'))
    const place = { left: Math.round(x * scale), top: Math.round(y * scale) }
    expect(unevenPixels(picture, place, factor)).toBe(0)
  }

  it.each([
    [1, USUAL],
    [1.25, USUAL],
    [1.5, SMALLEST],
    [1.75, SMALLEST],
    [2, USUAL],
    [2.5, SMALLEST],
  ])('has as many pixels of the screen for each of the guest, at %d', async (scale, size) => {
    await open([scale], size)
    await expectWholePixels(scale)
    expect(front.errors).toEqual([])
  })

  it('follows the window to another screen, where it is as large on the page', async () => {
    await open([1, 1.5], USUAL)
    await expectWholePixels(1)
    const room = () => front.page.evaluate(() => [innerWidth, innerHeight])
    const before = await room()
    const { windowId } = await session.send('Browser.getWindowForTarget')
    const size = { width: USUAL.width * 1.5, height: USUAL.height * 1.5 }
    const bounds = { left: SCREEN_WIDTH + 60, top: 60, ...size }
    await session.send('Browser.setWindowBounds', { windowId, bounds })
    await front.page.waitForTimeout(500)
    expect(await room()).toEqual(before)
    await expectWholePixels(1.5)
    expect(front.errors).toEqual([])
  })
})

describe.skipIf(reason)('the picture of a guest', () => {
  let front: Front
  afterEach(() => front.close())

  it('is drawn anew where a pixel of the page has other pixels of the screen, and its room stays', async () => {
    front = await FRONTS.web({ screens: { scales: [1], window: USUAL } })
    const { page } = front
    await startPattern(front)
    const session = await page.context().newCDPSession(page)
    const showAt = async (scale: number): Promise<void> => {
      // From one emulated screen to another a browser tells its page nothing, but from and to its own.
      await session.send('Emulation.clearDeviceMetricsOverride')
      const metrics = { width: 0, height: 0, deviceScaleFactor: scale, mobile: false } // as large as it is
      await session.send('Emulation.setDeviceMetricsOverride', metrics)
      expect(await page.evaluate(() => devicePixelRatio)).toBe(scale)
    }
    const isWide = (width: number) =>
      until(async () => {
        const shown = (await page.getByTestId('screen').boundingBox())!
        return Math.abs(shown.width - width) < 0.1 ? true : null
      }, `a picture ${width} pixels of the page wide`)
    await isWide(GUEST.width)
    await showAt(1.5) // two do not fit yet
    await isWide(GUEST.width / 1.5)
    await page.getByRole('menuitem', { name: 'View', exact: true }).click()
    await page.getByRole('menuitemradio', { name: 'One to one' }).click()
    for (const scale of [2, 1.25, 1.5]) {
      await showAt(scale)
      await isWide(GUEST.width / scale)
    }
    expect(front.errors).toEqual([])
  })
})

/** Starts a machine whose guest fills its screen, in whole multiples of its pixels. */
async function startPattern(front: Front): Promise<void> {
  const { page } = front
  await addMachine(front, 'pattern', FINE_PATTERN, {
    display: { scaling: 'integer', smooth: true, monitorAspect: false, pauseOnBlur: false },
  })
  await page.locator('[data-machine=pattern]').click()
  await page.getByTestId('start').click()
  await page.locator(`[data-testid=screen][data-size="${GUEST.width}x${GUEST.height}"]`).waitFor()
}

/**
 * How many pixels are not of one colour in all of the guest's pixel, or not as in every other cell; of the upper half,
 * which no hint lies on.
 * @param place where the picture begins, within a pixel: a browser moves what it draws onto whole ones
 */
function unevenPixels(
  { width, pixels }: Picture,
  place: { left: number; top: number },
  factor: number,
): number {
  const unevenFrom = (left: number, top: number): number => {
    const colourAt = (x: number, y: number): number => {
      const at = ((top + y) * width + left + x) * 3
      return (pixels[at]! << 16) | (pixels[at + 1]! << 8) | pixels[at + 2]!
    }
    let uneven = 0
    for (let y = 0; y < 200 * factor; y++)
      for (let x = 0; x < 720 * factor; x++)
        if (
          colourAt(x, y) !== colourAt(x - (x % factor), y - (y % factor)) ||
          colourAt(x, y) !== colourAt(x % (CELL.width * factor), y % (CELL.height * factor))
        )
          uneven++
    return uneven
  }
  const near = [-1, 0, 1]
  return Math.min(...near.flatMap((dx) => near.map((dy) => unevenFrom(place.left + dx, place.top + dy))))
}

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { besides, palettePng } from '../support/palette-png.ts'
import { readPng, type Picture } from '../support/png-reader.ts'
import { stopsOf } from './every-page-stops.ts'
import { FRONTS, missing, type Front } from './fronts.ts'
import { furnish } from './furnished-library.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: every page and dialog: ${reason}\n`)

/** A folder that gets a picture of every page, in both themes; `node scripts/screens.mjs` makes those of docs/screens.md. */
const pictures = process.env['VITRINE_SCREENS']
const VIOLATIONS =
  "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
const THEMES = ['light', 'dark'] as const
const WINDOW = { width: 1180, height: 760 }
/** Pixels of a picture for each of the window: two of them beside each other are as wide as a page of documentation. */
const PICTURE_SCALE = 0.65

describe.skipIf(reason)('every page and dialog', () => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS.web()
    await front.page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
    await furnish(front.home)
    await front.page.reload()
    await front.page.locator('[data-machine=games-of-1993]').waitFor()
  })
  afterEach(() => front.close())

  /** Takes pictures of the window, smaller than it is. */
  async function camera(): Promise<() => Promise<Picture>> {
    const session = await front.page.context().newCDPSession(front.page)
    const metrics = { ...WINDOW, deviceScaleFactor: PICTURE_SCALE, mobile: false }
    await session.send('Emulation.setDeviceMetricsOverride', metrics)
    return async () => {
      const { data } = await session.send('Page.captureScreenshot', { format: 'png' })
      return readPng(Buffer.from(data, 'base64'))
    }
  }

  it('has no fault that a checker of accessible pages finds, in either theme', async () => {
    const { page } = front
    const faults: string[] = []
    await page.evaluate(axe)
    await page.setViewportSize(WINDOW)
    const takePicture = pictures ? await camera() : null
    if (pictures) await mkdir(pictures, { recursive: true })
    for (const { name, enter, leave } of stopsOf(front)) {
      await enter().catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`)
      })
      const taken: Picture[] = []
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.waitForTimeout(250)
        const found = await page.evaluate<string[]>(VIOLATIONS)
        faults.push(...found.map((fault) => `${name}, ${colorScheme}: ${fault}`))
        if (takePicture) taken.push(await takePicture())
      }
      if (pictures) await writeFile(join(pictures, `${name}.png`), palettePng(besides(taken)))
      await leave?.()
    }
    expect(faults).toEqual([])
    expect(front.errors).toEqual([])
  }, 600_000)
})

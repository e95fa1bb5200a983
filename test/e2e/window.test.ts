import { readFile } from 'node:fs/promises'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readPng } from '../support/png-reader.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('the window of a machine, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const { page } = front
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  })
  afterEach(() => front.close())

  const menu = async (name: string, entry: string) => {
    await front.page.getByRole('menuitem', { name, exact: true }).click()
    await front.page.getByText(entry, { exact: false }).last().click()
  }
  const tab = (name: string) => front.page.getByRole('tab', { name }).click()
  const downloaded = async (action: () => Promise<void>): Promise<Buffer> => {
    const [download] = await Promise.all([front.page.waitForEvent('download'), action()])
    return readFile(await download.path())
  }

  it('shows the picture in the sizes of the View menu, and keeps the choice', async () => {
    const { page } = front
    const screen = page.getByTestId('screen')
    const box = async () => (await screen.boundingBox())!
    const fitting = await box()
    expect(fitting.width / fitting.height).toBeCloseTo(4 / 3, 1)
    await menu('View', '4:3 like a monitor of the time')
    await until(async () => {
      const { width, height } = await box()
      return Math.abs(width / height - 720 / 400) < 0.02 ? true : null
    }, 'square pixels')
    await menu('View', 'One to one')
    await until(async () => ((await box()).height === 400 ? true : null), 'the guest’s own size')
    await page.reload()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    expect((await box()).height).toBe(400)
    expect(front.errors).toEqual([])
  })

  it('types by the keyboard on the screen, and finds text on the guest’s', async () => {
    const { page } = front
    await menu('Input', 'On-screen keyboard')
    const keyboard = page.getByTestId('soft-keyboard')
    const strike = (code: string) => keyboard.locator(`[data-key=${code}]`).click()
    await strike('Digit5') // its page for input
    await page.waitForTimeout(500)
    await strike('ShiftLeft')
    await strike('KeyO')
    await strike('KeyK')
    await front.screenshot('soft-keyboard')
    await tab('Text')
    await page.getByRole('searchbox', { name: 'Find on the screen' }).fill('Ok')
    await page.locator('mark', { hasText: 'Ok' }).first().waitFor()
    await front.screenshot('text-found')
    expect(front.errors).toEqual([])
  })

  it('says what the machine does, and what happened to it', async () => {
    const { page } = front
    await tab('Activity')
    await page.getByTestId('activity').getByText('pio-read').waitFor()
    await page
      .getByTestId('accelerator')
      .getByText(/^(Translator|KVM of the host)$/)
      .waitFor()
    await page.getByTestId('accelerator').getByText('because').waitFor()
    await page.getByTestId('status-accelerator').waitFor()
    await page
      .getByRole('region', { name: 'Interrupt requests by line' })
      .getByText('IRQ 0 · timer')
      .waitFor()
    const ports = page.getByRole('region', { name: 'Busiest ports and memory ranges' })
    await ports.getByText(/pic-master 20h/).waitFor()
    await ports.getByRole('button', { name: 'Total' }).click()
    const totals = async () =>
      (await ports.locator('tbody td:last-child').allTextContents()).map((text) =>
        Number(text.replaceAll(/\D/g, '')),
      )
    await until(async () => {
      const numbers = await totals()
      return numbers.every((total, at) => at === 0 || total <= numbers[at - 1]!) ? true : null
    }, 'the order of totals')
    await page.getByRole('button', { name: 'Hold' }).click()
    const still = await totals()
    await page.waitForTimeout(1500)
    expect(await totals()).toEqual(still)
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await front.screenshot(`activity-${colorScheme}`)
    }
    await tab('Log')
    await page.getByTestId('log').getByText('it is running').waitFor()
    await page.getByRole('searchbox', { name: 'Find in the log' }).fill('starts:')
    await page.getByTestId('log').getByText('32 MiB').waitFor()
    expect(await page.getByTestId('log').locator('li').count()).toBe(1)
    await page.getByTestId('log').getByRole('button', { name: 'Bookmark' }).click()
    await page.getByRole('searchbox', { name: 'Find in the log' }).fill('')
    await page.getByRole('button', { name: 'Bookmarks' }).click()
    expect(await page.getByTestId('log').locator('li').count()).toBe(1)
    await front.screenshot('log-bookmarks')
    await page.getByRole('button', { name: 'Bookmarks' }).click()
    await front.screenshot('log')
    await page.evaluate(axe)
    const run =
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
    for (const name of ['Log', 'Activity', 'Text', 'Serial console']) {
      await tab(name)
      await page.waitForTimeout(300)
      expect(await page.evaluate(run)).toEqual([])
    }
    expect(front.errors).toEqual([])
  })

  it('has what can be done with the machine in its menus', async () => {
    const { page } = front
    const open = (name: string) => page.getByRole('menuitem', { name, exact: true }).click()
    const entry = (name: string | RegExp) => page.getByRole('menuitem', { name })
    await open('Machine')
    await page.waitForTimeout(300)
    await front.screenshot('menu-machine')
    await entry(/^Pause/).click()
    await page.getByTestId('state').getByText('Paused').waitFor()
    await open('Machine')
    await entry(/^Resume/).click()
    await page.getByTestId('state').getByText('Running').waitFor()
    await open('Machine')
    await entry(/^Log/).click()
    await page.getByTestId('log').waitFor()
    await open('Machine')
    await entry(/^Reset/).click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click()
    await open('Devices')
    await entry('Floppy: diagnostic.img').press('ArrowRight')
    await entry('Take it out').waitFor()
    await page.waitForTimeout(300)
    await front.screenshot('menu-devices')
    await entry('Take it out').click()
    await page.locator('footer').getByText('empty').nth(1).waitFor()
    await open('Devices')
    await entry('Serial console').click()
    await page.getByTestId('serial').waitFor()
    await open('Machine')
    await entry('Power off').click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Power off' }).click()
    await page.getByTestId('state').getByText('Off').waitFor()
    expect(front.errors).toEqual([])
  })

  it('obeys the host key with a letter', async () => {
    const { page } = front
    const host = async (key: string) => {
      await page.getByTestId('screen').click()
      await page.keyboard.down('ControlRight')
      await page.keyboard.press(key)
      await page.keyboard.up('ControlRight')
    }
    await host('KeyP')
    await page.getByTestId('state').getByText('Paused').waitFor()
    await host('KeyP')
    await page.getByTestId('state').getByText('Running').waitFor()
    await host('KeyT')
    await page.getByRole('dialog').getByLabel('Name').waitFor()
    await page.keyboard.press('Escape')
    await tab('Screen')
    await host('KeyQ')
    await page.getByRole('dialog').getByText('Go on in the background').waitFor()
    await front.screenshot('close-dialog')
    await page.keyboard.press('Escape')
    expect(front.errors).toEqual([])
  })

  it('has its status bar in one row of a window 1024 pixels wide, in each language', async () => {
    const { page } = front
    await page.setViewportSize({ width: 1024, height: 600 })
    for (const locale of ['en', 'de']) {
      await page.evaluate(`localStorage.setItem('vitrine-locale', '${locale}')`)
      await page.reload()
      await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
      await page.getByTestId('status-accelerator').waitFor()
      await page.getByTestId('screen').click()
      await page.waitForTimeout(1500)
      const { height } = (await page.locator('footer').boundingBox())!
      expect(height).toBeLessThan(36)
      await front.screenshot(`status-${locale}`)
      await page.keyboard.press('ControlRight')
    }
    expect(front.errors).toEqual([])
  })

  it('goes back to its snapshot when it is closed, where that is wished', async () => {
    const { page } = front
    const dialog = page.getByRole('dialog')
    const close = async (goesBack: boolean) => {
      await page.getByTestId('more').click()
      await page.getByRole('menuitem', { name: 'Close…' }).click()
      await dialog.getByRole('radio', { name: 'Power off' }).click()
      if (goesBack) await dialog.getByRole('checkbox', { name: 'Go back to the snapshot “base”' }).check()
      await front.screenshot('close-restore')
      await dialog.getByRole('button', { name: 'Close', exact: true }).click()
    }
    const state = (name: string) => page.getByTestId('state').getByText(name, { exact: true }).waitFor()
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Close…' }).click()
    await dialog.getByRole('radio', { name: 'Power off' }).click()
    expect(await dialog.getByRole('checkbox').count()).toBe(0)
    await page.keyboard.press('Escape')
    await tab('Snapshots')
    await page.getByRole('button', { name: 'Take a snapshot…' }).click()
    await dialog.getByLabel('Name').fill('base')
    await dialog.getByRole('button', { name: 'Take' }).click()
    await page.locator('[data-snapshot=base]').waitFor()
    await tab('Screen')
    await close(false)
    await state('Off')
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await close(true)
    // The snapshot was taken of a machine that ran: its memory is where the next start goes on.
    await state('Saved')
    expect(front.errors).toEqual([])
  })

  // Downloads are the system's dialog in Electron; its double has none.
  // On the desktop the files go where the system's own dialog says, which no page has.
  if (kind === 'web')
    it('saves a screenshot in the guest’s pixels, and a recording', async () => {
      const { page } = front
      await tab('Text')
      await page.getByTestId('screen-text').getByText('Protected mode').waitFor()
      await tab('Screen')
      const { width, height, pixels } = readPng(await downloaded(() => menu('View', 'Screenshot to a file')))
      expect([width, height]).toEqual([720, 400])
      expect(new Set(pixels).size).toBeGreaterThan(4)
      await tab('Activity')
      const save = (name: string) => downloaded(() => page.getByRole('button', { name }).click())
      const csv = (await save('Save as CSV')).toString()
      expect(csv).toMatch(/^group,name,per second,total\r\n/)
      expect(csv).toMatch(/exits,pio-read,[\d.]+,\d+/)
      expect(JSON.parse((await save('Save as JSON')).toString())).toMatchObject({
        accelerator: { name: expect.any(String), reason: expect.any(String) },
        exits: expect.objectContaining({ 'pio-read': expect.any(Number) }),
      })
      await tab('Screen')
      await menu('View', 'Record to WebM')
      await page.getByText('Recording').waitFor()
      await page.waitForTimeout(1500)
      const video = await downloaded(() => menu('View', 'Stop recording'))
      expect(video.subarray(0, 4).toString('hex')).toBe('1a45dfa3') // EBML
      expect(video.length).toBeGreaterThan(2000)
      expect(front.errors).toEqual([])
    })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of the first run: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('somebody who is new here, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(() => front.close())

  it('is shown the way in three steps, once', async () => {
    const { page } = front
    const tour = page.getByTestId('tour')
    await tour.getByRole('heading', { name: 'Start a machine' }).waitFor()
    await front.screenshot('tour')
    await page.getByTestId('start').click()
    // Whoever does it need not say so.
    await tour.getByRole('heading', { name: 'Type in it' }).waitFor()
    await tour.getByRole('button', { name: 'Next' }).click()
    await tour.getByRole('heading', { name: 'Make your own' }).waitFor()
    await tour.getByRole('button', { name: 'Done' }).click()
    await tour.waitFor({ state: 'detached' })
    await page.reload()
    await page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
    expect(await tour.count()).toBe(0)
    expect(front.errors).toEqual([])
  })

  it('goes from a machine that runs to another, and back', async () => {
    const { page } = front
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await page.getByTestId('new').click()
    await page.getByLabel('Name').fill('Another')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    for (const name of ['Vitrine diagnostics', 'Another', 'Vitrine diagnostics']) {
      await page.locator('[data-machine]', { hasText: name }).click()
      await page.getByRole('heading', { name, level: 2 }).waitFor()
    }
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    expect(front.errors).toEqual([])
  })

  it('finds help about what is on the screen', async () => {
    const { page } = front
    const chapter = (name: string) =>
      page.getByTestId('help').getByRole('heading', { name, exact: true }).waitFor()
    const help = page.getByRole('dialog', { name: 'User guide' })
    await page.keyboard.press('F1')
    await chapter('The page of a machine')
    await help.getByRole('button', { name: 'By commands' }).click()
    await chapter('By commands')
    await page.getByTestId('help').getByText('vitrine serve').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('tab', { name: 'Log' }).click()
    await page.getByTestId('help-button').click()
    await chapter('The log')
    await page.keyboard.press('Escape')
    await page.getByTestId('settings').click()
    await page.getByRole('tab', { name: 'Memory' }).click()
    await page.keyboard.press('F1')
    await chapter('Settings')
    // Only the guide goes away: what was set stays.
    await page.keyboard.press('Escape')
    await help.waitFor({ state: 'detached' })
    await page.getByRole('spinbutton', { name: 'Memory' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Language' }).click()
    await page.getByRole('menuitemradio', { name: 'Deutsch' }).click()
    await page.keyboard.press('F1')
    await chapter('Das Protokoll')
    await page.getByRole('button', { name: 'Sicherungspunkte', exact: true }).click()
    await page.getByTestId('help').getByText('beides oder keines').waitFor()
    expect(front.errors).toEqual([])
  })
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests: ${reason}\n`)

/** The demo guest has a US keyboard: what is typed for another one comes out as the same keys of that. */
describe.skipIf(reason).each(['web', 'desktop'] as const)('typing into a machine, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByTestId('start').click()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  })
  afterEach(() => front.close())

  const input = async (entry: string) => {
    await front.page.getByRole('menuitem', { name: 'Input', exact: true }).click()
    await front.page.getByRole('menuitem', { name: entry, exact: true }).click()
  }
  const shows = async (text: string) => {
    await front.page.getByRole('tab', { name: 'Text' }).click()
    await front.page.getByTestId('screen-text').getByText(text).waitFor({ timeout: 60_000 })
  }
  /** It reads its keyboard only after it has looked at all devices. */
  const isReady = async () => {
    await front.page.getByRole('tab', { name: 'Text' }).click()
    await front.page
      .getByTestId('screen-text')
      .getByText(/\d+ ok/)
      .waitFor({ timeout: 90_000 })
  }

  it('has key combinations of one’s own, kept for the next time', { timeout: 240_000 }, async () => {
    const { page } = front
    await input('Own combinations…')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Keys').fill('Ctrl+Hyper')
    await dialog.getByText('That is not a combination of keys.').waitFor()
    await dialog.getByLabel('Keys').fill('5')
    await dialog.getByRole('button', { name: 'Add' }).click()
    await front.screenshot('combinations')
    await dialog.getByRole('button', { name: 'Close' }).click()
    await page.reload()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await isReady()
    await input('5') // its page for input
    await shows('type a line')
    await page.getByRole('tab', { name: 'Screen' }).click()
    await input('Own combinations…')
    await dialog.getByRole('button', { name: 'Remove 5' }).click()
    await dialog.getByRole('listitem').waitFor({ state: 'detached' })
    expect(front.errors).toEqual([])
  })

  it('shows the keyboard of the guest, and keeps which it is', async () => {
    const { page } = front
    await page.getByRole('menuitem', { name: 'Input', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Keyboard of the guest: English (US)' }).click()
    await page.getByRole('menuitemradio', { name: 'German' }).press('Enter')
    const file = join(front.home, 'machines', 'vitrine-diagnostics', 'vm.json')
    await until(
      async () => ((await readFile(file, 'utf8')).includes('"keyboardLayout": "de"') ? true : null),
      'the layout to be kept',
    )
    await page.getByRole('menuitem', { name: 'Input', exact: true }).click()
    await page.getByRole('menuitemcheckbox', { name: 'On-screen keyboard' }).click()
    const key = (code: string) => page.getByTestId('soft-keyboard').locator(`[data-key=${code}]`)
    expect(await key('KeyZ').textContent()).toContain('Y')
    expect(await key('KeyQ').textContent()).toMatch(/Q.*@/s)
    expect(await key('Digit7').textContent()).toMatch(/\/.*7.*\{/s)
    expect(await key('IntlBackslash').textContent()).toMatch(/>.*</s)
    await key('AltRight').click()
    expect((await key('KeyQ').textContent())!.trim()).toBe('@')
    await key('AltRight').click()
    await key('ShiftLeft').click()
    expect((await key('Semicolon').textContent())!.trim()).toBe('Ö')
    await front.screenshot('soft-keyboard-german')
    expect(front.errors).toEqual([])
  })

  it('types for the keyboard of the guest, and stops when it is told to', { timeout: 240_000 }, async () => {
    const { page } = front
    await isReady()
    const task = page.getByTestId('notice').getByText('Typing…')
    const type = async (text: string, layout: string, rate: string) => {
      await input('Type text…')
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Text to type').fill(text)
      await dialog.getByLabel('Keyboard of the guest').selectOption(layout)
      await dialog.getByLabel('Speed').selectOption(rate)
      await front.screenshot('type-text')
      await dialog.getByTestId('type-preview').waitFor()
      await dialog.getByRole('button', { name: 'Type' }).click()
    }
    await input('Type text…')
    const preview = page.getByTestId('type-preview')
    await page.getByRole('dialog').getByLabel('Text to type').fill('Straße 5\r\n')
    await page.getByRole('dialog').getByLabel('Keyboard of the guest').selectOption('us')
    await page.getByRole('dialog').getByLabel('Speed').selectOption('5')
    await preview.getByText('8 characters are typed, in about 2 s; 1 is left out.').waitFor()
    expect(await preview.locator('del').allTextContents()).toEqual(['ß'])
    await front.screenshot('type-preview')
    await page.getByRole('dialog').getByLabel('Keyboard of the guest').selectOption('de')
    await preview.getByText('9 characters are typed, in about 2 s.').waitFor()
    expect(await preview.locator('del').count()).toBe(0)
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    await type('5', 'us', '20')
    await shows('type a line')
    await page.getByLabel('Read aloud').check()
    await type('zz?\n', 'de', '5')
    await shows('I read: yy_')
    await page.getByTestId('screen-news').getByText('I read: yy_').waitFor()
    await type('x'.repeat(2000), 'us', '5')
    await task.waitFor()
    await front.screenshot('task')
    await page.getByRole('button', { name: 'Cancel' }).click()
    await task.waitFor({ state: 'detached' })
    expect(front.errors).toEqual([])
  })
})

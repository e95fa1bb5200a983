import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { source as axe } from 'axe-core'
import { FRONTS, missing, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: menu and keys of the list: ${reason}\n`)

const DEMO = 'vitrine-diagnostics'

describe.skipIf(reason).each(['web', 'desktop'] as const)('the list of machines, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.locator(`[data-machine=${DEMO}]`).waitFor()
  })
  afterEach(() => front.close())

  const row = (id = DEMO) => front.page.locator(`[data-machine=${id}]`)
  const menu = () => front.page.getByTestId('row-menu')
  const choose = async (entry: string, id = DEMO): Promise<void> => {
    await row(id).click({ button: 'right' })
    await menu().getByRole('menuitem', { name: entry }).click()
  }
  const dialog = () => front.page.getByRole('dialog')
  const state = (name: string) => front.page.getByTestId('state').getByText(name).waitFor()

  it('has a menu on each row, with what fits its machine', async () => {
    const { page } = front
    await choose('Clone…')
    await dialog().getByLabel('Name').fill('Another')
    await dialog().getByRole('button', { name: 'Clone' }).click()
    await row('another').waitFor()
    // It is about the row that was clicked, whichever was selected.
    await choose('Settings')
    await dialog().getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
    await page.keyboard.press('Escape')
    await choose('Move to a group…', 'another')
    await dialog().getByLabel('Group').fill('Lab')
    await dialog().getByRole('button', { name: 'Move' }).click()
    await page.getByRole('treeitem', { name: 'Lab' }).waitFor()

    await choose('Start')
    await state('Running')
    await row().click({ button: 'right' })
    await menu().getByRole('menuitem', { name: 'Pause' }).waitFor()
    expect(await menu().getByRole('menuitem', { name: 'Remove…' }).count()).toBe(0)
    await page.waitForTimeout(300)
    await front.screenshot('row-menu')
    await page.evaluate(axe)
    expect(
      await page.evaluate('axe.run(document).then(({ violations }) => violations.map(({ id }) => id))'),
    ).toEqual([])
    await menu().getByRole('menuitem', { name: 'Save state' }).click()
    await state('Saved')
    await choose('Discard saved state')
    await page.getByRole('alertdialog').getByRole('button', { name: 'Discard saved state' }).click()
    await state('Off')
    expect(front.errors).toEqual([])
  })

  it('obeys keys', async () => {
    const { page } = front
    const opens = async (keys: string, title: string | RegExp): Promise<void> => {
      await page.keyboard.press(keys)
      await dialog().getByRole('heading', { name: title }).first().waitFor()
      await page.keyboard.press('Escape')
      await dialog().waitFor({ state: 'detached' })
    }
    await row().click()
    await opens('Control+KeyN', 'New machine')
    await opens('Control+KeyI', /^Import/)
    await opens('Control+KeyD', 'Media')
    await opens('Control+KeyS', 'Vitrine diagnostics')
    await opens('Control+KeyO', /^Clone/)
    await opens('Control+KeyE', /^Export/)
    await page.keyboard.press('Control+KeyF')
    await page.keyboard.type('nothing like it')
    expect(await page.getByRole('searchbox', { name: 'Search machines' }).inputValue()).toBe(
      'nothing like it',
    )
    await page.getByRole('searchbox', { name: 'Search machines' }).fill('')
    await row().click()
    await page.keyboard.press('Delete')
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click()
    expect(front.errors).toEqual([])
  })
})

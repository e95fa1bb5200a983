import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine, PRINTS_KEYS } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: the icons of the status bar: ${reason}\n`)

const AT_FIRST = ['floppy', 'cdrom', 'accelerator', 'pace', 'input']

describe.skipIf(reason).each(['web', 'desktop'] as const)('the icons of the status bar, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await start('vitrine-diagnostics')
  })
  afterEach(() => front.close())

  const start = async (id: string) => {
    const { page } = front
    await page.locator(`[data-machine=${id}]`).click()
    await page.getByTestId('start').click()
    await page.getByTestId('status-accelerator').waitFor()
  }
  const icon = (name: string) => front.page.locator(`footer [data-status=${name}]`)
  const shows = (wanted: readonly string[]) =>
    until(async () => {
      const names = await front.page
        .locator('footer [data-status]')
        .evaluateAll((all) => all.map((one) => one.getAttribute('data-status')))
      return names.join() === wanted.join() ? true : null
    }, `the status bar to show ${wanted.join()}`)
  const entry = (name: string) => front.page.getByRole('menuitemcheckbox', { name })
  const close = async () => {
    await front.page.keyboard.press('Escape')
    await front.page.getByRole('menu').first().waitFor({ state: 'detached' })
  }

  it('are hidden and shown by a menu, for every machine and the next time', async () => {
    const { page } = front
    await shows(AT_FIRST)
    await icon('accelerator').click({ button: 'right' })
    await entry('Speed').click()
    await entry('CD-ROM drives').click()
    await shows(['floppy', 'accelerator', 'input'])
    expect(await entry('Speed').getAttribute('aria-checked')).toBe('false')
    await page.waitForTimeout(300)
    await front.screenshot('status-menu')
    await page.evaluate(axe)
    expect(
      await page.evaluate('axe.run(document).then(({ violations }) => violations.map(({ id }) => id))'),
    ).toEqual([])
    await close()

    await addMachine(front, 'keys', PRINTS_KEYS) // which loads the page anew
    await start('keys')
    await shows(['floppy', 'accelerator', 'input'])
    await page.getByRole('menuitem', { name: 'View', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Status bar' }).press('ArrowRight')
    expect(await entry('Speed').getAttribute('aria-checked')).toBe('false')
    await entry('Speed').click()
    await shows(['floppy', 'accelerator', 'pace', 'input'])
    expect(front.errors).toEqual([])
  })

  it('are moved by dragging and by keys', async () => {
    const { page } = front
    await shows(AT_FIRST)
    await icon('pace').dragTo(icon('floppy'))
    await shows(['pace', 'floppy', 'cdrom', 'accelerator', 'input'])
    await icon('pace').dragTo(icon('cdrom'))
    await shows(['floppy', 'cdrom', 'pace', 'accelerator', 'input'])

    await icon('floppy').getByRole('button').press('Shift+F10')
    await entry('Floppy drives').focus()
    for (let times = 0; times < 2; times++) await page.keyboard.press('Shift+ArrowDown')
    await shows(['cdrom', 'floppy', 'pace', 'accelerator', 'input'])
    await page.keyboard.press('Space') // it is still the same that the keys are for
    await shows(['cdrom', 'pace', 'accelerator', 'input'])
    await page.getByRole('menuitem', { name: 'As at first' }).click()
    await shows(AT_FIRST)
    // What they do by themselves they still do.
    await icon('floppy').getByRole('button').click()
    await page.getByRole('menuitem', { name: 'Take it out' }).click()
    await icon('floppy').getByText('empty').waitFor()
    expect(front.errors).toEqual([])
  })
})

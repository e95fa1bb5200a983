import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ECHOES_CLIPBOARD } from './backdoor-guests.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: clipboards of host and guest: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('the clipboard, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const { page } = front
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await addMachine(front, 'echo', ECHOES_CLIPBOARD)
    await page.locator('[data-machine=echo]').click()
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  })
  afterEach(() => front.close())

  const entries = async () => {
    const { page } = front
    await page.getByRole('menuitem', { name: 'Devices', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Clipboard', exact: true }).press('ArrowRight')
    return page.getByRole('menu').last()
  }
  const choose = async (role: 'menuitem' | 'menuitemradio' | 'menuitemcheckbox', name: string) =>
    (await entries()).getByRole(role, { name, exact: true }).press('Enter')
  const copy = (text: string) => front.page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`)
  const copied = () => front.page.evaluate('navigator.clipboard.readText()')
  const arrives = (text: string) =>
    until(async () => ((await copied()) === text ? true : null), `"${text}" in the clipboard`)

  it('stays here and there until the machine’s settings say otherwise', async () => {
    const { page } = front
    const menu = await entries()
    await front.screenshot('menu-clipboard')
    for (const name of ['Give the guest this computer’s text', 'Take the guest’s text'])
      expect(await menu.getByRole('menuitem', { name }).getAttribute('data-disabled')).not.toBeNull()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await copy('secret')
    await page.getByTestId('screen').click()
    await page.waitForTimeout(1000)
    await page.keyboard.press('ControlRight')
    await page.getByRole('tab', { name: 'Text' }).click()
    expect(await page.getByTestId('screen-text').textContent()).not.toContain('secret')
    expect(front.errors).toEqual([])
  })

  it('goes over by the menu, both ways', async () => {
    const { page } = front
    await choose('menuitemradio', 'Both ways')
    const record = join(front.home, 'machines', 'echo', 'vm.json')
    await until(
      async () => ((await readFile(record, 'utf8')).includes('"direction": "both"') ? true : null),
      'the direction to be kept',
    )
    await copy('hello from here')
    await choose('menuitem', 'Give the guest this computer’s text')
    await page.getByTestId('notice').getByText('The guest can paste the text now').waitFor()
    await page.getByRole('tab', { name: 'Text' }).click()
    await page.getByTestId('screen-text').getByText('I got: hello from here').waitFor()
    await copy('something else')
    await choose('menuitem', 'Take the guest’s text')
    await page.getByTestId('notice').getByText('The guest’s text is in the clipboard').waitFor()
    expect(await copied()).toBe('I got: hello from here')

    await copy('x'.repeat(65_536))
    await choose('menuitem', 'Give the guest this computer’s text')
    await page
      .getByTestId('notice')
      .getByText('The text has 65536 bytes; 65535 can be given at most.')
      .waitFor()
    expect(front.errors).toEqual([])
  })

  it('goes over by itself where the settings say so', async () => {
    const { page } = front
    await page.getByTestId('settings').click()
    await page.getByRole('tab', { name: 'Input', exact: true }).click()
    await page.getByLabel('Clipboard', { exact: true }).selectOption({ label: 'Both ways' })
    await page.getByRole('switch', { name: 'Clipboard by itself' }).click()
    await front.screenshot('settings-input')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await copy('by itself')
    await page.getByTestId('screen').click()
    await arrives('I got: by itself')
    await page.keyboard.press('ControlRight')
    await choose('menuitemradio', 'To the guest')
    await copy('one way only')
    await page.getByTestId('screen').click()
    await page.waitForTimeout(1500)
    expect(await copied()).toBe('one way only')
    await page.keyboard.press('ControlRight')
    await page.getByRole('tab', { name: 'Text' }).click()
    await page.getByTestId('screen-text').getByText('I got: one way only').waitFor()
    expect(front.errors).toEqual([])
  })
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: the folder of a machine in the file manager: ${reason}\n`)

const DEMO = 'vitrine-diagnostics'

const ask = async ({ page }: Front): Promise<void> => {
  await page.locator(`[data-machine=${DEMO}]`).click({ button: 'right' })
  await page.getByTestId('row-menu').getByRole('menuitem', { name: 'Show in the file manager' }).click()
}

describe.skipIf(reason).each(['web', 'desktop'] as const)('the folder of a machine, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]({ opener: true })
    await front.page.locator(`[data-machine=${DEMO}]`).waitFor()
  })
  afterEach(() => front.close())

  it('is shown in the file manager of this computer', async () => {
    await ask(front)
    const shown = await until(async () => readFile(front.shown, 'utf8').catch(() => null), 'the file manager')
    const folder = join(front.home, 'machines', DEMO)
    expect(shown.trim()).toBe(kind === 'web' ? folder : join(folder, 'vm.json'))
    expect(await front.page.getByTestId('notice').count()).toBe(0)
    expect(front.errors).toEqual([])
  })
})

describe.skipIf(reason)('the folder of a machine, where there is no file manager', () => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS.web()
    await front.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await front.page.locator(`[data-machine=${DEMO}]`).waitFor()
  })
  afterEach(() => front.close())

  it('is told, and copied', async () => {
    const { page } = front
    const folder = join(front.home, 'machines', DEMO)
    await ask(front)
    await page.getByTestId('notice').getByText(folder).waitFor()
    await page.getByTestId('notice').getByRole('button', { name: 'Copy' }).click()
    await page.getByTestId('notice').getByText('The place of the folder is in the clipboard').waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(folder)
    expect(front.errors).toEqual([])
  })
})

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine, OBEYS_POWER_BUTTON } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: several machines at once: ${reason}\n`)

const DEMO = 'vitrine-diagnostics'

describe.skipIf(reason).each(['web', 'desktop'] as const)('several machines at once, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    for (const name of ['One', 'Two']) {
      await row(DEMO).click({ button: 'right' })
      await front.page.getByTestId('row-menu').getByRole('menuitem', { name: 'Clone…' }).click()
      await front.page.getByRole('dialog').getByLabel('Name').fill(name)
      await front.page.getByRole('dialog').getByRole('button', { name: 'Clone' }).click()
      await row(name.toLowerCase()).waitFor()
    }
  })
  afterEach(() => front.close())

  const row = (id: string) => front.page.locator(`[data-machine=${id}]`)
  const select = async (...ids: string[]): Promise<void> => {
    for (const [at, id] of ids.entries()) await row(id).click(at === 0 ? {} : { modifiers: ['Control'] })
  }
  const several = (name: string) => front.page.getByTestId('several').getByRole('button', { name })
  const isThere = (...path: string[]): Promise<boolean> =>
    access(join(front.home, ...path)).then(
      () => true,
      () => false,
    )
  const remove = async (answer: string): Promise<void> => {
    const question = front.page.getByRole('alertdialog')
    await question.getByRole('heading', { name: 'Remove 2 machines?' }).waitFor()
    await front.screenshot('remove-several')
    await question.getByRole('button', { name: answer }).click()
    for (const id of ['one', 'two']) await row(id).waitFor({ state: 'detached' })
  }

  it('are removed by one answer, their folders kept, and come back together', async () => {
    const { page } = front
    await select('one', 'two')
    await several('Remove…').click()
    await remove('Keep their folders')
    expect(await isThere('machines', 'one')).toBe(false)
    expect(await page.getByTestId('several').count()).toBe(0)
    await page.getByTestId('notice').getByText('2 machines are removed').waitFor()
    await page.getByTestId('notice').getByRole('button', { name: 'Undo' }).click()
    for (const id of ['one', 'two']) {
      await row(id).waitFor()
      expect(await isThere('machines', id, 'vm.json')).toBe(true)
    }
    expect(front.errors).toEqual([])
  })

  it('are removed by the Del key, their folders deleted later, those that run left alone', async () => {
    const { page } = front
    await row(DEMO).click()
    await page.getByTestId('start').click()
    await page.getByTestId('state').getByText('Running').waitFor()
    await select(DEMO, 'one', 'two')
    await page.keyboard.press('Delete')
    await remove('Delete their folders')
    await row(DEMO).waitFor()
    expect(await isThere('machines', DEMO, 'vm.json')).toBe(true)
    await page.getByTestId('notice').getByRole('button', { name: 'Undo' }).click()
    for (const id of ['one', 'two']) await row(id).waitFor()
    expect(front.errors).toEqual([])
  })

  it('are shut down by their power buttons', async () => {
    const ids = ['obeys', 'obeys-too']
    for (const id of ids) await addMachine(front, id, OBEYS_POWER_BUTTON)
    await select(...ids)
    await several('Start').click()
    const processes = async (count: number) =>
      until(
        async () => ((await front.machineProcesses()).length === count ? true : null),
        `${count} processes`,
      )
    await processes(2)
    const state = (id: string, name: string) => row(id).getByText(name, { exact: true }).waitFor()
    for (const id of ids) await state(id, 'Running')
    await several('Shut down').click()
    for (const id of ids) await state(id, 'Off')
    await processes(0)
    expect(front.errors).toEqual([])
  })
})

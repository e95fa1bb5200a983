import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of automatic snapshots: ${reason}\n`)

/** A minute is the shortest interval there is. */
const MINUTES = 60_000

describe.skipIf(reason)('automatic snapshots', () => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS.web()
    const { page } = front
    await page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
    await page.getByTestId('new').click()
    await page.getByPlaceholder('Search systems').fill('nt 4')
    await page.getByRole('option', { name: 'Windows NT 4.0' }).click()
    await page.getByLabel('Memory').fill('16')
    await page.getByLabel('Size in MiB').fill('8')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'Windows NT 4.0' }).waitFor()
  })
  afterEach(() => front.close())

  const folder = () => join(front.home, 'machines', 'windows-nt-4-0')
  const record = async (): Promise<VmRecord> =>
    JSON.parse(await readFile(join(folder(), 'vm.json'), 'utf8')) as VmRecord
  const taken = async () => (await record()).snapshots?.snapshots ?? []

  it('are taken when it is time, and the older one goes; those of the user stay', async () => {
    const { page } = front
    const button = (name: string) => page.getByRole('button', { name, exact: true })
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await button('Take a snapshot…').click()
    await page.getByRole('dialog').getByLabel('Name').fill('mine')
    await page.getByRole('dialog').getByRole('button', { name: 'Take' }).click()
    await page.locator('[data-snapshot="mine"]').waitFor()

    await button('Settings').click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('[data-setting="autoSnapshots"] input').fill('1')
    await dialog.locator('[data-setting="autoSnapshotsKept"] input').fill('1')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect((await record()).autoSnapshots).toEqual({ everyMinutes: 1, keep: 1 })

    await page.getByRole('toolbar').getByRole('button', { name: 'Start', exact: true }).click()
    const automatic = async () => (await taken()).filter(({ isAutomatic }) => isAutomatic)
    const first = await until(
      async () => (await automatic()).find(({ isComplete }) => isComplete) ?? null,
      'the first automatic snapshot',
      2 * MINUTES,
    )
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await page.locator(`[data-snapshot="${first.name}"]`).getByLabel('automatic').waitFor()
    await front.screenshot('automatic-snapshot')

    const second = await until(
      async () => {
        const [one, ...more] = await automatic()
        return one && more.length === 0 && one.id !== first.id && one.isComplete ? one : null
      },
      'the second one in its place',
      2 * MINUTES,
    )
    await page.locator(`[data-snapshot="${first.name}"]`).waitFor({ state: 'detached' })
    await page.locator(`[data-snapshot="${second.name}"]`).waitFor()
    await page.locator('[data-snapshot="mine"]').waitFor()
    // The picture and the memory of the one that went are gone as well.
    await until(
      async () => ((await readdir(folder())).some((name) => name.includes(first.id)) ? null : true),
      'its files to go',
    )
    const files = await readdir(folder())
    expect(files.filter((name) => name.includes(second.id))).not.toEqual([])
    expect(front.errors).toEqual([])
  }, 300_000)
})

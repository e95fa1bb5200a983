import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, PROJECT, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of templates and media: ${reason}\n`)

const IMAGE = join(PROJECT, 'out', 'guests', 'diagnostic.img')
const DEMO = 'vitrine-diagnostics'

describe.skipIf(reason).each(['web', 'desktop'] as const)('templates and media, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]({ picks: IMAGE })
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(() => front.close())

  const record = async (id: string): Promise<VmRecord> =>
    JSON.parse(await readFile(join(front.home, 'machines', id, 'vm.json'), 'utf8')) as VmRecord

  it('makes machines of a template, which stays as it is and does not start', async () => {
    const { page } = front
    await page.getByTestId('settings').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('switch', { name: 'Template' }).click()
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('This is a template: machines are made of it').waitFor()
    expect(await page.getByTestId('start').count()).toBe(0)
    await page.locator(`[data-machine=${DEMO}]`).dblclick()
    expect(await front.machineProcesses()).toEqual([])
    await page.getByRole('button', { name: 'New machine of this…' }).first().click()
    await dialog.getByLabel('Name').fill('Made of it')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { name: 'Made of it' }).waitFor()
    expect([(await record(DEMO)).template, (await record('made-of-it')).template]).toEqual([true, false])
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    expect(front.errors).toEqual([])
  })

  it('offers what was in a drive before, first, and puts it in again', async () => {
    const { page } = front
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    const drive = page.locator('footer').getByRole('button', { name: 'diagnostic.img' })
    await drive.click()
    const [chooser] = await Promise.all([
      kind === 'web' ? page.waitForEvent('filechooser') : null,
      page.getByRole('menuitem', { name: kind === 'web' ? 'Upload an image…' : 'Choose an image…' }).click(),
    ])
    const name = kind === 'web' ? 'second.img' : 'diagnostic.img'
    await chooser?.setFiles({ name, mimeType: 'application/octet-stream', buffer: await readFile(IMAGE) })
    const used = page.locator('footer').getByRole('button', { name })
    await used.waitFor()
    await used.click()
    await page.getByRole('menuitem', { name: 'Take it out' }).click()
    const empty = page.locator('footer').getByRole('button', { name: 'empty' })
    await empty.nth(1).waitFor() // the CD-ROM drive is the other
    await empty.first().click()
    await page.getByRole('menu').getByText('Used last').waitFor()
    await page.getByRole('menuitem', { name }).first().click()
    await used.waitFor()
    const [floppy] = (await record(DEMO)).machine.drives
    expect(floppy!.path).toMatch(new RegExp(`${name}$`))
    expect(front.errors).toEqual([])
  })
})

import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DISK_MODES, diskModeOf, NEW_OVERLAY } from '../../engine/protocol/disk-mode.ts'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of disk modes: ${reason}\n`)

const ID = 'windows-nt-4-0'

describe.skipIf(reason).each(['web', 'desktop'] as const)('modes of a disk, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const { page } = front
    await page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
    await page.getByTestId('new').click()
    await page.getByPlaceholder('Search systems').fill('nt 4')
    await page.getByRole('option', { name: 'Windows NT 4.0' }).click()
    await page.getByLabel('Memory').fill('128')
    await page.getByLabel('Size in MiB').fill('8')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'Windows NT 4.0' }).waitFor()
  })
  afterEach(() => front.close())

  const folder = () => join(front.home, 'machines', ID)
  const disk = async () => {
    const { machine } = JSON.parse(await readFile(join(folder(), 'vm.json'), 'utf8')) as VmRecord
    return machine.drives.find(({ kind: what }) => what === 'disk')!
  }

  async function choose(mode: string, label: string): Promise<void> {
    const { page } = front
    await page.getByTestId('settings').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('tab', { name: 'Drives' }).click()
    await dialog.getByLabel(/^Mode of Hard disk/).selectOption({ label })
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    await until(async () => (diskModeOf(await disk()) === mode ? true : null), `the mode ${mode}`)
  }

  async function take(name: string): Promise<void> {
    const { page } = front
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await page.getByRole('button', { name: 'Take a snapshot…', exact: true }).click()
    await page.getByRole('dialog').getByLabel('Name').fill(name)
    await page.getByRole('dialog').getByRole('button', { name: 'Take' }).click()
    await page.locator(`[data-snapshot="${name}"]`).waitFor()
  }
  const layers = async () => (await readdir(folder())).filter((name) => name.startsWith('layer-')).length

  it('are all chosen in the settings; snapshots leave a write-through disk alone, and an overlay takes writes', async () => {
    const labels = ['Normal', 'Immutable', 'Write-through', 'Multi-attach', 'Read only, shareable']
    for (const [at, mode] of DISK_MODES.entries()) if (mode !== 'normal') await choose(mode, labels[at]!)
    // Nothing was written to the overlay that this went by.
    expect((await readdir(folder())).filter((name) => NEW_OVERLAY.test(name))).toEqual([])

    await choose('write-through', 'Write-through')
    const { path } = await disk()
    await take('without it')
    expect((await disk()).path).toBe(path)
    expect(await layers()).toBe(0)

    await choose('multi-attach', 'Multi-attach')
    const { overlay } = await disk()
    expect(overlay).toMatch(NEW_OVERLAY)
    await access(join(folder(), overlay!))
    await take('with it')
    expect(await layers()).toBe(1)
    expect((await disk()).path).toMatch(/^layer-/)

    await front.page.getByRole('tab', { name: 'Details' }).click()
    await front.page.getByTestId('start').click()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    expect(front.errors).toEqual([])
  })
})

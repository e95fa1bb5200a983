import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, PROJECT, until, type Front } from './fronts.ts'

const run = promisify(execFile)
const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of encrypted disks: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('an encrypted disk, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const { page } = front
    await page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
    const env = { ...process.env, VITRINE_HOME: front.home }
    const vitrine = (...args: string[]) =>
      run(process.execPath, [join(PROJECT, 'out/cli/index.js'), ...args], { env })
    const secret = join(front.home, '..', 'secret')
    await writeFile(secret, 'open sesame\n')
    const disk = join(front.home, 'media', 'safe.qcow2')
    await vitrine('media', 'create', disk, '--size', '8M', '--new-secret-file', secret)
    await vitrine('create', 'Safe', '--preset', 'dos-6', '--disk', disk)
    await page.reload()
    await page.getByText('Safe', { exact: true }).first().click()
    await page.getByRole('heading', { name: 'Safe' }).waitFor()
  })
  afterEach(() => front.close())

  it('asks for its passphrase when the machine starts, and keeps it nowhere', async () => {
    const { page } = front
    const dialog = page.getByRole('dialog')
    const start = page.getByRole('toolbar').getByRole('button', { name: 'Start', exact: true })

    // Changed minds start nothing.
    await start.click()
    await dialog.getByText('The disk safe.qcow2 is encrypted.').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect(await front.machineProcesses()).toEqual([])

    await start.click()
    await dialog.getByLabel('Passphrase').fill('open barley')
    await dialog.getByRole('button', { name: 'Start' }).click()
    await dialog.getByText('That is not the passphrase. Nothing was started.').waitFor()
    expect(await front.machineProcesses()).toEqual([])
    await page.evaluate(axe)
    const faults =
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
    expect(await page.evaluate(faults)).toEqual([])
    await front.screenshot('passphrase')

    await dialog.getByLabel('Passphrase').fill('open sesame')
    await dialog.getByLabel('Passphrase').press('Enter')
    await until(async () => ((await front.machineProcesses()).length === 1 ? true : null), 'the machine')
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Pause' }).first().waitFor()
    const folder = join(front.home, 'machines', 'safe')
    expect(await readFile(join(folder, 'vm.json'), 'utf8')).not.toContain('sesame')
    expect(front.errors).toEqual([])
  })

  it('is looked into in the tab of files, and gets another passphrase among the media', async () => {
    const { page } = front
    const dialog = page.getByRole('dialog')
    const faults = async (): Promise<unknown> => {
      await page.evaluate(axe)
      return page.evaluate(
        "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))",
      )
    }
    await page.getByRole('tab', { name: 'Files' }).click()
    await page.getByText('It is encrypted.').waitFor()
    await page.getByRole('button', { name: 'Unlock…' }).click()
    await dialog.getByLabel('Passphrase').fill('wrong')
    await dialog.getByLabel('Passphrase').press('Enter')
    await dialog.getByText('That is not the passphrase.').waitFor()
    await dialog.getByLabel('Passphrase').fill('open sesame')
    await dialog.getByLabel('Passphrase').press('Enter')
    await page.getByText('No file system that can be read is on it').waitFor()

    await page.getByRole('button', { name: 'Media…' }).click()
    const row = dialog.locator('[data-image="safe.qcow2"]')
    await row.getByText('Safe', { exact: true }).waitFor()
    await row.getByRole('radio').click()
    expect(await faults()).toEqual([])
    await front.screenshot('images')
    await dialog.getByRole('button', { name: 'Passphrase…' }).click()
    await dialog.getByLabel('Passphrase of safe.qcow2').fill('open sesame')
    await dialog.getByLabel('New passphrase').fill('open barley')
    await dialog.getByLabel('Once more').fill('open barley')
    await dialog.getByRole('button', { name: 'Change' }).click()
    await page.getByTestId('notice').getByText('safe.qcow2 has another passphrase').waitFor()

    // In clear, through a task; and back into an encrypted one, which is made in the same way.
    await row.getByRole('radio').click()
    await dialog.getByRole('button', { name: 'Convert…' }).click()
    await dialog.getByLabel('Name').fill('clear')
    await dialog.getByLabel('Format').selectOption('raw')
    await dialog.getByLabel('Passphrase of safe.qcow2').fill('open barley')
    await dialog.getByRole('button', { name: 'Convert', exact: true }).click()
    await dialog.locator('[data-image="clear.img"]').getByRole('radio').click()
    await dialog.getByRole('button', { name: 'Convert…' }).click()
    await dialog.getByLabel('Name').fill('again')
    await dialog.getByLabel('Format').selectOption('luks')
    await dialog.getByLabel('New passphrase').fill('open rye')
    await dialog.getByLabel('Once more').fill('open rye')
    await dialog.getByRole('button', { name: 'Convert', exact: true }).click()
    const again = dialog.locator('[data-image="again.luks"]')
    await again.getByRole('radio').click()
    await again.getByLabel('encrypted').waitFor()
    await dialog.getByRole('button', { name: 'Check…' }).click()
    await dialog.getByRole('button', { name: 'Check', exact: true }).click()
    await dialog.getByText('There is no damage.').waitFor()
    expect(await faults()).toEqual([])
    expect(front.errors).toEqual([])
  })

  it('is asked for in the dialog by name alone, in German as well', async () => {
    const { page } = front
    await page.getByRole('button', { name: 'Language' }).click()
    await page.getByRole('menuitemradio', { name: 'Deutsch' }).click()
    await page.getByRole('main').getByRole('button', { name: 'Starten', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Die Platte safe.qcow2 ist verschlüsselt.').waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(front.errors).toEqual([])
  })
})

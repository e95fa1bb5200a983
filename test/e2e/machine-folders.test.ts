import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, PROJECT, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of machines' folders: ${reason}\n`)

const IMAGE = join(PROJECT, 'out', 'guests', 'diagnostic.img')

describe.skipIf(reason).each(['web', 'desktop'] as const)('folders of machines, %s', (kind) => {
  let front: Front
  /** Where the user keeps them. */
  let shelf: string
  beforeEach(async () => {
    shelf = await mkdtemp(join(tmpdir(), 'vitrine-e2e-folders-'))
    front = await FRONTS[kind]({ picks: join(shelf, 'games') })
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(async () => {
    await front.close()
    await rm(shelf, { recursive: true })
  })

  const dialog = () => front.page.getByRole('dialog')
  const state = () => front.page.getByTestId('state')

  /** A machine's folder as a backup would have it. */
  async function keep(name: string, path = 'boot.img'): Promise<string> {
    const folder = join(shelf, name)
    await mkdir(join(folder, 'logs'), { recursive: true })
    await writeFile(join(folder, 'boot.img'), await readFile(IMAGE))
    await writeFile(join(folder, 'logs', 'note.txt'), 'kept')
    const machine = { version: 1, memoryMiB: 24, drives: [{ kind: 'floppy', path }], boot: ['floppy'] }
    await writeFile(join(folder, 'vm.json'), JSON.stringify({ version: 1, name: `Kept ${name}`, machine }))
    return folder
  }

  /** Drags it from the file manager onto the window. */
  async function drop(folder: string): Promise<void> {
    const { page } = front
    // A browser does not tell where a file lies; the double is told it here.
    await page.evaluate(`document.documentElement.dataset.filesIn = ${JSON.stringify(shelf)}`)
    const session = await page.context().newCDPSession(page)
    const data = { items: [], files: [folder], dragOperationsMask: 1 }
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
      await session.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data })
    await session.detach()
  }

  it('one is dropped, and copied into the library', async () => {
    const { page, home } = front
    const folder = await keep('games')
    await drop(folder)
    await dialog().getByRole('heading', { name: 'Add Kept games' }).waitFor()
    await dialog().getByText('24 MiB of memory').waitFor()
    await front.screenshot('add-machine')
    await page.evaluate(axe)
    const faults = 'axe.run(document).then(({ violations }) => violations.map(({ id }) => id))'
    expect(await page.evaluate(faults)).toEqual([])
    await dialog().getByLabel('Copy into the library').click()
    await dialog().getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('heading', { name: 'Kept games', exact: true }).waitFor()
    const copy = join(home, 'machines', 'kept-games')
    expect(await readFile(join(copy, 'logs', 'note.txt'), 'utf8')).toBe('kept')
    await page.getByTestId('start').click()
    await state().getByText('Running').waitFor()
    expect(await readdir(folder)).not.toContain('.lock')
    expect(front.errors).toEqual([])
  })

  it('one is dropped, used where it is, and forgotten without a file lost', async () => {
    const { page, home } = front
    const folder = await keep('games')
    await drop(folder)
    await dialog().getByLabel('Add where it is').click()
    if (kind === 'web') {
      const path = dialog().getByLabel('Its folder on the computer that Vitrine runs on')
      await path.fill(join(shelf, 'elsewhere'))
      await dialog().getByRole('button', { name: 'Add', exact: true }).click()
      await dialog()
        .getByText(/The folder that you gave does not lie at/)
        .waitFor()
      await path.fill(folder)
    }
    await dialog().getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('heading', { name: 'Kept games', exact: true }).waitFor()
    expect(await readlink(join(home, 'machines', 'kept-games'))).toBe(folder)
    await page.getByTestId('start').click()
    await state().getByText('Running').waitFor()
    expect(await readdir(folder)).toContain('.lock')
    await drop(folder)
    await page.getByTestId('notice').getByText('already: kept-games').waitFor()
    await page.getByRole('button', { name: 'Power off' }).click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Power off' }).click()
    await state().getByText('Off').waitFor()
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Remove…' }).click()
    await page.getByText(`its folder stays at ${folder}`).waitFor()
    await page.getByRole('button', { name: 'Take it off the list' }).click()
    await page.locator('[data-machine=kept-games]').waitFor({ state: 'detached' })
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['boot.img', 'logs', 'vm.json']))
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByRole('heading', { name: 'Kept games', exact: true }).waitFor()
    expect(front.errors).toEqual([])
  })

  it('one that is chosen uses files outside of it, which is told first', async () => {
    const { page } = front
    const folder = await keep('games', IMAGE)
    const asked = kind === 'web' ? page.waitForEvent('filechooser') : null
    await page.getByRole('button', { name: 'Import a machine…' }).click()
    await dialog().getByRole('button', { name: 'Choose its folder…' }).click()
    await (await asked)?.setFiles(folder)
    await dialog().getByRole('heading', { name: 'Add Kept games' }).waitFor()
    await dialog().locator('.warning').getByText(IMAGE).waitFor()
    // A page could read any file of the host by sending a record that names it.
    expect(await dialog().getByLabel('Copy into the library').isDisabled()).toBe(kind === 'web')
    expect(front.errors).toEqual([])
  })

  it('what is no machine, or a damaged one, says why', async () => {
    const { page, home } = front
    const folder = await keep('games')
    await writeFile(join(folder, 'vm.json'), '{"version": 1, "name": ')
    await drop(folder)
    await page
      .getByTestId('notice')
      .getByText(/vm.json is damaged/)
      .waitFor()
    await rm(join(folder, 'vm.json'))
    await drop(folder)
    await page
      .getByTestId('notice')
      .getByText(/vm.json is missing/)
      .waitFor()
    expect((await readdir(join(home, 'machines'))).map((name) => basename(name))).toEqual([
      'vitrine-diagnostics',
    ])
    expect(front.errors).toEqual([])
  })
})

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, PROJECT, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests: ${reason}\n`)

/** The demo guest, which is also what machines are made from here. */
const DEMO = 'Vitrine diagnostics'
const IMAGE = join(PROJECT, 'out', 'guests', 'diagnostic.img')
/** Its summary once it has looked at every device. */
const TESTED = /(\d+) ok, +(\d+) failed/

describe.skipIf(reason).each(['web', 'desktop'] as const)('the manager, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]({ picks: IMAGE })
    await front.page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
  })
  afterEach(() => front.close())

  const state = () => front.page.getByTestId('state')
  const button = (name: string) => front.page.getByRole('button', { name })

  async function create(name: string): Promise<void> {
    const { page } = front
    await page.getByTestId('new').click()
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Memory').fill('16')
    await giveImage(kind === 'web' ? 'Upload…' : 'Browse…')
    await page.getByText('It goes in as a floppy disk.').waitFor()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name }).waitFor()
  }

  /** Presses a button that asks for an image: in the browser a dialog opens, on the desktop the double picks. */
  async function giveImage(label: string): Promise<void> {
    const [chooser] = await Promise.all([
      kind === 'web' ? front.page.waitForEvent('filechooser') : null,
      button(label).click(),
    ])
    await chooser?.setFiles(IMAGE)
  }

  /** What is kept of a machine on disk. */
  const record = async (id: string): Promise<VmRecord> =>
    JSON.parse(await readFile(join(front.home, 'machines', id, 'vm.json'), 'utf8')) as VmRecord

  async function start(): Promise<void> {
    await front.page.getByTestId('start').click()
    await state().getByText('Running').waitFor()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  }

  /** Opens the text of the screen and waits for what it should show. */
  async function seeText(pattern: RegExp): Promise<string> {
    const { page } = front
    await page.getByRole('tab', { name: 'Text' }).click()
    const text = await until(async () => {
      const shown =
        (await page
          .getByTestId('screen-text')
          .textContent({ timeout: 1000 })
          .catch(() => '')) ?? ''
      return pattern.test(shown) ? shown : null
    }, String(pattern))
    await page.getByRole('tab', { name: 'Screen' }).click()
    return text
  }

  async function powerOff(): Promise<void> {
    await button('Power off').click()
    await front.page.getByRole('alertdialog').getByRole('button', { name: 'Power off' }).click()
    await state().getByText('Off').waitFor()
  }

  it('has a ready machine at the first start, which appears and answers the keyboard', async () => {
    const { page } = front
    await page.getByRole('heading', { name: DEMO }).waitFor()
    await front.screenshot('first-start')
    await start()
    const [, , failed] = TESTED.exec(await seeText(TESTED))!
    await front.screenshot('diagnostics')
    await page.getByTestId('screen').click()
    await page.getByTestId('capture').getByText('Right Ctrl releases').waitFor()
    await page.keyboard.press('5') // its page for input
    await page.waitForTimeout(300)
    await page.keyboard.type('hello 42', { delay: 60 })
    await page.keyboard.press('Enter')
    await front.screenshot('captured')
    await page.keyboard.press('ControlRight')
    await page.getByTestId('capture').getByText('yours').waitFor()
    // Another host key, which is remembered.
    await page.getByRole('menuitem', { name: 'Input' }).click()
    await page.getByRole('menuitem', { name: 'Host key: Right Ctrl' }).click()
    // By the keyboard: a pointer that jumps would not cross the way to the menu beside.
    await page.getByRole('menuitemradio', { name: 'Scroll Lock' }).press('Enter')
    await page.getByTestId('screen').click()
    await page.getByTestId('capture').getByText('Scroll Lock releases').waitFor()
    await page.keyboard.press('ControlRight')
    await page.keyboard.press('ScrollLock')
    await page.getByTestId('capture').getByText('yours').waitFor()
    expect(await page.evaluate("JSON.parse(localStorage.getItem('vitrine-input')).hostKey")).toBe(
      'ScrollLock',
    )
    await seeText(/I read: hello 42/)
    await page.getByRole('tab', { name: 'Serial console' }).click()
    await page.getByTestId('serial').getByText('diagnostic:').first().waitFor()
    await front.screenshot('serial')
    await page.getByRole('tab', { name: 'Screen' }).click()
    await page.getByTestId('screen').click()
    await page.keyboard.press('Tab') // away from the page for input, where letters are text
    await page.keyboard.press('g')
    await page.waitForTimeout(1500)
    await front.screenshot('graphics')
    await page.keyboard.press('ScrollLock')
    await powerOff()
    await until(async () => ((await front.machineProcesses()).length ? null : true), 'its process to end')
    expect(front.errors).toEqual([])
    expect(failed).toBe('0')
  })

  it('creates a machine from an image in three fields', async () => {
    await create('My machine')
    await front.screenshot('off')
    await start()
    await seeText(TESTED)
    await powerOff()
    expect(front.errors).toEqual([])
  })

  it('has no fault that a checker of accessible pages finds, in either theme', async () => {
    const { page } = front
    const check = async () => {
      await page.evaluate(axe)
      const run =
        "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
      expect(await page.evaluate(run)).toEqual([])
    }
    await create('Accessible')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await check()
      await page.getByTestId('new').click()
      await page.getByLabel('Name').waitFor()
      await check()
      await button('Cancel').click()
    }
    await start()
    await check()
  })

  it('pauses, goes on and resets', async () => {
    const { page } = front
    await start()
    await seeText(TESTED)
    await button('Pause').click()
    await state().getByText('Paused').waitFor()
    await front.screenshot('paused')
    await button('Resume').click()
    await state().getByText('Running').waitFor()
    await page.getByTestId('screen').click()
    await page.keyboard.press('5')
    await page.keyboard.press('ControlRight')
    await seeText(/type a line/)
    await button('Reset').click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Reset' }).click()
    await seeText(/Processor/) // its first page again
    expect(front.errors).toEqual([])
  })

  it('makes a machine for a system, with a disk of its own and its settings', async () => {
    const { page } = front
    await page.getByTestId('new').click()
    await page.getByPlaceholder('Search systems').fill('nt 4')
    await page.getByRole('option', { name: 'Windows NT 4.0' }).click()
    await page.getByTestId('limits').getByText('Standard PC').waitFor()
    await page.getByLabel('Size in MiB').fill('8')
    await front.screenshot('create')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'Windows NT 4.0' }).waitFor()
    const { machine } = await record('windows-nt-4-0')
    expect(machine).toMatchObject({ memoryMiB: 64, cpuModel: 'pentium2', knobs: { cpuidLimit: 2 } })
    expect(machine.drives).toContainEqual(
      expect.objectContaining({ kind: 'disk', path: 'disk.qcow2', format: 'qcow2' }),
    )
    expect(front.errors).toEqual([])
  })

  it('makes a machine of an image that is dropped on the window, in two clicks', async () => {
    const { page } = front
    const contents = (await readFile(IMAGE)).toString('base64')
    // A browser does not tell where a file lies, and the double takes its name for that.
    const name = kind === 'web' ? 'kolibri-test.img' : IMAGE
    const file = `new File([Uint8Array.from(atob('${contents}'), (c) => c.charCodeAt(0))], ${JSON.stringify(name)})`
    const data = await page.evaluateHandle(
      `(() => { const transfer = new DataTransfer(); transfer.items.add(${file}); return transfer })()`,
    )
    await page.dispatchEvent('main', 'drop', { dataTransfer: data })
    await page.getByTestId('create-and-start').click()
    await state().getByText('Running').waitFor()
    await seeText(TESTED)
    if (kind === 'web') expect((await record('kolibri-test')).icon).toBe('lab') // by its name
    expect(front.errors).toEqual([])
  })

  it('changes settings, finds them, explains what does not fit, and keeps them on disk', async () => {
    const { page } = front
    await create('Set')
    await page.getByTestId('settings').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Tags').fill('games, 1993')
    await dialog.getByLabel('Notes').fill('The code is 1234.')
    await dialog.getByRole('tab', { name: 'Memory' }).click()
    await dialog.getByRole('spinbutton', { name: 'Memory' }).fill('5000')
    await dialog.getByText('5000 is too much: at most 3,072.').waitFor()
    expect(await dialog.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true)
    await dialog.getByRole('spinbutton', { name: 'Memory' }).fill('24')
    await dialog.getByRole('searchbox').fill('cpuid')
    await dialog.getByLabel('Highest CPUID leaf').fill('2')
    await dialog.getByRole('searchbox').fill('')
    await dialog.getByRole('tab', { name: 'Drives' }).click()
    await dialog.getByRole('button', { name: 'CD-ROM', exact: true }).click()
    await dialog.getByRole('tab', { name: 'Serial ports' }).click()
    await dialog.getByLabel('COM2').selectOption('file')
    await front.screenshot('settings')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    const changed = await record('set')
    expect(changed).toMatchObject({
      tags: ['games', '1993'],
      notes: 'The code is 1234.',
      serial: [{ kind: 'console' }, { kind: 'file', name: 'com2.txt' }],
      machine: { memoryMiB: 24, knobs: { cpuidLimit: 2 } },
    })
    expect(changed.machine.drives.map(({ kind: of }) => of)).toEqual(['floppy', 'cdrom', 'cdrom'])
    await start()
    await seeText(/23 MiB to use|Memory/)
    await page.getByTestId('settings').click()
    await dialog.getByText('greyed settings can change when it is off').waitFor()
    await dialog.getByRole('tab', { name: 'General' }).click()
    expect(await dialog.getByLabel('Notes').isEnabled()).toBe(true)
    await dialog.getByRole('tab', { name: 'Memory' }).click()
    expect(await dialog.getByRole('spinbutton', { name: 'Memory' }).isDisabled()).toBe(true)
    expect(front.errors).toEqual([])
  })

  it('keeps machines in groups, finds them by their tags, and starts several at once', async () => {
    const { page } = front
    await create('Second')
    await page.getByTestId('settings').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Group').fill('Games/1993')
    await dialog.getByLabel('Tags').fill('shooter')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('treeitem', { name: 'Games' }).waitFor()
    await page.getByRole('treeitem', { name: '1993' }).waitFor()
    await page.getByRole('searchbox', { name: 'Search machines' }).fill('shooter off')
    await page.locator('[data-machine=vitrine-diagnostics]').waitFor({ state: 'detached' })
    await page.getByRole('searchbox', { name: 'Search machines' }).fill('')
    await page.locator('[data-machine=vitrine-diagnostics]').click({ modifiers: ['Shift'] })
    const bulk = page.getByRole('toolbar', { name: '2 machines selected' })
    await bulk.getByRole('button', { name: 'Start' }).click()
    for (const id of ['second', 'vitrine-diagnostics'])
      await page.locator(`[data-machine=${id}]`).getByText('Running').waitFor()
    await page.locator('[data-machine=second] img').waitFor() // a small picture of its screen
    await front.screenshot('list')
    await bulk.getByRole('button', { name: 'Pause' }).click()
    for (const id of ['second', 'vitrine-diagnostics'])
      await page.locator(`[data-machine=${id}]`).getByText('Paused').waitFor()
    await bulk.getByRole('button', { name: 'Move to a group…' }).click()
    await dialog.getByLabel('Group').fill('Games / 1995')
    await dialog.getByRole('button', { name: 'Move' }).click()
    await page.getByRole('treeitem', { name: '1995' }).waitFor()
    await page.getByRole('treeitem', { name: '1993' }).waitFor({ state: 'detached' })
    await bulk.getByRole('button', { name: 'Power off' }).click()
    for (const id of ['second', 'vitrine-diagnostics'])
      await page.locator(`[data-machine=${id}]`).getByText('Off').waitFor()
    expect(front.errors).toEqual([])
  })

  it('clones a machine, removes it, and brings it back', async () => {
    const { page } = front
    const more = async (entry: string) => {
      await page.getByTestId('more').click()
      await page.getByRole('menuitem', { name: entry }).click()
    }
    await more('Clone…')
    await page.getByRole('dialog').getByLabel('Name').fill('Second')
    await page.getByRole('dialog').getByRole('button', { name: 'Clone' }).click()
    await page.getByRole('heading', { name: 'Second' }).waitFor()
    expect(await readdir(join(front.home, 'machines', 'second'))).toContain('diagnostic.img')
    await more('Remove…')
    await button('Delete its folder').click()
    await page.locator('[data-machine=second]').waitFor({ state: 'detached' })
    await button('Undo').click()
    await page.getByRole('heading', { name: 'Second' }).waitFor()
    await start()
    expect(front.errors).toEqual([])
  })

  it('shows another machine while one runs that was started here, and comes back to its screen', async () => {
    const { page } = front
    await create('Second')
    await start()
    await page.locator('[data-machine=vitrine-diagnostics]').click()
    await page.getByRole('heading', { name: DEMO }).waitFor()
    await start()
    await page.locator('[data-machine=second]').click()
    await page.getByRole('heading', { name: 'Second' }).waitFor()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await seeText(TESTED)
    expect(front.errors).toEqual([])
  })

  it('saves the state and goes on from there', async () => {
    const { page } = front
    await start()
    await seeText(TESTED)
    await page.getByTestId('screen').click()
    await page.keyboard.press('5')
    await page.waitForTimeout(300)
    await page.keyboard.type('kept', { delay: 60 })
    await page.keyboard.press('ControlRight')
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Close…' }).click()
    await page.getByLabel('Save the state').click()
    await front.screenshot('close')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await state().getByText('Saved').waitFor()
    await page.getByTestId('start').click()
    await state().getByText('Running').waitFor()
    await seeText(/kept/)
    expect(front.errors).toEqual([])
  })

  it('speaks German', async () => {
    const { page } = front
    await button('Language').click()
    await page.getByRole('menuitemradio', { name: 'Deutsch' }).click()
    await button('Neue Maschine').waitFor()
    await page.getByTestId('settings').click()
    await page.getByRole('tab', { name: 'Für alte Systeme' }).click()
    await page.getByText('NT 4 bleibt bei mehr als 2 im Setup stehen.').waitFor()
    await front.screenshot('german')
    expect(await page.locator('html').getAttribute('lang')).toBe('de')
  })

  if (kind === 'web')
    it('logs out, and is closed to this browser then', async () => {
      const { page } = front
      await start()
      await page.getByTestId('log-out').click()
      await page.getByText('Please open the address that Vitrine printed.').waitFor()
      expect((await page.request.get(page.url())).status()).toBe(401)
      // The machine runs on for whoever comes in again.
      expect(await front.machineProcesses()).toHaveLength(1)
    })

  it('survives the end of a machine’s process, says why, and starts it again', async () => {
    await start()
    const [pid] = await front.machineProcesses()
    process.kill(pid!, 'SIGKILL')
    await state().getByText('Failed').waitFor()
    await front.page.getByText('It ended unexpectedly.').waitFor()
    await front.screenshot('failed')
    await start()
    await seeText(TESTED)
  })

  it('lists a damaged machine with the reason and leaves its file alone', async () => {
    const path = join(front.home, 'machines', 'damaged')
    await mkdir(path)
    await writeFile(join(path, 'vm.json'), '{"version": 1, "name": ')
    await front.page.reload()
    await front.page.locator('[data-machine=damaged]').click()
    await front.page.getByText('vm.json is damaged').waitFor()
    await front.screenshot('damaged')
    expect(await readFile(join(path, 'vm.json'), 'utf8')).toBe('{"version": 1, "name": ')
  })
})

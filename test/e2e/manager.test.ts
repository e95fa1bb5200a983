import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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
    if (kind === 'web') await page.locator('input[type=file]').setInputFiles(IMAGE)
    else await button('Browse…').click()
    await page.getByText('It goes in as a floppy disk.').waitFor()
    await button('Create').click()
    await page.getByRole('heading', { name }).waitFor()
  }

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
    await page.keyboard.press('ControlRight')
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

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine, PRINTS_KEYS } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: the host key: ${reason}\n`)

/** What a keyboard sends for Ctrl+Alt with a key, pressed and let go. */
const withCtrlAlt = (down: string, up: string): string => `1D 38 ${down} ${up} B8 9D`

describe.skipIf(reason).each(['web', 'desktop'] as const)('the host key, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await addMachine(front, 'keys', PRINTS_KEYS)
    await front.page.locator('[data-machine=keys]').click()
    await front.page.getByTestId('start').click()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  })
  afterEach(() => front.close())

  const hold = async (key: string) => {
    const { page } = front
    await page.keyboard.down('ControlRight')
    await page.keyboard.press(key)
    await page.keyboard.up('ControlRight')
  }
  const isCaptured = async () =>
    (await front.page.getByTestId('capture').textContent())!.includes('in the machine')
  const host = async (key: string) => {
    if (!(await isCaptured())) {
      await front.page.getByRole('tab', { name: 'Screen' }).click()
      await front.page.getByTestId('screen').click()
    }
    await hold(key)
  }
  const shown = async (keys: string) => {
    if (await isCaptured()) await front.page.keyboard.press('ControlRight')
    await front.page.getByRole('tab', { name: 'Text' }).click()
    await front.page.getByTestId('screen-text').getByText(keys).waitFor()
  }
  const state = (name: string) => front.page.getByTestId('state').getByText(name, { exact: true }).waitFor()
  const dismiss = async () => {
    await front.page.keyboard.press('Escape')
    await front.page.locator('[role=dialog], [role=alertdialog]').waitFor({ state: 'detached' })
  }
  const fastForward = async () => {
    const { page } = front
    if (await isCaptured()) await page.keyboard.press('ControlRight')
    await page.getByRole('menuitem', { name: 'Machine', exact: true }).click()
    const entry = page.getByRole('menuitemcheckbox', { name: /^Fast-forward/ })
    const on = await entry.getAttribute('aria-checked')
    await page.keyboard.press('Escape')
    return on
  }

  it('with another key does what the guide says', { timeout: 240_000 }, async () => {
    const { page } = front
    await host('KeyP')
    await state('Paused')
    await host('KeyP')
    await state('Running')
    await host('KeyS')
    await page.getByRole('dialog').getByRole('heading', { name: 'keys' }).waitFor()
    await dismiss()
    await host('KeyN')
    await page.getByTestId('activity').waitFor()
    await host('KeyR')
    await page.getByRole('alertdialog').getByText('Reset the machine?').waitFor()
    await dismiss()
    await host('KeyG')
    await until(async () => ((await fastForward()) === 'true' ? true : null), 'fast-forward')
    await host('KeyG')
    await until(async () => ((await fastForward()) === 'false' ? true : null), 'the usual speed')
    await host('KeyT')
    await page.getByRole('dialog').getByLabel('Name').waitFor()
    await dismiss()
    await host('KeyQ')
    await page.getByRole('dialog').getByText('Go on in the background').waitFor()
    await dismiss()
    await host('Delete')
    await shown(withCtrlAlt('E0 53', 'E0 D3'))
    await host('Backspace')
    await shown(withCtrlAlt('0E', '8E'))
    await host('F2')
    await shown(withCtrlAlt('3C', 'BC'))
    await host('KeyH')
    await state('Off')
    expect(front.errors).toEqual([])
  })

  it('fills the monitor, where a small toolbar has what is needed, and goes back', async () => {
    const { page } = front
    const isFull = async (wanted: boolean) =>
      until(
        async () => ((await page.evaluate('document.fullscreenElement !== null')) === wanted ? true : null),
        wanted ? 'full screen' : 'the window',
      )
    const bar = page.getByRole('toolbar', { name: 'Full screen' })
    await host('KeyF')
    await isFull(true)
    await bar.getByText('keys').waitFor()
    await front.screenshot('full-screen')
    await hold('KeyF')
    await isFull(false)
    expect(await bar.count()).toBe(0)

    await host('KeyF')
    await isFull(true)
    // The pointer is the guest's until the host key is pressed.
    await page.keyboard.press('ControlRight')
    await bar.getByRole('button', { name: 'Ctrl+Alt+Del' }).click()
    await bar.getByRole('button', { name: 'Leave full screen' }).click()
    await isFull(false)
    await shown(withCtrlAlt('E0 53', 'E0 D3'))
    expect(front.errors).toEqual([])
  })

  // Downloads are the system's dialog in Electron; its double has none.
  if (kind === 'web')
    it('with E takes a screenshot', async () => {
      const { page } = front
      await page.getByTestId('screen').click()
      const [download] = await Promise.all([page.waitForEvent('download'), hold('KeyE')])
      expect(download.suggestedFilename()).toMatch(/^keys .*\.png$/)
    })
})

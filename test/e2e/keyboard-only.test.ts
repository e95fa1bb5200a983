import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests by the keyboard: ${reason}\n`)

/** What has the focus: its role or kind, and what a screen reader calls it. */
const FOCUSED = `(() => {
  const element = document.activeElement
  if (!element || element === document.body) return ''
  const label = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? ''
  const role = element.getAttribute('role') ?? (element.tagName === 'INPUT' ? element.type : element.tagName.toLowerCase())
  return role + ': ' + label.replace(/\\s+/g, ' ').trim()
})()`
/** Further than any dialog is long. */
const MOST_TABS = 60

describe.skipIf(reason).each(['web', 'desktop'] as const)('with the keyboard alone, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(() => front.close())

  const press = (key: string) => front.page.keyboard.press(key)
  const focused = () => front.page.evaluate<string>(FOCUSED)
  const state = (name: string) => front.page.getByTestId('state').getByText(name).waitFor()

  /** Presses a key until what is wanted has the focus. */
  async function reach(wanted: RegExp, key = 'Tab'): Promise<void> {
    const seen: string[] = []
    for (let count = 0; count < MOST_TABS; count++) {
      const now = await focused()
      if (wanted.test(now)) return
      seen.push(now)
      await press(key)
    }
    throw new Error(`${wanted} is not reached by ${key}: ${[...new Set(seen)].join(' | ')}`)
  }

  /** Chooses an entry of the menu of a machine. */
  async function choose(entry: RegExp): Promise<void> {
    await reach(/^button: More/)
    await press('Enter')
    await front.page.getByRole('menu').waitFor()
    await reach(entry, 'ArrowDown')
    await press('Enter')
  }

  it('a machine is made, set, started, saved and removed', async () => {
    const { page, home } = front
    const record = async () =>
      JSON.parse(await readFile(join(home, 'machines', 'by-hand', 'vm.json'), 'utf8')) as VmRecord

    await reach(/^button: New machine/)
    await press('Enter')
    await page.getByRole('dialog').waitFor()
    await reach(/^text: Name/)
    await press('Control+A')
    await page.keyboard.type('By hand')
    await reach(/^button: Create$/)
    await press('Enter')
    await page.getByRole('heading', { name: 'By hand' }).waitFor()

    await reach(/^button: Settings/)
    await press('Enter')
    await page.getByRole('dialog').waitFor()
    await reach(/^tab: General/)
    await reach(/^tab: Memory/, 'ArrowDown')
    await reach(/^number: Memory/)
    await press('Control+A')
    await page.keyboard.type('24')
    await reach(/^button: Save/)
    await press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect((await record()).machine.memoryMiB).toBe(24)
    // The focus is back where the dialog was opened.
    expect(await focused()).toMatch(/^button: Settings/)

    await reach(/^button: Start/, 'Shift+Tab')
    await press('Enter')
    await state('Running')
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()

    // The screen takes the keyboard when it is asked to, and gives it back.
    await reach(/Screen of the machine/)
    await press('Enter')
    await page.getByTestId('capture').getByText('Right Ctrl releases').waitFor()
    await press('Tab') // goes to the guest
    expect(await focused()).toMatch(/Screen of the machine/)
    await press('ControlRight')
    await page.getByTestId('capture').getByText('yours').waitFor()

    await reach(/^button: More/, 'Shift+Tab')
    await choose(/^menuitem: Save state/)
    await state('Saved')

    await choose(/^menuitem: Remove…/)
    await page.getByRole('alertdialog').waitFor()
    await reach(/^button: Delete its folder/)
    await press('Enter')
    await page.locator('[data-machine=by-hand]').waitFor({ state: 'detached' })
    await until(
      async () => ((await readdir(join(home, 'machines'))).includes('by-hand') ? null : true),
      'its folder to leave the library',
    )

    // F8 leads to what the notices offer.
    await press('F8')
    await reach(/^button: Undo/)
    await press('Enter')
    await page.getByRole('heading', { name: 'By hand' }).waitFor()
    expect(front.errors).toEqual([])
  })

  it('the list is walked by arrows, and the overview opens from below it', async () => {
    const { page } = front
    await reach(/^treeitem: Vitrine diagnostics/)
    await press('Enter')
    await reach(/^button: Activity of all machines/)
    await press('Enter')
    await page.getByText('No machine runs.').waitFor()
    await reach(/^treeitem: Vitrine diagnostics/, 'Shift+Tab')
    await press('Enter')
    await page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
    expect(front.errors).toEqual([])
  })
})

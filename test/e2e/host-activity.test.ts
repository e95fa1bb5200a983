import { readFile } from 'node:fs/promises'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of the activity of all machines: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('the activity of all machines, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(() => front.close())

  const page = () => front.page.getByTestId('host-activity')
  const cell = async (id: string, column: string): Promise<number> =>
    parseFloat(
      (await page().locator(`[data-row=${id}] [data-column=${column}]`).textContent())!.replaceAll(',', ''),
    )
  const order = () =>
    front.page.evaluate<string[]>(
      "[...document.querySelectorAll('[data-row]')].map(({ dataset }) => dataset.row)",
    )

  /** A copy of the machine that is there, started. */
  async function startTwo(): Promise<void> {
    const { page: window } = front
    await window.getByTestId('more').click()
    await window.getByRole('menuitem', { name: 'Clone…' }).click()
    await window.getByRole('dialog').getByLabel('Name').fill('Another')
    await window.getByRole('dialog').getByRole('button', { name: 'Clone' }).click()
    await window.getByRole('heading', { name: 'Another' }).waitFor()
    for (const id of ['another', 'vitrine-diagnostics']) {
      await window.locator(`[data-machine=${id}]`).click()
      await window.getByTestId('start').click()
      await window.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    }
  }

  it('shows them side by side; they are sorted, held, saved, and opened from there', async () => {
    const { page: window } = front
    await window.getByTestId('overview').click()
    await page().getByText('No machine runs.').waitFor()
    await window.locator('[data-machine=vitrine-diagnostics]').click()
    await startTwo()
    await window.getByTestId('overview').click()
    await page().locator('[data-row=another]').waitFor()
    // The process of each holds memory, and its guest has a timer.
    for (const id of ['another', 'vitrine-diagnostics']) {
      await until(async () => ((await cell(id, 'interrupts')) > 5 ? true : null), `interrupts of ${id}`)
      expect(await cell(id, 'memoryMiB')).toBeGreaterThan(20)
    }
    await page()
      .getByText(/MiB of .* are free here/)
      .waitFor()
    // A curve for each, of what is chosen.
    const curves = page().getByTestId('machine-curves')
    const curve = curves.locator('[data-curve=another]')
    await until(async () => {
      const points = await curve.locator('polyline').getAttribute('points')
      return points && points.split(' ').length > 3 ? true : null
    }, 'a curve of several looks')
    expect(await curves.locator('figure').count()).toBe(2)
    expect(await curve.textContent()).toContain('%')
    await page().getByLabel('Curves of each machine').selectOption('Memory, MiB')
    await until(
      async () => (parseFloat((await curve.locator('strong').textContent())!) > 20 ? true : null),
      'the memory of a machine',
    )
    await front.screenshot('host-activity')
    await window.evaluate(axe)
    expect(
      await window.evaluate('axe.run(document).then(({ violations }) => violations.map(({ id }) => id))'),
    ).toEqual([])
    await page()
      .getByRole('button', { name: /^Machine( ↑)?$/ })
      .click()
    expect(await order()).toEqual(['another', 'vitrine-diagnostics'])
    await page()
      .getByRole('button', { name: /^Machine( ↑)?$/ })
      .click()
    expect(await order()).toEqual(['vitrine-diagnostics', 'another'])

    await page().getByRole('button', { name: 'Hold' }).click()
    const before = await page().getByRole('table').textContent()
    await window.waitForTimeout(2500)
    expect(await page().getByRole('table').textContent()).toBe(before)
    const coming = window.waitForEvent('download')
    await page().getByRole('button', { name: 'Save as CSV' }).click()
    const lines = (await readFile(await (await coming).path(), 'utf8')).trim().split('\r\n')
    expect(lines[0]).toMatch(/^machine,cpu percent of one processor,memory MiB,/)
    const names = lines.slice(1).map((line) => line.split(',')[0]!)
    expect(names.toSorted()).toEqual(['Another', 'Vitrine diagnostics'])
    const json = window.waitForEvent('download')
    await page().getByRole('button', { name: 'Save as JSON' }).click()
    const saved = JSON.parse(await readFile(await (await json).path(), 'utf8')) as { machines: unknown[] }
    expect(saved.machines).toHaveLength(2)
    await page().getByRole('button', { name: 'Go on' }).click()

    await page().getByRole('button', { name: 'Another' }).click()
    await window.getByRole('heading', { name: 'Another' }).waitFor()
    expect(front.errors).toEqual([])
  })
})

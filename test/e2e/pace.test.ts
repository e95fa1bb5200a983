import { readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('how fast a machine is, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByTestId('start').click()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  })
  afterEach(() => front.close())

  const record = async (): Promise<VmRecord> =>
    JSON.parse(
      await readFile(join(front.home, 'machines', 'vitrine-diagnostics', 'vm.json'), 'utf8'),
    ) as VmRecord
  const pace = () => front.page.getByTestId('pace')
  const choose = async (name: string) => {
    await pace().click()
    await front.page.getByRole('menuitemradio', { name, exact: true }).click()
  }
  /** What the status bar says of the guest's clock, in percent of the host's. */
  const rate = async () => Number(/(\d+) % speed/.exec((await pace().textContent()) ?? '')?.[1] ?? -1)
  const rateOf = (least: number, most: number) =>
    until(
      async () => ((await rate()) >= least && (await rate()) <= most ? true : null),
      `a rate of ${least} to ${most}`,
      90_000,
    )
  // On a busy host a guest falls behind, and makes that good at up to twice the speed: the bounds leave room for it.
  const inTime = () => rateOf(60, 210)
  const fast = () => rateOf(230, 810)
  const slow = () => rateOf(10, 55)

  it('is in time, faster and slower as it is told', { timeout: 300_000 }, async () => {
    const { page } = front
    await inTime()
    await choose('4 times')
    await fast()
    await front.screenshot('fast-forward')
    await choose('0.25 times')
    await slow()
    await choose('As outside')
    await inTime()
    await page.getByRole('menuitem', { name: 'Machine', exact: true }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Fast-forward' }).click()
    await fast()
    expect(front.errors).toEqual([])
  })

  it('is capped, and comes after other programs, while it runs', { timeout: 300_000 }, async () => {
    const { page } = front
    await inTime()
    await choose('25 %')
    await until(async () => ((await record()).execution.capPercent === 25 ? true : null), 'the cap on disk')
    await inTime() // the clock goes on as it did
    await page.getByTestId('settings').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('tab', { name: 'Processor' }).click()
    expect(await dialog.getByLabel('Execution cap').inputValue()).toBe('25')
    await dialog.getByLabel('Execution cap').fill('10')
    await dialog.getByLabel('Priority').selectOption('low')
    await front.screenshot('execution')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect((await record()).execution).toEqual({ capPercent: 10, priority: 'low' })
    const [pid] = await front.machineProcesses()
    expect(getPriority(pid)).toBe(10)
    expect(front.errors).toEqual([])
  })
})

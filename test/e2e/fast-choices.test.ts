import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: choices faster than the host answers: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('choices in menus, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByTestId('start').click()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  })
  afterEach(async () => {
    front.holdHost(false)
    await front.close()
  })

  const record = async (): Promise<VmRecord> =>
    JSON.parse(
      await readFile(join(front.home, 'machines', 'vitrine-diagnostics', 'vm.json'), 'utf8'),
    ) as VmRecord
  const open = (menu: string) => front.page.getByRole('menuitem', { name: menu, exact: true }).click()
  const check = (name: string) => front.page.getByRole('menuitemcheckbox', { name })
  const radio = (name: string) => front.page.getByRole('menuitemradio', { name, exact: true })

  it('made faster than the host answers all hold, and are shown at once', async () => {
    const { page } = front
    front.holdHost(true)
    for (const name of ['Smooth pixels', '4:3 like a monitor of the time', 'Pause in the background']) {
      await open('View')
      await check(name).click()
    }
    await open('View')
    await radio('Whole multiples').click()
    // What is chosen twice is as it was.
    await open('View')
    expect(await check('Pause in the background').getAttribute('aria-checked')).toBe('true')
    expect(await check('Smooth pixels').getAttribute('aria-checked')).toBe('false')
    await check('Pause in the background').click()
    await open('Input')
    await check('Mouse integration').click()
    await page.getByTestId('pace').click()
    await radio('50 %').click()
    await page.getByTestId('pace').click()
    await radio('2 times').click()
    await page.getByTestId('pace').click()
    expect(await radio('2 times').getAttribute('aria-checked')).toBe('true')
    await page.keyboard.press('Escape')
    expect((await record()).display.scaling).toBe('fit')

    front.holdHost(false)
    const display = { scaling: 'integer', smooth: false, monitorAspect: false, pauseOnBlur: false }
    await until(async () => ((await record()).execution.capPercent === 50 ? true : null), 'the last choice')
    expect(await record()).toMatchObject({ display, input: { relativeMouse: true, capture: 'click' } })
    await open('View')
    expect(await check('Smooth pixels').getAttribute('aria-checked')).toBe('false')
    expect(await radio('Whole multiples').getAttribute('aria-checked')).toBe('true')
    expect(front.errors).toEqual([])
  })
})

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: reasons in German: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('reasons in German, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.evaluate("localStorage.setItem('vitrine-locale', 'de')")
    await mkdir(join(front.home, 'machines', 'broken'))
    await front.page.reload()
    await front.page.locator('[data-machine=vitrine-diagnostics]').waitFor()
  })
  afterEach(() => front.close())

  it('are said of a machine whose process died, and of one without a record', async () => {
    const { page } = front
    await page.locator('[data-machine=broken]').click()
    await page.getByText('vm.json fehlt').waitFor()
    await page.locator('[data-machine=vitrine-diagnostics]').click()
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    const [machine] = await until(async () => {
      const found = await front.machineProcesses()
      return found.length > 0 ? found : null
    }, 'the process of the machine')
    process.kill(machine!, 'SIGKILL')
    await page
      .getByRole('alert')
      .getByText(/der Prozess der Maschine (wurde durch|endete mit)/i)
      .waitFor()
    await front.screenshot('german-reason')
    expect(front.errors).toEqual([])
  })
})

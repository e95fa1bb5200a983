import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests: ${reason}\n`)

describe.skipIf(reason)('closing the desktop application while a machine runs', { timeout: 180_000 }, () => {
  let front: Front
  afterEach(() => front.close())

  /** Closes the window and presses a button of the question: save, shut down, power off, cancel. */
  async function quit(answers: number): Promise<void> {
    front = await FRONTS.desktop({ answers })
    await front.page.getByTestId('start').click()
    await front.page.getByTestId('state').getByText('Running').waitFor({ timeout: 60_000 })
    front.closeWindow()
  }
  const folder = () => readdir(join(front.home, 'machines', 'vitrine-diagnostics'))
  const ended = () =>
    until(async () => (front.page.isClosed() ? true : null), 'the application to end', 60_000)

  it('saves its state', async () => {
    await quit(0)
    await ended()
    await until(async () => ((await folder()).includes('saved.state') ? true : null), 'the state')
  })

  it('pulls its plug', async () => {
    await quit(2)
    await ended()
    expect(await folder()).not.toContain('saved.state')
  })

  it('goes on where the question is dismissed', async () => {
    await quit(3)
    await front.page.waitForTimeout(1500)
    expect(front.page.isClosed()).toBe(false)
    expect(await front.machineProcesses()).toHaveLength(1)
    await front.page.getByTestId('state').getByText('Running').waitFor()
  })
})

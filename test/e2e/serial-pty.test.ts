import { constants, openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ReadStream } from 'node:tty'
import { afterEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { hasPty } from '../../src-main/host/serial-links.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine, ECHOES_SERIAL } from './small-machine.ts'

const reason = missing() ?? ((await hasPty()) ? null : 'the package node-pty is not installed')
if (reason) process.stderr.write(`skipped: serial ports as pseudo-terminals: ${reason}\n`)

let front: Front
afterEach(() => front.close())

const dialog = () => front.page.getByRole('dialog')
/** What the first port leads to, in the settings of the machine. */
const leadsTo = () => dialog().locator('[data-setting=serial] select').first()

async function openSerialSettings(): Promise<void> {
  const { page } = front
  await addMachine(front, 'echo', ECHOES_SERIAL)
  await page.locator('[data-machine=echo]').click()
  await page.getByTestId('settings').click()
  await page.getByRole('tab', { name: 'Serial ports' }).click()
}

describe.skipIf(reason).each(['web', 'desktop'] as const)('a serial port, %s', (kind) => {
  it('is a pseudo-terminal of this computer, which another program talks to the guest through', async () => {
    front = await FRONTS[kind]()
    const { page, home } = front
    await openSerialSettings()
    await leadsTo().selectOption({ label: 'Pseudo-terminal' })
    await dialog().getByRole('button', { name: 'Save' }).click()
    await dialog().waitFor({ state: 'detached' })
    const { serial } = JSON.parse(
      await readFile(join(home, 'machines', 'echo', 'vm.json'), 'utf8'),
    ) as VmRecord
    expect(serial).toEqual([{ kind: 'pty' }])

    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await page.getByRole('tab', { name: 'Serial console' }).click()
    const told = (await page.getByText(/It also leads to \S+\./).textContent())!
    const terminal = openSync(/leads to (\S+)\./.exec(told)![1]!, constants.O_RDWR | constants.O_NOCTTY)
    const output = new ReadStream(terminal)
    let heard = ''
    output.on('data', (bytes) => (heard += bytes.toString('latin1')))
    // Nothing on the way takes bytes for line ends or for an interrupt.
    const bytes = 'Hello\r\n\x03\xe4'
    await until(() => {
      if (heard === '') writeSync(terminal, Buffer.from('?'))
      return Promise.resolve(heard.includes('?') ? true : null)
    }, 'the guest to answer')
    heard = ''
    writeSync(terminal, Buffer.from(bytes, 'latin1'))
    await until(() => Promise.resolve(heard.endsWith(bytes) ? true : null), 'what was said to come back')
    // The window shows the same, and talks on the same line.
    await page.getByTestId('serial').getByText('Hello').first().waitFor()
    heard = ''
    await page.getByTestId('serial').click()
    await page.keyboard.type('from the window')
    await until(
      () => Promise.resolve(heard.includes('from the window') ? true : null),
      'what the window said',
    )
    output.destroy()
    expect(front.errors).toEqual([])
  })
})

describe.skipIf(reason)('without the package for pseudo-terminals', () => {
  it('the settings say so, and a machine that has one is not started but says why', async () => {
    front = await FRONTS.web({ bare: true })
    const { page } = front
    await openSerialSettings()
    const choice = leadsTo().locator('option', { hasText: 'Pseudo-terminal: needs the package node-pty' })
    await choice.waitFor({ state: 'attached' })
    expect(await choice.isDisabled()).toBe(true)
    await front.screenshot('serial-without-pty')
    await dialog().getByRole('button', { name: 'Cancel' }).click()

    // It was moved here from a computer that has them.
    await addMachine(front, 'moved', ECHOES_SERIAL, { serial: [{ kind: 'pty' }] })
    await page.locator('[data-machine=moved]').click()
    await page.getByTestId('start').click()
    await page
      .getByText(/the package node-pty is not installed here/)
      .first()
      .waitFor()
    expect(front.errors).toEqual([])
  })
})

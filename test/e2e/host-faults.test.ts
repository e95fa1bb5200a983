import { execFile } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { diskGuest, GUEST_SECTOR_AT } from '../support/disk-guest.ts'
import { FRONTS, missing, PROJECT, until, type Front } from './fronts.ts'

/** A status without and with an error, and the error register behind it. */
const READ = /r5000/
const BAD_READ = /r5140/
const DISK_BYTES = 8 * 2 ** 20

let folder: string
let floppy: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-faults-'))
  floppy = await diskGuest(folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const noProgram = missing({ browser: false })
if (noProgram) process.stderr.write(`skipped: a host that lets a file grow no further: ${noProgram}\n`)

describe.skipIf(noProgram)('a host that lets a file grow no further, on the command line', () => {
  it('is an error of the guest, said once to the user, and the machine goes on', async () => {
    const disk = join(folder, 'disk.img')
    writeFileSync(disk, '')
    truncateSync(disk, DISK_BYTES)
    const steps = ['wait:ready', 'type:r', 'wait:r5000', 'type:w', 'wait:w51', 'type:w', 'wait:w51.*w51']
    const command = ['run', '--accel', 'interpreter', '--floppy', floppy, '--disk', disk, '--timeout', '60']
    const args = [...command, ...[...steps, 'type:r', 'wait:r5000$'].flatMap((step) => ['--do', step])]
    const { status, stderr } = await new Promise<{ status: unknown; stderr: string }>((resolve) =>
      execFile(
        'prlimit',
        [`--fsize=${GUEST_SECTOR_AT}`, process.execPath, join(PROJECT, 'out/cli/index.js'), ...args],
        (error, _, said) => resolve({ status: error ? error.code : 0, stderr: said }),
      ),
    )
    expect(stderr).toBe(
      `vitrine: ${disk}: it could not be written: it is as large as its disk or the rights of this user allow; ` +
        'the guest was given an error of ide0-master and goes on; copy it to a disk that takes larger files, or ' +
        'give this user the right to them\n',
    )
    expect(status).toBe(0)
  })
})

const noBrowser = missing()
if (noBrowser) process.stderr.write(`skipped: an image cut short, in the window: ${noBrowser}\n`)

describe.skipIf(noBrowser).each(['web', 'desktop'] as const)('an image cut short in use, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]({ picks: floppy })
    await front.page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
  })
  afterEach(() => front.close())

  async function seeText(pattern: RegExp): Promise<void> {
    const { page } = front
    await page.getByRole('tab', { name: 'Text' }).click()
    await until(async () => {
      const text = await page
        .getByTestId('screen-text')
        .textContent({ timeout: 1000 })
        .catch(() => '')
      return pattern.test(text ?? '') ? true : null
    }, String(pattern))
    await page.getByRole('tab', { name: 'Screen' }).click()
  }

  async function press(key: string): Promise<void> {
    await front.page.getByTestId('screen').click()
    await front.page.keyboard.press(key)
    await front.page.keyboard.press('ControlRight')
  }

  it('is an error of the guest and a notice for the user, and the machine goes on', async () => {
    const { page } = front
    await page.getByTestId('new').click()
    await page.getByLabel('Name').fill('Faulty')
    const [chooser] = await Promise.all([
      kind === 'web' ? page.waitForEvent('filechooser') : null,
      page.getByRole('button', { name: kind === 'web' ? 'Upload…' : 'Browse…' }).click(),
    ])
    await chooser?.setFiles(floppy)
    await page.getByText('It goes in as a floppy disk.').waitFor()
    await page.getByLabel('New hard disk').check()
    await page.getByLabel('Size in MiB').fill(String(DISK_BYTES / 2 ** 20))
    await page.getByText('Expert').click()
    await page.getByLabel('Format').selectOption('raw')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'Faulty' }).waitFor()
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await seeText(/ready/)
    await press('r')
    await seeText(READ)

    const disk = join(front.home, 'machines', 'faulty', 'disk.img')
    truncateSync(disk, 512)
    await press('r')
    await seeText(BAD_READ)
    const notice = page.getByTestId('notice')
    await notice.getByText('Faulty: the host failed it').waitFor()
    await notice.getByText(`${disk} could not be read: it was cut short after it was opened.`).waitFor()
    await notice.getByText('Shut the guest down and give it a whole copy of the file.').waitFor()
    await front.screenshot('host-fault')

    truncateSync(disk, DISK_BYTES)
    await press('r')
    await seeText(/r5140 r5000/)
    await page.getByRole('tab', { name: 'Log' }).click()
    await page.getByTestId('log').getByText('it was cut short after it was opened').waitFor()
    expect(await notice.count()).toBe(1)
    expect(front.errors).toEqual([])
  })
})

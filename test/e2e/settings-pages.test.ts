import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: every page of the settings: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('every page of the settings, %s', (kind) => {
  let front: Front
  let work: string
  let firmware: string
  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'vitrine-e2e-settings-'))
    firmware = join(work, 'other-bios.bin')
    await writeFile(firmware, new Uint8Array(65_536).fill(0xf4))
    front = await (kind === 'desktop' ? FRONTS.desktop({ picks: firmware }) : FRONTS.web())
    await front.page.locator('[data-machine=vitrine-diagnostics]').click()
  })
  afterEach(async () => {
    await front.close()
    await rm(work, { recursive: true })
  })

  const record = async (): Promise<VmRecord> =>
    JSON.parse(
      await readFile(join(front.home, 'machines', 'vitrine-diagnostics', 'vm.json'), 'utf8'),
    ) as VmRecord
  const dialog = () => front.page.getByRole('dialog')
  const row = (id: string) => dialog().locator(`[data-setting=${id}]`)
  const open = async (page: string) => {
    if ((await dialog().count()) === 0) await front.page.getByTestId('settings').click()
    await dialog().getByRole('tab', { name: page, exact: true }).click()
  }
  const save = async () => {
    await dialog().getByRole('button', { name: 'Save' }).click()
    await dialog().waitFor({ state: 'detached' })
  }
  const choose = (id: string, value: string) => row(id).locator('select').selectOption(value)
  const fill = (id: string, value: string) => row(id).locator('input, textarea').last().fill(value)
  const toggle = (id: string) => row(id).getByRole('switch').click()

  it('keeps on disk what is set on it, and the guest sees it', async () => {
    const { page } = front
    await open('General')
    await fill('name', 'Renamed')
    await choose('icon', 'dos')
    await fill('group', 'Lab/Tests')
    await toggle('template')
    await fill('autoSnapshots', '90')
    await fill('autoSnapshotsKept', '3')
    await open('Processor')
    await choose('cpuModel', '486')
    await choose('accel', 'interpreter')
    await fill('speed', '2.5')
    await fill('cap', '80')
    await choose('priority', 'low')
    await open('Memory')
    const slider = row('memory').getByRole('slider')
    await slider.focus()
    await page.keyboard.press('Home')
    await row('memory').getByText('There is room for this.').waitFor()
    await page.keyboard.press('End')
    expect(await slider.getAttribute('aria-valuetext')).toBe('3072 MiB')
    await fill('memory', '24')
    await open('Start')
    await row('boot').getByRole('button', { name: 'Earlier: CD-ROM' }).click()
    await row('boot').getByRole('checkbox', { name: 'Hard disk' }).check()
    await fill('bootMenu', '100')
    await toggle('reboot')
    await open('Display')
    await choose('scaling', 'integer')
    for (const id of ['monitorAspect', 'smooth', 'pauseOnBlur']) await toggle(id)
    await open('Input')
    await choose('keyboardLayout', 'fr')
    await choose('capture', 'never')
    await choose('clipboard', 'to-guest')
    for (const id of ['relativeMouse', 'clipboardAutomatic']) await toggle(id)
    await open('Clock')
    await toggle('localTime')
    await fill('utcOffset', '120')
    await fill('startTime', '1994-05-06T10:00')
    await open('Serial ports')
    await fill('serialPorts', '2')
    await choose('mouse', 'com1')
    await open('For old systems')
    await fill('cpuidLimit', '2')
    await fill('ideDelay', '250')
    for (const id of ['busyPolling', 'smallTlb', 'hpet']) await toggle(id)
    await row('floppyTypes').getByRole('combobox').first().selectOption('1440')
    await save()

    const { machine, ...kept } = await record()
    expect(kept).toMatchObject({
      name: 'Renamed',
      icon: 'dos',
      group: 'Lab/Tests',
      template: true,
      autoSnapshots: { everyMinutes: 90, keep: 3 },
      execution: { capPercent: 80, priority: 'low' },
      display: { scaling: 'integer', monitorAspect: false, smooth: false, pauseOnBlur: true },
      keyboardLayout: 'fr',
      input: { capture: 'never', relativeMouse: true },
      clipboard: { direction: 'to-guest', automatic: true },
    })
    expect(machine).toMatchObject({
      cpuModel: '486',
      accel: 'interpreter',
      memoryMiB: 24,
      boot: ['cdrom', 'floppy', 'disk'],
      reboot: false,
      serialPorts: 2,
      mouse: 'com1',
      knobs: {
        instructionsPerSecond: 2_500_000,
        bootMenuMs: 100,
        localTime: true,
        utcOffsetMinutes: 120,
        startTimeMs: Date.UTC(1994, 4, 6, 10),
        cpuidLimit: 2,
        ideInterruptDelayUs: 250,
        busyPolling: true,
        smallTlb: true,
        floppyTypes: [1440],
      },
    })

    await open('General')
    await toggle('template')
    await open('Processor')
    await fill('speed', '')
    await choose('accel', 'auto')
    await save()
    expect((await record()).machine.knobs?.instructionsPerSecond).toBeUndefined()
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await page.getByRole('tab', { name: 'Text' }).click()
    const says = (text: RegExp) =>
      until(
        async () => (text.test((await page.getByTestId('screen-text').textContent()) ?? '') ? true : null),
        `the guest to say ${text}`,
        90_000,
      )
    await says(/23 MiB to use/)
    await says(/Real-time clock +1994-05-06 12:/)
    expect(front.errors).toEqual([])
  }, 240_000)

  it('takes other firmware, and gives it back', async () => {
    const { page } = front
    await open('Start')
    const asked = kind === 'web' ? page.waitForEvent('filechooser') : null
    await row('firmware')
      .getByRole('button', { name: /^Firmware/ })
      .click()
    await (await asked)?.setFiles(firmware)
    await row('firmware').getByText('other-bios.bin').waitFor()
    await save()
    const place = kind === 'web' ? join(front.home, 'media', 'other-bios.bin') : firmware
    expect((await record()).machine.firmware).toBe(place)
    await open('Start')
    await row('firmware')
      .getByRole('button', { name: /other-bios\.bin/ })
      .click()
    await row('firmware').getByText('built in').waitFor()
    await save()
    expect((await record()).machine.firmware).toBeUndefined()
    expect(front.errors).toEqual([])
  })
})

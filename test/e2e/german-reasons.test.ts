import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: reasons in German: ${reason}\n`)

/** A qcow2 of version 3 whose header says that its clusters are of 2 to the power of 40 bytes. */
function damagedQcow2(): Uint8Array {
  const bytes = new Uint8Array(65_536)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x51_46_49_fb)
  view.setUint32(4, 3)
  view.setUint32(20, 40)
  view.setUint32(100, 104)
  return bytes
}

describe.skipIf(reason).each(['web', 'desktop'] as const)('reasons in German, %s', (kind) => {
  let front: Front
  let work: string
  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'vitrine-e2e-german-'))
    const machine = join(work, 'machine.sh')
    await writeFile(machine, 'qemu-system-i386 -m 32 -hda https://elsewhere/disk.img\n')
    front = await (kind === 'desktop' ? FRONTS.desktop({ picks: machine }) : FRONTS.web())
    const folder = (name: string) => join(front.home, 'machines', name)
    await front.page.evaluate("localStorage.setItem('vitrine-locale', 'de')")
    await mkdir(folder('broken'))
    await mkdir(folder('nameless'))
    await writeFile(
      join(folder('nameless'), 'vm.json'),
      '{"version": 1, "name": "", "machine": {"version": 1}}',
    )
    await mkdir(join(front.home, 'media'), { recursive: true })
    await writeFile(join(front.home, 'media', 'torn.qcow2'), damagedQcow2())
    await front.page.reload()
    await front.page.locator('[data-machine=vitrine-diagnostics]').waitFor()
  })
  afterEach(async () => {
    await front.close()
    await rm(work, { recursive: true })
  })

  const dialog = () => front.page.getByRole('dialog')

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

  it('are said where they are rare, and what is technical in them is quoted', async () => {
    const { page } = front
    await page.locator('[data-machine=nameless]').click()
    await page.getByText('in vm.json stimmt etwas nicht: „name: the name is empty“').waitFor()

    await page.getByRole('button', { name: 'Medien…', exact: true }).click()
    const image = dialog().locator('[data-image="torn.qcow2"]')
    await image
      .getByText(/der Kopf des Formats qcow2 ist beschädigt: „.*40.*“/)
      .first()
      .waitFor()
    await front.screenshot('german-damaged-image')
    await page.keyboard.press('Escape')

    await page.getByRole('button', { name: 'Maschine übernehmen…', exact: true }).click()
    const asked = kind === 'web' ? page.waitForEvent('filechooser') : null
    await dialog()
      .getByRole('button', { name: kind === 'web' ? 'Hochladen…' : 'Wählen…', exact: true })
      .click()
    await (await asked)?.setFiles(join(work, 'machine.sh'))
    await dialog()
      .locator('[data-outcome=dropped]')
      .getByText(
        'das Abbild "https://elsewhere/disk.img" ist keine Datei, sondern eine Adresse; Adressen werden nie geöffnet',
      )
      .waitFor()
    await front.screenshot('german-import')
    expect(front.errors).toEqual([])
  })
})

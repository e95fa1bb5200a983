import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { source as axe } from 'axe-core'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { planImport } from '../../engine/service/import/import-machine.ts'
import { Media } from '../../engine/service/media/media.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { FRONTS, missing, PROJECT, until, type Front, type FrontOptions } from './fronts.ts'

const run = promisify(execFile)

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of media and import: ${reason}\n`)

const DOMAIN = `<domain><name>Old server</name><memory unit="MiB">48</memory><vcpu>2</vcpu><devices>
  <disk device="disk"><source file="/srv/gone.img"/><target dev="hda" bus="ide"/></disk>
  <disk device="cdrom"><target dev="hdc" bus="ide"/></disk>
  <interface type="user"><model type="e1000"/></interface>
</devices></domain>`

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vitrine-e2e-media-'))
  folders.push(folder)
  return folder
}

describe.skipIf(reason).each(['web', 'desktop'] as const)('media and import, %s', (kind) => {
  let front: Front
  afterEach(() => front.close())

  const button = (name: string) => front.page.getByRole('button', { name, exact: true })
  const dialog = () => front.page.getByRole('dialog')
  const faults = async (): Promise<unknown> => {
    await front.page.evaluate(axe)
    return front.page.evaluate(
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))",
    )
  }

  async function open(options?: FrontOptions): Promise<void> {
    front = await (kind === 'desktop' ? FRONTS.desktop(options) : FRONTS.web())
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  }

  /** Gives a file where the front asks for one: by the system's dialog, whose answer is fixed, or as an upload. */
  async function give(name: string, path: string): Promise<void> {
    const asked = kind === 'web' ? front.page.waitForEvent('filechooser') : null
    await dialog().getByRole('button', { name, exact: true }).click()
    await (await asked)?.setFiles(path)
  }

  it('a machine of another program is accounted for, and made with what it lacks', async () => {
    const work = await newFolder()
    const config = join(work, 'server.xml')
    const disk = join(work, 'found.img')
    await writeFile(config, DOMAIN)
    await writeFile(disk, new Uint8Array(2 ** 20))
    await open({ picks: config })
    const { page, home } = front
    await button('Import a machine…').click()
    await give(kind === 'web' ? 'Upload…' : 'Browse…', config)
    await dialog().getByText('libvirt; 48 MiB, processor max').waitFor()
    await dialog().locator('[data-outcome="dropped"]', { hasText: 'network user e1000' }).waitFor()
    await dialog().locator('[data-outcome="substituted"]', { hasText: '2 vCPU' }).waitFor()
    await dialog().locator('[data-missing="/srv/gone.img"]').waitFor()
    await front.screenshot('import')
    expect(await faults()).toEqual([])
    expect(await readdir(join(home, 'machines'))).toEqual(['vitrine-diagnostics'])
    if (kind === 'web') {
      await give('Give it… /srv/gone.img', disk)
      await dialog().locator('.drives').getByText('found.img').waitFor()
    }
    await dialog().getByLabel('Name').fill('Server, new')
    await dialog().getByRole('button', { name: 'Import' }).click()
    await page.getByRole('heading', { name: 'Server, new' }).waitFor()
    const text = await readFile(join(home, 'machines', 'server-new', 'vm.json'), 'utf8')
    const { machine } = JSON.parse(text) as VmRecord
    expect(machine.memoryMiB).toBe(48)
    expect(machine.drives.map((drive) => drive.kind)).toEqual(kind === 'web' ? ['disk', 'cdrom'] : ['cdrom'])
    expect(front.errors).toEqual([])
  })

  it('the account of a machine is in German where the window is', async () => {
    const work = await newFolder()
    const config = join(work, 'server.xml')
    await writeFile(config, DOMAIN)
    await open({ picks: config })
    await button('Language').click()
    await front.page.getByRole('menuitemradio', { name: 'Deutsch' }).click()
    await button('Maschine übernehmen…').click()
    await give(kind === 'web' ? 'Hochladen…' : 'Wählen…', config)
    const row = (outcome: string, text: string) =>
      dialog().locator(`[data-outcome="${outcome}"]`, { hasText: text })
    await row('dropped', 'network user e1000').getByText('Netzwerkkarten gibt es noch nicht').waitFor()
    await row('substituted', '2 vCPU').getByText('ein Prozessor').waitFor()
    await row('substituted', '2 vCPU').getByText('eine Maschine hat hier einen').waitFor()
    await row('mapped', '48').getByText('48 MiB', { exact: true }).waitFor()
    await front.screenshot('import-german')
    expect(front.errors).toEqual([])
  })

  it('what is no machine of any program is refused in words', async () => {
    const work = await newFolder()
    await writeFile(join(work, 'letter.txt'), 'Dear Sir or Madam')
    await open({ picks: join(work, 'letter.txt') })
    await button('Import a machine…').click()
    await give(kind === 'web' ? 'Upload…' : 'Browse…', join(work, 'letter.txt'))
    await dialog()
      .getByRole('alert')
      .getByText(/no configuration that is known here/)
      .waitFor()
    expect(await dialog().getByRole('button', { name: 'Import' }).isDisabled()).toBe(true)
    // Nothing stays of what was sent, and nothing goes of what is not the library's.
    await until(
      async () => (await readdir(join(front.home, 'media'))).length === 0 || null,
      'it to be removed',
    )
    expect(await readFile(join(work, 'letter.txt'), 'utf8')).toBe('Dear Sir or Madam')
    expect(front.errors).toEqual([])
  })

  it('a machine is written for other programs, with what they lack told first', async () => {
    await open()
    const { page, home } = front
    const openExport = async (): Promise<void> => {
      await page.getByTestId('more').click()
      await page.getByRole('menuitem', { name: 'Export…' }).click()
    }
    await openExport()
    await dialog()
      .getByText(/^serial ports: OVF has none/)
      .waitFor()
    await front.screenshot('export')
    expect(await faults()).toEqual([])
    await dialog().getByRole('button', { name: 'Export' }).click()
    const ova = join(home, 'exports', 'Vitrine-diagnostics.ova')
    await dialog().getByText(`It lies in ${ova}`).waitFor()
    const plan = planImport(ova)
    expect(plan).toMatchObject({ kind: 'OVF', name: 'Vitrine diagnostics' })
    expect(plan.machine.memoryMiB).toBe(32)
    if (kind === 'web') {
      const coming = page.waitForEvent('download')
      await dialog().getByRole('link', { name: 'Vitrine-diagnostics.ova' }).click()
      const download = await coming
      expect((await readFile(await download.path())).equals(await readFile(ova))).toBe(true)
    }
    await dialog().getByLabel('What for').selectOption({ label: 'libvirt: XML and disks in qcow2' })
    await dialog()
      .getByText(/^it runs by KVM/)
      .waitFor()
    await dialog().getByRole('button', { name: 'Export' }).click()
    await dialog()
      .getByText(`It lies in ${join(home, 'exports', 'Vitrine-diagnostics')}`, { exact: true })
      .waitFor()
    const files = await readdir(join(home, 'exports', 'Vitrine-diagnostics'))
    expect(files.toSorted()).toEqual(['Vitrine-diagnostics-floppy-1.img', 'Vitrine-diagnostics.xml'])
    await dialog().getByLabel('What for').selectOption({ label: 'QEMU: a command, on the same images' })
    expect(await dialog().getByLabel('Command').inputValue()).toMatch(/^qemu-system-i386 /)
    expect(front.errors).toEqual([])
  })

  it('a machine is written as the folder of an OVF package, whose disk and sums are right', async () => {
    const work = await newFolder()
    await open()
    const { page, home } = front
    const disk = join(home, 'media', 'office.img')
    const contents = randomBytes(2 ** 20)
    await writeFile(disk, contents)
    const env = { ...process.env, VITRINE_HOME: home }
    const vitrine = (...args: string[]) =>
      run(process.execPath, [join(PROJECT, 'out/cli/index.js'), ...args], { env })
    await vitrine('create', 'Office', '--preset', 'windows-98', '--disk', disk)
    await page.reload()
    await page.locator('[data-machine=office]').click()
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Export…' }).click()
    await dialog().getByLabel('What for').selectOption({ label: 'OVF: the same as a folder' })
    await dialog().locator('.differences li').first().waitFor()
    expect(await readdir(join(home, 'exports')).catch(() => [])).toEqual([])
    await dialog().getByRole('button', { name: 'Export' }).click()
    const folder = join(home, 'exports', 'Office')
    await dialog().getByText(`It lies in ${folder}`, { exact: true }).waitFor()
    await front.screenshot('export-ovf')
    const files = (await readdir(folder)).toSorted()
    expect(files).toEqual(expect.arrayContaining(['Office.mf', 'Office.ovf']))

    // The manifest has every other file, by sums that are theirs.
    const manifest = await readFile(join(folder, 'Office.mf'), 'utf8')
    const sums = [...manifest.matchAll(/^SHA256 ?\((.+)\) ?= ?([0-9a-f]{64})$/gm)]
    expect(sums.map(([, name]) => name!).toSorted()).toEqual(files.filter((name) => !name.endsWith('.mf')))
    for (const [, name, sum] of sums)
      expect(
        createHash('sha256')
          .update(await readFile(join(folder, name!)))
          .digest('hex'),
      ).toBe(sum)

    const plan = planImport(join(folder, 'Office.ovf'))
    expect(plan).toMatchObject({ kind: 'OVF', name: 'Office', missing: [] })
    const { path } = plan.machine.drives!.find((drive) => drive.kind === 'disk')!
    const raw = join(work, 'office.img')
    for (const _ of new Media().convert(path!, raw, { format: 'raw' }));
    expect((await readFile(raw)).equals(contents)).toBe(true)
    if (kind === 'web') {
      const links = dialog().getByRole('list', { name: 'Files' }).getByRole('link')
      expect((await links.allInnerTexts()).map((text) => text.trim()).toSorted()).toEqual(files)
      for (const name of files) {
        const coming = page.waitForEvent('download')
        await dialog().getByRole('link', { name, exact: true }).click()
        const download = await coming
        expect((await readFile(await download.path())).equals(await readFile(join(folder, name)))).toBe(true)
      }
    }
    expect(front.errors).toEqual([])
  })

  it('what takes long goes on without its dialog, and is cancelled in the notification area', async () => {
    await open()
    const { page, home } = front
    const disk = join(home, 'media', 'large.img')
    await writeFile(disk, randomBytes(160 << 20))
    const env = { ...process.env, VITRINE_HOME: home }
    await run(process.execPath, [join(PROJECT, 'out/cli/index.js'), 'create', 'Large', '--disk', disk], {
      env,
    })
    await page.reload()
    await page.locator('[data-machine=large]').click()
    const begin = async (): Promise<void> => {
      await page.getByTestId('more').click()
      await page.getByRole('menuitem', { name: 'Export…' }).click()
      await dialog().getByRole('button', { name: 'Export' }).click()
      await dialog().getByRole('button', { name: 'Go on in the background' }).click()
      await dialog().waitFor({ state: 'detached' })
    }
    const notice = page.getByTestId('notice')
    await begin()
    await notice.getByText('Large is exported…').waitFor()
    await page.locator('[data-testid=notice] progress[value]:not([value="0"])').waitFor()
    await front.screenshot('export-task')
    expect(await faults()).toEqual([])
    await notice.getByRole('button', { name: 'Cancel' }).click()
    await notice.waitFor({ state: 'detached' })
    await until(
      async () => ((await readdir(join(home, 'exports'))).length ? null : true),
      'what is half done to go',
    )
    await begin()
    await notice.getByText('Large is exported', { exact: true }).waitFor({ timeout: 60_000 })
    await notice.getByText(`It lies in ${join(home, 'exports', 'Large.ova')}`).waitFor()
    expect(await readdir(join(home, 'exports'))).toEqual(['Large.ova'])
    expect(front.errors).toEqual([])
  }, 120_000)

  it('media are made of folders, and compared', async () => {
    const work = await newFolder()
    await open()
    const { page, home } = front
    const folder = join(work, 'Good things')
    await mkdir(join(folder, 'inside'), { recursive: true })
    await writeFile(join(folder, 'inside', 'a.txt'), 'first')
    await writeFile(join(folder, 'b.txt'), 'second')

    const make = async (label: string, medium: string): Promise<void> => {
      await button('Media…').click()
      await dialog().getByRole('tab', { name: 'From a folder' }).click()
      await page.getByTestId('medium-folder').setInputFiles(folder)
      await dialog()
        .getByText(/^Good things: \d files/)
        .waitFor()
      await dialog().getByLabel('Medium').selectOption({ label: medium })
      await dialog().getByLabel('Label').fill(label)
      if (label === 'before') {
        await front.screenshot('medium-of-folder')
        expect(await faults()).toEqual([])
      }
      await dialog().getByRole('button', { name: 'Make it' }).click()
      await dialog().waitFor({ state: 'detached' })
    }
    await make('before', 'Floppy, 1.44 MB')
    await page.locator('.title', { hasText: 'before.img is made' }).waitFor()
    await writeFile(join(folder, 'b.txt'), 'third!')
    await writeFile(join(folder, 'new.txt'), 'new')
    await make('after', 'CD (ISO 9660 with Joliet)')
    await page.locator('.title', { hasText: 'after.iso is made' }).waitFor()
    const bytes = new ImageBrowser().read(join(home, 'media', 'after.iso'), 'inside/a.txt', 0, 99, {
      partition: null,
    })
    expect(Buffer.from(bytes).toString()).toBe('first')

    await button('Media…').click()
    await dialog().getByRole('tab', { name: 'Compare' }).click()
    await dialog().getByLabel('Before', { exact: true }).selectOption({ label: 'before.img' })
    await dialog().getByLabel('After', { exact: true }).selectOption({ label: 'after.iso' })
    await dialog().getByRole('button', { name: 'Compare', exact: true }).click()
    await dialog().locator('[data-change="added"]', { hasText: 'new.txt' }).waitFor()
    await dialog().locator('[data-change="changed"]', { hasText: 'b.txt' }).waitFor()
    expect(await dialog().locator('[data-change]').count()).toBe(2)
    await front.screenshot('compare-media')
    expect(await faults()).toEqual([])
    expect(front.errors).toEqual([])
  })
})

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { imageOfFolder } from '../../engine/service/media/folder-image.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { FRONTS, missing, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of files in images: ${reason}\n`)

const DEMO = 'vitrine-diagnostics'
const FIXED = { label: 'SHARED', sizeBytes: 1_474_560, format: 'raw', replaces: true, nowMs: 0 } as const

describe.skipIf(reason).each(['web', 'desktop'] as const)('files on the drives of a machine, %s', (kind) => {
  let front: Front
  let floppy: string
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const { page, home } = front
    await page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
    const shared = join(home, '..', 'shared')
    await mkdir(join(shared, 'A folder'), { recursive: true })
    await writeFile(join(shared, 'hello.txt'), 'hello from the host')
    await writeFile(join(shared, 'A folder', 'inner.bin'), new Uint8Array(300_000).fill(7))
    floppy = join(home, 'machines', DEMO, 'diagnostic.img')
    for (const _ of imageOfFolder(shared, floppy, FIXED));
    await page.getByRole('tab', { name: 'Files' }).click()
    await row('hello.txt').waitFor()
  })
  afterEach(() => front.close())

  const row = (name: string) => front.page.locator(`[data-file="${name}"]`)
  const faults = async (): Promise<unknown> => {
    await front.page.evaluate(axe)
    return front.page.evaluate(
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))",
    )
  }

  it('are shown folder by folder, and can be reached by the keyboard', async () => {
    const { page } = front
    await page.getByLabel('Drive').getByText('diagnostic.img · SHARED · FAT12').waitFor({ state: 'attached' })
    await front.screenshot('files')
    expect(await faults()).toEqual([])
    await page.getByRole('button', { name: 'Open the folder A folder' }).focus()
    await page.keyboard.press('Enter')
    await row('inner.bin').getByText('300,000').waitFor()
    await page
      .getByRole('navigation', { name: 'Folder' })
      .getByRole('button', { name: 'Root folder' })
      .click()
    await row('hello.txt').waitFor()
    await page.emulateMedia({ colorScheme: 'dark' })
    await front.screenshot('files-dark')
    expect(await faults()).toEqual([])
    expect(front.errors).toEqual([])
  })

  it('are copied in, and refused in words when they are there already', async () => {
    const { page } = front
    const picker = page.getByTestId('files-picker')
    const contents = Buffer.from('x'.repeat(500_000))
    await row('A folder').getByRole('button').click()
    await row('inner.bin').waitFor()
    await picker.setInputFiles({ name: 'From the page.txt', mimeType: 'text/plain', buffer: contents })
    await row('From the page.txt').waitFor()
    await page.getByText('From the page.txt is copied in', { exact: true }).waitFor()
    const browser = new ImageBrowser()
    const copied = browser.read(floppy, 'A folder/From the page.txt', 0, 600_000, { partition: null })
    expect(Buffer.from(copied).equals(contents)).toBe(true)
    await picker.setInputFiles({ name: 'inner.bin', mimeType: 'text/plain', buffer: contents })
    await page.locator('.title', { hasText: 'inner.bin is not copied in' }).waitFor()
    await page
      .getByText(/there is a inner.bin in it already/)
      .first()
      .waitFor()
    expect(front.errors).toEqual([])
  })

  it('go in as a folder with all in it', async () => {
    const { page, home } = front
    await page.getByTestId('folder-picker').setInputFiles(join(home, '..', 'shared'))
    await page.getByText('shared is copied in', { exact: true }).waitFor({ timeout: 60_000 })
    await row('shared').getByRole('button').click()
    await row('A folder').getByRole('button').click()
    await row('inner.bin').getByText('300,000').waitFor()
    const copied = new ImageBrowser().read(floppy, 'shared/hello.txt', 6, 100, { partition: null })
    expect(Buffer.from(copied).toString()).toBe('from the host')
    expect(front.errors).toEqual([])
  })

  // A download of the desktop is Electron's, which the double does not have.
  if (kind === 'web')
    it('are copied out as downloads', async () => {
      const { page } = front
      await row('A folder').getByRole('button').click()
      const coming = page.waitForEvent('download')
      await row('inner.bin').getByRole('button', { name: 'Copy inner.bin out' }).click()
      const download = await coming
      expect(download.suggestedFilename()).toBe('inner.bin')
      const contents = await readFile(await download.path())
      expect(contents.equals(Buffer.alloc(300_000, 7))).toBe(true)
    })

  if (kind === 'web')
    it('are copied out folder by folder, as an archive', async () => {
      const { page } = front
      const coming = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Copy this folder out' }).click()
      const download = await coming
      expect(download.suggestedFilename()).toBe('diagnostic.img.zip')
      const archive = Buffer.from(await readFile(await download.path()))
      // Stored as they are: they stand in it.
      expect(archive.includes('hello from the host')).toBe(true)
      expect(archive.includes('A folder/inner.bin')).toBe(true)
      expect(archive.includes(Buffer.alloc(300_000, 7))).toBe(true)
    })
})

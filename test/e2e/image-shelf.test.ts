import { existsSync, statSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Media } from '../../engine/service/media/media.ts'
import type { FormatName } from '../../engine/storage/formats/disk-image.ts'
import { openDisk } from '../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../engine/storage/image-files.ts'
import { floppySector, imdFile, plainRecord } from '../support/storage/floppy-archives.ts'
import { qemuImg, qemuImgMissing } from '../support/storage/qemu-img.ts'
import { FRONTS, missing, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of the images: ${reason}\n`)

const MIB = 2 ** 20

describe.skipIf(reason).each(['web', 'desktop'] as const)('images, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(() => front.close())

  const dialog = () => front.page.getByRole('dialog')
  const button = (name: string) => dialog().getByRole('button', { name, exact: true })
  const row = (name: string) => dialog().locator(`[data-image="${name}"]`)
  const file = (name: string) => join(front.home, 'media', name)
  const media = () => new Media(new HostImageFiles(join(front.home, 'test-locks')))
  const choose = (name: string) => row(name).getByRole('radio').click()

  async function make(name: string, sizeMiB: number | null, below = ''): Promise<void> {
    await button('New disk…').click()
    await dialog().getByLabel('Name').fill(name)
    if (below) await dialog().getByLabel('Builds on').selectOption({ label: below })
    await dialog()
      .getByLabel('Size in MiB')
      .fill(String(sizeMiB ?? ''))
    await button('Make it').click()
    await row(`${name}.qcow2`).waitFor()
  }

  /** As a guest has done it that wrote all over the disk and then nothing but zeros. */
  function writeZeros(name: string, format: FormatName): void {
    const files = new HostImageFiles(join(front.home, 'test-locks'))
    const image = openDisk(files, file(name), { format, writable: true })
    const bytes = new Uint8Array(8 * MIB)
    for (const value of [7, 0]) image.write(0, bytes.length / 512, bytes.fill(value))
    image.flush()
    image.close()
  }

  it('are made, over another too, given another size, mended, converted, compacted and removed', async () => {
    const { page } = front
    await page.getByRole('button', { name: 'Media…', exact: true }).click()
    await make('base', 64)
    await make('child', null, 'base.qcow2')

    // A chain is a tree, and what others build on stays as it is.
    await row('child.qcow2').getByLabel('builds on the one above').waitFor()
    const names = await dialog()
      .locator('[data-image]')
      .evaluateAll((rows) => rows.map((one) => one.getAttribute('data-image')))
    expect(names.indexOf('child.qcow2')).toBe(names.indexOf('base.qcow2') + 1)
    await choose('base.qcow2')
    await dialog()
      .getByText(/^Other images build on it/)
      .waitFor()
    for (const name of ['Resize…', 'Compact…', 'Remove']) expect(await button(name).isDisabled()).toBe(true)
    await front.screenshot('images-in-a-chain')

    await choose('child.qcow2')
    await button('Resize…').click()
    await dialog().getByLabel('Size in MiB').fill('96')
    await button('Resize').click()
    await row('child.qcow2').getByText('96 MB').waitFor()
    expect(media().info(file('child.qcow2')).sizeBytes).toBe(96 * MIB)

    // As a program leaves it that died: its mark says that the counts are not to be trusted.
    const image = await open(file('child.qcow2'), 'r+')
    await image.write(Uint8Array.of(1), 0, 1, 79)
    await image.close()
    await button('Check…').click()
    await button('Check').click()
    await dialog()
      .getByText(/not closed properly/)
      .waitFor()
    await button('Mend it').click()
    await dialog().getByText('It is mended.').waitFor()
    await button('Close').last().click()
    expect(media().check(file('child.qcow2'), false).damage).toEqual([])

    await choose('child.qcow2')
    await button('Convert…').click()
    await dialog().getByLabel('Name').fill('copy')
    await dialog().getByLabel('Format').selectOption('vdi')
    await button('Convert').click()
    await row('copy.vdi').waitFor()
    writeZeros('copy.vdi', 'vdi')
    const before = statSync(file('copy.vdi')).size
    await choose('copy.vdi')
    await button('Compact…').click()
    await button('Compact').click()
    await page.getByTestId('notice').getByText('copy.vdi is compacted', { exact: true }).waitFor()
    expect(statSync(file('copy.vdi')).size).toBeLessThan(before - 7 * MIB)

    await choose('copy.vdi')
    await button('Remove').click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
    await row('copy.vdi').waitFor({ state: 'detached' })
    expect(existsSync(file('copy.vdi'))).toBe(false)
    expect(front.errors).toEqual([])
  })

  it('of archived floppies are copied as sectors, which can be written', async () => {
    const archive = imdFile(plainRecord)
    await writeFile(file('old.imd'), archive)
    await front.page.getByRole('button', { name: 'Media…', exact: true }).click()
    await choose('old.imd')
    await button('Convert…').click()
    const formats = await dialog().getByLabel('Format').getByRole('option').allTextContents()
    expect(formats).toEqual(['raw'])
    await dialog().getByLabel('Name').fill('writable')
    await button('Convert').click()
    await row('writable.img').waitFor()
    const made = await readFile(file('writable.img'))
    expect(made.length).toBe(320 * 512)
    // Its third sector, and the first of the second cylinder.
    expect(made.subarray(2 * 512, 3 * 512)).toEqual(Buffer.from(floppySector(0, 3)))
    expect(made.subarray(8 * 512, 9 * 512)).toEqual(Buffer.from(floppySector(1, 1)))
    expect(await readFile(file('old.imd'))).toEqual(Buffer.from(archive))
    expect(front.errors).toEqual([])
  })

  it('tell what snapshots of QEMU are in them', async ({ skip }) => {
    skip(qemuImgMissing !== '', qemuImgMissing)
    qemuImg('create', '-q', '-f', 'qcow2', file('theirs.qcow2'), '4M')
    for (const name of ['clean', 'with tools']) qemuImg('snapshot', '-c', name, file('theirs.qcow2'))
    await front.page.getByRole('button', { name: 'Media…', exact: true }).click()
    await choose('theirs.qcow2')
    await dialog().getByText('Snapshots of another program inside: clean, with tools').waitFor()
  })

  it('stay as they were after a disposable run', async () => {
    const { page } = front
    const floppy = join(front.home, 'machines', 'vitrine-diagnostics')
    const record = () => readFile(join(floppy, 'vm.json'), 'utf8')
    const before = await record()
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Disposable run' }).click()
    await page.getByTestId('state').getByText('Running').waitFor()
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Save state' }).click()
    await page
      .getByTestId('notice')
      .getByText('What this run writes is thrown away; its state cannot be kept.')
      .waitFor()
    expect(JSON.parse(await record()).machine).toEqual(JSON.parse(before).machine)
  })
})

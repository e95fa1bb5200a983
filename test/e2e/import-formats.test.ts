import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, extname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { openDisk } from '../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../engine/storage/image-files.ts'
import { DISK_BYTE, DISK_BYTES, FOREIGN_MACHINES } from './foreign-machines.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of imports: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('a machine of another program, %s', (kind) => {
  let front: Front
  let work: string
  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'vitrine-e2e-import-'))
  })
  afterEach(async () => {
    await front.close()
    await rm(work, { recursive: true })
  })

  const dialog = () => front.page.getByRole('dialog')
  /** All that may stay of what was sent is a disk: a configuration is no medium. */
  const onlyDiskStays = async (disk: string | null) => {
    await until(async () => {
      const there = await readdir(join(front.home, 'media'))
      return there.every((name) => disk !== null && extname(name) === extname(disk)) || null
    }, 'the configuration that was sent to be removed')
  }
  const machines = async () => (await readdir(join(front.home, 'machines'), { recursive: true })).toSorted()

  /** Gives a file where the front asks for one: by the system's dialog, whose answer is fixed, or as an upload. */
  async function give(name: string, path: string): Promise<void> {
    const asked = kind === 'web' ? front.page.waitForEvent('filechooser') : null
    await dialog().getByRole('button', { name, exact: true }).click()
    await (await asked)?.setFiles(path)
  }

  /** The rows of the account, each with its words in one line. */
  const account = () =>
    dialog()
      .locator('tr[data-outcome]')
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.getAttribute('data-outcome')!,
          ...[0, 2].map((cell) => row.children[cell]!.textContent!.replaceAll(/\s+/g, ' ').trim()),
        ]),
      )

  it.each(FOREIGN_MACHINES)('of $what is accounted for, and made when that is accepted', async (foreign) => {
    foreign.write(work)
    const { file, disk, name } = foreign
    const configuration = join(work, file)
    front = await (kind === 'desktop' ? FRONTS.desktop({ picks: configuration }) : FRONTS.web())
    const { page, home } = front
    await page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
    const before = await machines()

    /** @param again what was sent lies beside the configuration, where its name has no folder in it */
    const look = async (again: boolean): Promise<void> => {
      await page.getByRole('button', { name: 'Import a machine…', exact: true }).click()
      await give(kind === 'web' ? 'Upload…' : 'Browse…', configuration)
      await dialog().getByText(foreign.summary, { exact: true }).waitFor()
      if (kind === 'web' && disk && !(again && disk.name === disk.file)) {
        // A browser sends one file: what that names is told as missing, and sent after it.
        await dialog().locator('[data-outcome=dropped]', { hasText: disk.name }).last().waitFor()
        await give(`Give it… ${disk.name}`, join(work, disk.file))
        await dialog().locator('[data-missing]').waitFor({ state: 'detached' })
      }
      const shown = await account()
      expect(shown.map(([outcome, item]) => [outcome, item])).toEqual(
        foreign.account.map(([outcome, item]) => [outcome, item]),
      )
      for (const [at, [, , words]] of foreign.account.entries()) expect(shown[at]![2]).toMatch(words)
      expect(await machines()).toEqual(before)
    }

    await look(false)
    await dialog().getByRole('button', { name: 'Cancel', exact: true }).click()
    await dialog().waitFor({ state: 'detached' })
    await onlyDiskStays(disk?.file ?? null)
    expect(await machines()).toEqual(before)
    expect(await page.locator('[data-machine]').count()).toBe(1)

    await look(true)
    await front.screenshot(`import-${foreign.file.replaceAll(/\W/g, '-')}`)
    expect(await dialog().getByLabel('Name').inputValue()).toBe(name)
    await dialog().getByRole('button', { name: 'Import', exact: true }).click()
    await page.getByRole('heading', { name, exact: true }).waitFor()
    await page.getByText(`${foreign.machine.memoryMiB} MiB`, { exact: true }).first().waitFor()
    await onlyDiskStays(disk?.file ?? null)
    const id = (await readdir(join(home, 'machines'))).find((one) => one !== 'vitrine-diagnostics')!
    const folder = join(home, 'machines', id)
    const { machine } = JSON.parse(await readFile(join(folder, 'vm.json'), 'utf8')) as VmRecord
    expect(machine).toMatchObject(foreign.machine)
    expect(machine.drives).toMatchObject(foreign.drives)

    // The disk is the one that was named, or a copy of it, with all that is on it.
    const { path, format } = machine.drives.find((drive) => drive.kind === 'disk')!
    await page.getByText(basename(path!), { exact: true }).first().waitFor()
    const place = resolve(folder, path!)
    expect(place.startsWith(folder)).toBe(foreign.isCopied ?? false)
    if (kind === 'desktop' && disk && !foreign.isCopied) expect(place).toBe(join(work, disk.file))
    const image = openDisk(new HostImageFiles(join(home, 'test-locks')), place, { format, writable: false })
    const bytes = new Uint8Array(DISK_BYTES)
    expect(image.sectorCount).toBe(DISK_BYTES / 512)
    image.read(0, image.sectorCount, bytes)
    image.close()
    expect(bytes.every((byte) => byte === DISK_BYTE)).toBe(true)
    expect(front.errors).toEqual([])
  })
})

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { Media } from '../../engine/service/media/media.ts'
import { openDisk } from '../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../engine/storage/image-files.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of snapshots: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('snapshots, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const { page } = front
    await page.getByRole('heading', { name: 'Vitrine', exact: true }).waitFor()
    await page.getByTestId('new').click()
    await page.getByPlaceholder('Search systems').fill('nt 4')
    await page.getByRole('option', { name: 'Windows NT 4.0' }).click()
    await page.getByLabel('Memory').fill('128')
    await page.getByLabel('Size in MiB').fill('8')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'Windows NT 4.0' }).waitFor()
    await page.getByRole('tab', { name: 'Snapshots' }).click()
  })
  afterEach(() => front.close())

  const folder = (id = 'windows-nt-4-0') => join(front.home, 'machines', id)
  const record = async (id?: string): Promise<VmRecord> =>
    JSON.parse(await readFile(join(folder(id), 'vm.json'), 'utf8')) as VmRecord
  const row = (name: string) => front.page.locator(`[data-snapshot="${name}"]`)
  const button = (name: string) => front.page.getByRole('button', { name, exact: true })

  async function take(name: string): Promise<void> {
    const { page } = front
    await button('Take a snapshot…').click()
    await page.getByRole('dialog').getByLabel('Name').fill(name)
    await page.getByRole('dialog').getByLabel('Notes').fill(`notes of ${name}`)
    await page.getByRole('dialog').getByRole('button', { name: 'Take' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await row(name).waitFor()
  }

  it('are taken, gone back to with what is there kept, edited, and deleted', async () => {
    const { page } = front
    await page.getByText('There are no snapshots yet.').waitFor()
    await take('one')
    await take('two')
    await row('two').getByText('here now').waitFor()
    await row('one').click()
    await page.getByText('notes of one').waitFor()
    await button('Go back here…').click()
    await page.getByRole('dialog').getByLabel('Name').fill('kept')
    await page.getByRole('dialog').getByRole('button', { name: 'Go back' }).click()
    await row('one').getByText('here now').waitFor()
    await row('kept').waitFor()
    await front.screenshot('snapshots')
    await page.evaluate(axe)
    const faults =
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
    expect(await page.evaluate(faults)).toEqual([])
    await button('Compare…').click()
    await page.getByRole('dialog').getByLabel('Compare with').selectOption({ label: 'two' })
    await page.getByRole('dialog').getByRole('button', { name: 'Compare' }).click()
    await page.getByRole('dialog').getByText('The settings are the same.').waitFor()
    await page
      .getByRole('dialog')
      .getByText(/no file system on it can be read/)
      .waitFor()
    await front.screenshot('snapshots-compared')
    await page.evaluate(axe)
    expect(await page.evaluate(faults)).toEqual([])
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await button('Edit…').click()
    await page.getByRole('dialog').getByLabel('Name').fill('first')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await row('first').waitFor()
    await row('kept').click()
    await button('Delete…').click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
    await row('kept').waitFor({ state: 'detached' })
    const { snapshots } = await record()
    expect(snapshots!.snapshots.map(({ name, notes }) => [name, notes])).toEqual([
      ['first', 'notes of one'],
      ['two', 'notes of two'],
    ])
    await expectQuickWith(300)
    expect(front.errors).toEqual([])
  })

  /** A list of so many snapshots, in a row with branches off it, is opened, scrolled, chosen from and searched at once. */
  async function expectQuickWith(count: number): Promise<void> {
    const { page } = front
    const { snapshots, ...rest } = await record()
    const id = (at: number) => at.toString(16).padStart(12, '0')
    const many = Array.from({ length: count }, (_, at) => ({
      id: id(at),
      parent: at === 0 ? null : id(at % 10 === 9 ? at - 2 : at - 1),
      name: `number ${at}`,
      notes: at % 50 === 7 ? 'before the drivers' : '',
      takenAtMs: 1_700_000_000_000 + at * 60_000,
      machine: { ...rest.machine, drives: [] },
      hasState: false,
      hasPicture: false,
    }))
    const tree = { ...snapshots!, snapshots: many, current: id(count - 1), startFrom: null }
    await page.getByRole('tab', { name: 'Details' }).click()
    await writeFile(join(folder(), 'vm.json'), JSON.stringify({ ...rest, snapshots: tree }))
    const took: Record<string, number> = {}
    const timed = async (what: string, work: () => Promise<unknown>) => {
      const began = performance.now()
      await work()
      took[what] = Math.round(performance.now() - began)
    }
    await timed('opened', async () => {
      await page.getByRole('tab', { name: 'Snapshots' }).click()
      await row(`number ${count - 1}`).waitFor()
    })
    await timed('scrolled', () => row(`number ${count - 1}`).scrollIntoViewIfNeeded())
    await timed('chosen', async () => {
      await row('number 150').click()
      await page.getByRole('heading', { name: 'number 150', exact: true }).waitFor()
    })
    await timed('searched', async () => {
      await page.getByLabel('Find a snapshot').fill('DRIVERS')
      await row('number 8').waitFor({ state: 'detached' })
    })
    expect(await page.locator('[data-snapshot]').count()).toBe(count / 50)
    console.log(`${count} snapshots: ${JSON.stringify(took)} ms`)
    for (const ms of Object.values(took)) expect(ms).toBeLessThan(3000)
  }

  it('become machines of their own, and are what every start goes back to', async () => {
    const { page } = front
    await take('base')
    await page.getByLabel('Start from here every time').click()
    await until(
      async () => ((await record()).snapshots?.startFrom ? true : null),
      'the record to say where it starts',
    )
    await button('Clone…').click()
    await page.getByRole('dialog').getByLabel('Name').fill('Twin')
    await page.getByRole('dialog').getByText('Linked').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Clone' }).click()
    await page.getByRole('heading', { name: 'Twin' }).waitFor()
    expect((await readdir(folder('twin'))).filter((name) => name.endsWith('.qcow2'))).toHaveLength(1)
    const disk = (await record('twin')).machine.drives.find((drive) => drive.kind === 'disk')
    expect(disk!.allowed).toEqual([join(folder(), 'disk.qcow2')])
    await page.getByTestId('start').click()
    await page.getByTestId('state').getByText('Running').waitFor()
    expect(front.errors).toEqual([])
  })

  it('become machines with disks of their own, which nothing that is written later changes', async () => {
    const { page } = front
    const files = new HostImageFiles(join(front.home, 'test-locks'))
    const diskOf = async (id?: string) =>
      (await record(id)).machine.drives.find((drive) => drive.kind === 'disk')!
    const place = async (id?: string) => join(folder(id), (await diskOf(id)).path!)
    /** As the guest of a machine that is off would have written or read its first sectors. */
    const onDisk = async (id: string | undefined, value: number | null): Promise<number> => {
      const image = openDisk(files, await place(id), { format: 'qcow2', writable: value !== null })
      const bytes = new Uint8Array(4096)
      if (value === null) image.read(0, bytes.length / 512, bytes)
      else image.write(0, bytes.length / 512, bytes.fill(value))
      image.flush()
      image.close()
      expect(new Set(bytes).size).toBe(1)
      return bytes[0]!
    }
    await onDisk(undefined, 0x11)
    await take('old')
    await onDisk(undefined, 0x22)
    await row('old').click()
    await button('Clone…').click()
    await page.getByRole('dialog').getByLabel('Name').fill('Own')
    expect(await page.getByRole('dialog').getByText('Linked').isChecked()).toBe(false)
    await page.getByRole('dialog').getByRole('button', { name: 'Clone' }).click()
    await page.getByRole('heading', { name: 'Own', exact: true }).waitFor()
    expect((await diskOf('own')).allowed ?? []).toEqual([])
    expect((await record('own')).snapshots?.snapshots ?? []).toEqual([])
    expect(new Media(files).info(await place('own')).backing).toBeNull()
    expect([await onDisk(undefined, null), await onDisk('own', null)]).toEqual([0x22, 0x11])

    // Each writes on its own disk, and the copy goes on when what it was made of goes away.
    await onDisk(undefined, 0x33)
    expect(await onDisk('own', null)).toBe(0x11)
    await onDisk('own', 0x44)
    expect(await onDisk(undefined, null)).toBe(0x33)
    await page.getByTestId('start').click()
    await page.getByTestId('state').getByText('Running').waitFor()
    await page.locator('[data-machine=windows-nt-4-0]').click()
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await row('old').click()
    await button('Delete…').click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
    await row('old').waitFor({ state: 'detached' })
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Remove…' }).click()
    await button('Keep its folder').click()
    await page.locator('[data-machine=windows-nt-4-0]').waitFor({ state: 'detached' })
    await page.getByTestId('state').getByText('Running').waitFor()
    await page.getByRole('button', { name: 'Power off', exact: true }).click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Power off' }).click()
    await page.getByTestId('state').getByText('Off').waitFor()
    expect(await onDisk('own', null)).toBe(0x44)
    expect(front.errors).toEqual([])
  })

  it('are taken for a linked clone of a machine as it is now', async () => {
    const { page } = front
    await page.getByText('There are no snapshots yet.').waitFor()
    await page.getByTestId('more').click()
    await page.getByRole('menuitem', { name: 'Clone…' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('Linked now')
    await page
      .getByRole('dialog')
      .getByRole('checkbox', { name: /^Linked/ })
      .check()
    await front.screenshot('clone-linked')
    await page.getByRole('dialog').getByRole('button', { name: 'Clone' }).click()
    await page.getByRole('heading', { name: 'Linked now' }).waitFor()
    const disk = (await record('linked-now')).machine.drives.find((drive) => drive.kind === 'disk')
    expect(disk!.allowed).toEqual([join(folder(), 'disk.qcow2')])
    await page.getByTestId('start').click()
    await page.getByTestId('state').getByText('Running').waitFor()
    await page.locator('[data-machine=windows-nt-4-0]').click()
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await row('Linked now').waitFor()
    expect(front.errors).toEqual([])
  })

  it('are taken of a machine that runs, and gone back to with its memory', async () => {
    const { page } = front
    const running = () => page.getByTestId('state').getByText('Running').waitFor()
    await page.getByRole('tab', { name: 'Details' }).click()
    await page.getByTestId('start').click()
    await running()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await take('live')
    await row('live').getByLabel('with memory').waitFor()
    await take('live too')
    await button('Compare…').click()
    await page.getByRole('dialog').getByLabel('Compare with').selectOption({ label: 'live too' })
    await page.getByRole('dialog').getByRole('button', { name: 'Compare' }).click()
    await page
      .getByRole('dialog')
      .getByText(/^Memory: \d+ of \d+ pages differ/)
      .waitFor()
    await page.getByRole('dialog').getByAltText('Screen at live too').waitFor()
    // Byte by byte: each page that differs does so somewhere, on both sides.
    const bytes = page.getByRole('dialog').getByRole('region', { name: /^Memory from [0-9a-f]{8} on/ })
    await bytes.locator('mark').first().waitFor()
    expect(await bytes.locator('tbody tr').count()).toBe(256)
    const marks = await bytes.locator('mark').count()
    expect(marks).toBeGreaterThan(0)
    expect(marks % 2).toBe(0)
    await front.screenshot('snapshots-compared-live')
    const next = page.getByRole('dialog').getByRole('button', { name: 'Next page that differs' })
    if (await next.isEnabled()) {
      const shown = await bytes.getAttribute('data-page')
      await next.click()
      await page.locator(`[data-page]:not([data-page="${shown}"])`).waitFor()
      await bytes.locator('mark').first().waitFor()
    }
    await page.evaluate(axe)
    const faults =
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
    expect(await page.evaluate(faults)).toEqual([])
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await page.getByRole('img', { name: 'Screen at this snapshot' }).waitFor()
    await running()
    await button('Go back here…').click()
    await page.getByRole('dialog').getByLabel('Name').fill('kept')
    await page.getByRole('dialog').getByRole('button', { name: 'Go back' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await running()
    const { snapshots } = await record()
    expect(
      snapshots!.snapshots.map(({ name, hasState, isComplete }) => [name, hasState, isComplete]),
    ).toEqual([
      ['live', true, true],
      ['live too', true, true],
      ['kept', true, true],
    ])
    // Deleted while it runs, it leaves no file: the layers go into the one below, beside the guest.
    const layers = async () => (await readdir(folder())).filter((name) => name.startsWith('layer-')).length
    const before = await layers()
    await page.getByRole('tab', { name: 'Snapshots' }).click()
    await row('live too').click()
    await button('Delete…').click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
    await row('live too').waitFor({ state: 'detached' })
    await until(async () => ((await layers()) < before ? true : null), 'its layer to be merged')
    await running()
    // It is noted after the layer has gone.
    const log = await until(async () => {
      const text = await readFile(join(folder(), 'logs', 'machine.log'), 'utf8')
      return /what deleted snapshots left is merged, in \d+ ms/.test(text) ? text : null
    }, 'the merge to be noted')
    expect(log).not.toMatch(/not merged/)
    console.log(/the guest stood for \d+ ms/.exec(log)?.[0])
    expect(log).toMatch(/the guest stood for \d+ ms/)
    expect(front.errors).toEqual([])
  })
})

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { source as axe } from 'axe-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { FRONTS, missing, type Front } from './fronts.ts'
import { addMachine } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: end-to-end tests of a shared folder: ${reason}\n`)

/**
 * Waits for a FAT12 floppy of 1.44 MB in the second drive, puts an empty file into its root folder, sector 2 of head 1,
 * changes the first letter of its first file, sector 16 of head 1, and switches itself off.
 */
const WRITES_ON_THE_SECOND_FLOPPY = `
    sti
    cld
  again:
    xor ax, ax
    mov dl, 1
    int 0x13 ; reset, until there is a disk
    mov ax, 0x0201
    mov cx, 2
    call transfer
    jc again
    mov di, 0x8000
  look:
    cmp byte [di], 0
    je free
    add di, 32
    jmp look
  free:
    mov si, entry
    mov cx, 32
    rep movsb
    mov ax, 0x0301
    mov cx, 2
    call transfer
    jc stop
    mov ax, 0x0201
    mov cx, 16
    call transfer
    jc stop
    mov byte [0x8000], 'J'
    mov ax, 0x0301
    mov cx, 16
    call transfer
    jc stop
    mov dx, 0x604
    mov ax, 0x2000
    out dx, ax
  stop:
    jmp stop
  transfer:
    mov dx, 0x0101
    mov bx, 0x8000
    int 0x13
    ret
  entry:
    db 'ADDED   TXT', 0x20
    times 20 db 0
`

describe.skipIf(reason).each(['web', 'desktop'] as const)('a folder of the host for a guest, %s', (kind) => {
  let front: Front
  let folder: string
  beforeEach(async () => {
    const work = await mkdtemp(join(tmpdir(), 'vitrine-e2e-shared-'))
    folder = join(work, 'shared')
    await mkdir(folder)
    await writeFile(join(folder, 'HELLO.TXT'), 'hello from the host')
    front = await FRONTS[kind]({ picks: folder })
    await front.page.getByRole('heading', { name: 'Vitrine diagnostics' }).waitFor()
  })
  afterEach(async () => {
    await front.close()
    await rm(join(folder, '..'), { recursive: true })
  })

  const dialog = () => front.page.getByRole('dialog')
  const mediaDialog = async (tab: string): Promise<void> => {
    await front.page.getByRole('button', { name: 'Media…', exact: true }).click()
    await dialog().getByRole('tab', { name: tab }).click()
  }
  async function makeFloppy(label: string): Promise<void> {
    const { page } = front
    await mediaDialog('From a folder')
    await page.getByTestId('medium-folder').setInputFiles(folder)
    await dialog().getByText('shared: 1 file').waitFor()
    await dialog().getByLabel('Medium').selectOption({ label: 'Floppy, 1.44 MB' })
    await dialog().getByLabel('Label').fill(label)
    await dialog().getByRole('button', { name: 'Make it' }).click()
    await page.locator('.title', { hasText: `${label}.img is made` }).waitFor()
  }

  /** The guest has it in its second drive until it has written to it. */
  async function letGuestWrite(name: string): Promise<void> {
    const { page } = front
    const drives = [
      { kind: 'floppy', path: 'boot.img' },
      { kind: 'floppy', path: null },
    ]
    await addMachine(front, 'writer', WRITES_ON_THE_SECOND_FLOPPY, {
      machine: { version: 1, memoryMiB: 4, drives },
    })
    await page.locator('[data-machine=writer]').click()
    await page.getByTestId('start').click()
    await page.getByTestId('state').getByText('Running').waitFor()
    await page.locator('footer').getByRole('button', { name: 'empty' }).click()
    await page.getByRole('menuitem', { name }).click()
    await page.getByTestId('state').getByText('Off').waitFor()
  }

  async function checkAccess(): Promise<void> {
    await front.page.evaluate(axe)
    const faults =
      "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target)))"
    expect(await front.page.evaluate(faults)).toEqual([])
  }

  /** The browser's dialog cannot be answered from here: the folder that it lends is one that pages have of their own. */
  async function lendFolder(files: Record<string, string>): Promise<void> {
    await front.page.evaluate(async (given) => {
      const lent = await navigator.storage.getDirectory()
      for (const [name, text] of Object.entries(given)) {
        const file = await (await lent.getFileHandle(name, { create: true })).createWritable()
        await file.write(text)
        await file.close()
      }
      Object.assign(window, { showDirectoryPicker: () => Promise.resolve(lent) })
    }, files)
  }
  const textOf = (name: string): Promise<string> =>
    kind === 'desktop'
      ? readFile(join(folder, name), 'utf8')
      : front.page.evaluate(async (wanted) => {
          const lent = await navigator.storage.getDirectory()
          return (await (await lent.getFileHandle(wanted)).getFile()).text()
        }, name)

  it('is looked through after the guest wrote, and what is chosen is taken over', async () => {
    const { page } = front
    await makeFloppy('given')
    await letGuestWrite('given.img')
    if (kind === 'web') await lendFolder({ 'HELLO.TXT': 'hello from the host' })
    const review = async (): Promise<void> => {
      await dialog().locator('[data-image="given.img"]').getByRole('radio').check()
      await dialog().getByRole('button', { name: 'Review changes…' }).click()
    }
    await mediaDialog('Images')
    await review()
    await dialog().locator('[data-change="changed"]', { hasText: 'HELLO.TXT' }).waitFor()
    expect(await dialog().locator('[data-change]').count()).toBe(2)
    await dialog().getByText('since this medium was made of the folder shared').waitFor()
    await front.screenshot('folder-review')
    await checkAccess()

    const saved = kind === 'web' ? page.waitForEvent('download') : null
    if (saved) {
      await dialog().getByRole('button', { name: 'Save as an archive' }).click()
      expect((await saved).suggestedFilename()).toBe('shared.zip')
    }
    const take = dialog().getByRole('button', { name: 'Take over into a folder…' })
    const question = page.getByRole('alertdialog')
    await take.click()
    await question.getByText('1 file of the folder is replaced or removed: HELLO.TXT').waitFor()
    await question.getByRole('button', { name: 'Cancel' }).click()
    expect(await textOf('HELLO.TXT')).toBe('hello from the host')
    await expect(textOf('ADDED.TXT')).rejects.toThrow(/ENOENT|not be found/)
    await take.click()
    await question.getByRole('button', { name: 'Replace' }).click()
    await page.locator('.title', { hasText: '2 changes are taken over' }).waitFor()
    expect(await textOf('HELLO.TXT')).toBe('Jello from the host')
    expect(await textOf('ADDED.TXT')).toBe('')

    await dialog().getByRole('button', { name: 'Discard these…' }).click()
    await question.getByRole('button', { name: 'Discard these…' }).click()
    await review()
    await dialog().getByText('Nothing has changed.').waitFor()
    expect(front.errors).toEqual([])
  })

  it('goes in as a floppy while it runs, and shows what the guest changed; the folder stays as it was', async () => {
    const { page, home } = front
    await makeFloppy('kept')
    await makeFloppy('given')
    await letGuestWrite('given.img')

    await mediaDialog('Compare')
    await dialog().getByLabel('Before', { exact: true }).selectOption({ label: 'kept.img' })
    await dialog().getByLabel('After', { exact: true }).selectOption({ label: 'writer: given.img' })
    await dialog().getByRole('button', { name: 'Compare', exact: true }).click()
    await dialog().locator('[data-change="added"]', { hasText: 'ADDED.TXT' }).waitFor()
    await dialog().locator('[data-change="changed"]', { hasText: 'HELLO.TXT' }).waitFor()
    expect(await dialog().locator('[data-change]').count()).toBe(2)
    await front.screenshot('shared-folder-changes')
    await checkAccess()
    await dialog().getByRole('button', { name: 'Close' }).last().click()

    // The guest had an image of it: the folder is for its user to change, after a look at what there is.
    expect(await readFile(join(folder, 'HELLO.TXT'), 'utf8')).toBe('hello from the host')
    const given = join(home, 'media', 'given.img')
    const bytes = new ImageBrowser().read(given, 'HELLO.TXT', 0, 99, { partition: null })
    expect(Buffer.from(bytes).toString()).toBe('Jello from the host')
    await page.getByRole('tab', { name: 'Files' }).click()
    await page.getByLabel('Drive').selectOption({ label: 'given.img · GIVEN · FAT12' })
    await page.locator('[data-file="ADDED.TXT"]').waitFor()
    if (kind === 'web') {
      const coming = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Copy HELLO.TXT out' }).click()
      const download = await coming
      expect(await readFile(await download.path(), 'utf8')).toBe('Jello from the host')
    }
    expect(front.errors).toEqual([])
  })
})

import { readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine, ECHOES_SERIAL, PRINTS_KEYS } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: controls of a machine's window: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('controls of a window, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  })
  afterEach(() => front.close())

  const start = async (id: string) => {
    const { page } = front
    await page.locator(`[data-machine=${id}]`).click()
    await page.getByTestId('start').click()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  }
  const choose = async (menu: string, entry: string | RegExp) => {
    await front.page.getByRole('menuitem', { name: menu, exact: true }).click()
    const entries = front.page.getByRole('menu')
    await entries
      .getByRole('menuitem', { name: entry })
      .or(entries.getByRole('menuitemcheckbox', { name: entry }))
      .or(entries.getByRole('menuitemradio', { name: entry }))
      .click()
  }
  const state = (name: string) => front.page.getByTestId('state').getByText(name, { exact: true }).waitFor()
  const notice = (text: string) => front.page.getByTestId('notice').getByText(text).waitFor()
  const shown = async (text: string) => {
    await front.page.getByRole('tab', { name: 'Text' }).click()
    await front.page.getByTestId('screen-text').getByText(text).waitFor()
    await front.page.getByRole('tab', { name: 'Screen' }).click()
  }

  it('pause it in the background, size its picture, copy it, and type what was copied', async () => {
    const { page } = front
    await addMachine(front, 'keys', PRINTS_KEYS)
    await start('keys')
    const screen = page.getByTestId('screen')
    await choose('View', 'Whole multiples')
    await until(
      async () => ((await screen.boundingBox())!.height % 400 === 0 ? true : null),
      'whole multiples of its lines',
    )
    await choose('View', '4:3 like a monitor of the time')
    await until(async () => {
      const { width, height } = (await screen.boundingBox())!
      return width % 720 === 0 && height % 400 === 0 ? true : null
    }, 'whole multiples of its pixels')
    const isDrawn = async (how: string) =>
      (await screen.getAttribute('style'))!.includes(`image-rendering: ${how}`) ? true : null
    await choose('View', 'As large as fits')
    await until(
      async () => ((await screen.boundingBox())!.height % 400 === 0 ? null : true),
      'as large as fits',
    )
    await until(() => isDrawn('auto'), 'smooth pixels')
    await choose('View', 'Smooth pixels')
    await until(() => isDrawn('pixelated'), 'hard edges')

    await page.evaluate("navigator.clipboard.writeText('ab')")
    await choose('Input', 'Paste as keystrokes')
    await shown('1E 9E 30 B0')
    await choose('View', 'Copy screenshot')
    await notice('The screenshot is in the clipboard')
    expect(
      await page.evaluate('navigator.clipboard.read().then((items) => items.flatMap(({ types }) => types))'),
    ).toContain('image/png')

    await choose('View', 'Pause in the background')
    await page.waitForTimeout(500)
    // A browser without a screen does not tell a page that another window is before it.
    await page.evaluate("window.dispatchEvent(new Event('blur'))")
    await state('Paused')
    await page.evaluate("window.dispatchEvent(new Event('focus'))")
    await state('Running')
    expect(front.errors).toEqual([])
  })

  it('take an image that is dropped on the icon of a drive', async () => {
    const { page } = front
    await start('vitrine-diagnostics')
    await page.locator('footer').getByRole('button', { name: 'diagnostic.img' }).waitFor()
    const image = await readFile(join(front.home, 'machines', 'vitrine-diagnostics', 'diagnostic.img'))
    // A browser does not tell where a file lies, and the double takes its name for that.
    const place = join(front.home, 'another.img')
    await writeFile(place, image)
    const name = JSON.stringify(kind === 'web' ? 'another.img' : place)
    const file = `new File([Uint8Array.from(atob('${image.toString('base64')}'), (c) => c.charCodeAt(0))], ${name})`
    const data = await page.evaluateHandle(
      `(() => { const transfer = new DataTransfer(); transfer.items.add(${file}); return transfer })()`,
    )
    await page
      .locator('footer')
      .getByRole('button', { name: 'diagnostic.img' })
      .dispatchEvent('drop', { dataTransfer: data })
    await page.locator('footer').getByRole('button', { name: 'another.img' }).waitFor()
    expect(front.errors).toEqual([])
  })

  it('lead serial ports to a TCP port and to a file', async () => {
    const { page } = front
    await addMachine(front, 'echo', ECHOES_SERIAL)
    const port = await freePort()
    await page.locator('[data-machine=echo]').click()
    await page.getByTestId('settings').click()
    await page.getByRole('tab', { name: 'Serial ports' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('[data-setting=serial] select').nth(0).selectOption({ label: 'TCP port' })
    await dialog.getByLabel('TCP port of COM1').fill(String(port))
    await dialog
      .locator('[data-setting=serial] select')
      .nth(1)
      .selectOption({ label: 'File in the machine’s folder' })
    await dialog.getByLabel('File of COM2').fill('said.txt')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    await start('echo')
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.on('data', (bytes) => (heard += bytes.toString()))
    await until(async () => {
      socket.write('?')
      return Promise.resolve(heard.includes('?') ? true : null)
    }, 'the echo')
    socket.destroy()
    const file = join(front.home, 'machines', 'echo', 'said.txt')
    await until(async () => ((await readFile(file, 'utf8')).includes('?') ? true : null), 'the file')
    expect(front.errors).toEqual([])
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

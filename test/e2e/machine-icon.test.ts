import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VM_PICTURE_SIDE } from '../../engine/protocol/vm-picture.ts'
import { encodePng } from '../../engine/service/png.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: icons of machines: ${reason}\n`)

const DEMO = 'vitrine-diagnostics'
/** A red left half and a blue right one, that would run a script and fetch a file if it could. */
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">
  <script>document.title = 'taken over'</script>
  <image href="http://127.0.0.1:9/pixel.png" width="1" height="1"/>
  <rect width="20" height="40" fill="#f00"/><rect x="20" width="20" height="40" fill="#00f"/>
</svg>`

describe.skipIf(reason).each(['web', 'desktop'] as const)('the icon of a machine, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    await front.page.locator(`[data-machine=${DEMO}]`).waitFor()
  })
  afterEach(() => front.close())

  const file = (): string => join(front.home, 'machines', DEMO, 'icon.png')
  const picture = (): Promise<Buffer | null> => readFile(file()).catch(() => null)

  async function openSettings(): Promise<void> {
    await front.page.getByTestId('settings').click()
    await front.page.getByTestId('icon-setting').waitFor()
  }
  const save = () => front.page.getByRole('button', { name: 'Save', exact: true }).click()

  async function choose(name: string, mimeType: string, buffer: Buffer): Promise<void> {
    const [chooser] = await Promise.all([
      front.page.waitForEvent('filechooser'),
      front.page.getByRole('button', { name: 'Own picture…' }).click(),
    ])
    await chooser.setFiles({ name, mimeType, buffer })
  }

  /** Colours of two places of the picture that the page shows, as it has drawn them. */
  const colours = (): Promise<number[][]> =>
    front.page.evaluate(`(() => {
      const image = document.querySelector('[data-testid=own-picture]')
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d')
      canvas.drawImage(image, 0, 0)
      return [32, 96].map((x) => [...canvas.getImageData(x, 64, 1, 1).data])
    })()`)

  it('can be a picture of any kind, which is drawn anew and kept beside the machine', async () => {
    const { page } = front
    await openSettings()
    await choose('mine.svg', 'image/svg+xml', Buffer.from(SVG))
    await page.getByRole('button', { name: 'Take the own picture away' }).waitFor()
    expect(await picture()).toBeNull() // nothing is saved yet
    await save()
    // In the list, and above its page.
    await until(async () => ((await page.getByTestId('own-picture').count()) === 2 ? true : null), 'pictures')
    const kept = (await picture())!
    expect([kept.readUInt32BE(16), kept.readUInt32BE(20)]).toEqual([VM_PICTURE_SIDE, VM_PICTURE_SIDE])
    expect(kept.includes('script')).toBe(false)
    expect(await colours()).toEqual([
      [255, 0, 0, 255],
      [0, 0, 255, 255],
    ])
    expect(await page.title()).not.toContain('taken over')
    await front.screenshot('own-picture')

    await openSettings()
    await page.getByRole('button', { name: 'Take the own picture away' }).click()
    await page.getByLabel('Icon', { exact: true }).selectOption('Game')
    await save()
    await until(async () => ((await picture()) === null ? true : null), 'the picture to be gone')
    await until(async () => ((await page.getByTestId('own-picture').count()) === 0 ? true : null), 'the icon')
    expect(front.errors).toEqual([])
  })

  it('takes a file that is dropped there, and says so when it is no picture', async () => {
    const { page } = front
    const drop = async (name: string, type: string, bytes: Buffer): Promise<void> => {
      const data = await page.evaluateHandle(
        `(() => {
          const data = new DataTransfer()
          data.items.add(new File([Uint8Array.from(${JSON.stringify([...bytes])})], '${name}', { type: '${type}' }))
          return data
        })()`,
      )
      await page.getByTestId('icon-setting').dispatchEvent('drop', { dataTransfer: data })
    }
    await openSettings()
    await drop('disk.img', '', Buffer.alloc(512))
    await page.getByRole('alert').getByText('disk.img is no picture that can be used').waitFor()
    await drop('lies.png', 'image/png', Buffer.from('no picture at all'))
    await page.getByRole('alert').getByText('lies.png is no picture that can be used').waitFor()
    // It says that it has 100,000 by 100,000 pixels.
    const bomb = encodePng(4, 4, new Uint8Array(64))
    bomb.writeUInt32BE(100_000, 16)
    bomb.writeUInt32BE(100_000, 20)
    await drop('bomb.png', 'image/png', bomb)
    await page.getByRole('alert').getByText('bomb.png is no picture that can be used').waitFor()
    await drop('fine.png', 'image/png', encodePng(2, 1, Uint8Array.of(255, 0, 0, 0, 0, 0, 255, 0)))
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await save()
    await until(async () => (await picture()) && true, 'the picture')
    await page.reload()
    await page.getByTestId('own-picture').first().waitFor()
    expect(await colours()).toEqual([
      [255, 0, 0, 255],
      [0, 0, 255, 255],
    ])
  })

  it('is the usual one where the file in the folder is no such picture', async () => {
    await writeFile(file(), encodePng(VM_PICTURE_SIDE * 4, 4, new Uint8Array(VM_PICTURE_SIDE * 64)))
    await front.page.reload()
    await front.page.locator(`[data-machine=${DEMO}] svg`).waitFor()
    expect(await front.page.getByTestId('own-picture').count()).toBe(0)
    expect(front.errors).toEqual([])
  })
})

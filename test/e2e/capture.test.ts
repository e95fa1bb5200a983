import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WATCHES_POINTER } from './backdoor-guests.ts'
import { FRONTS, missing, until, type Front } from './fronts.ts'
import { addMachine } from './small-machine.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: capture of keyboard and mouse: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('keyboard and mouse, %s', (kind) => {
  let front: Front
  beforeEach(async () => (front = await FRONTS[kind]()))
  afterEach(() => front.close())

  const start = async () => {
    await front.page.getByTestId('start').click()
    await front.page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
  }
  const captures = async (how: string) => {
    const { page } = front
    await page.getByRole('menuitem', { name: 'Input', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Capture', exact: true }).press('ArrowRight')
    await page.getByRole('menuitemradio', { name: how }).press('Enter')
  }
  const status = (text: string) => front.page.getByTestId('capture').getByText(text).waitFor()
  const isPointerCaught = () => front.page.evaluate('document.pointerLockElement !== null')
  const YOURS = 'Keyboard and mouse are yours'

  it('are caught as the settings of the machine say', async () => {
    const { page } = front
    await start()
    const screen = page.getByTestId('screen')
    await screen.click()
    await status('Keyboard and mouse in the machine')
    expect(await isPointerCaught()).toBe(true)
    await page.keyboard.press('ControlRight')
    await status(YOURS)

    await captures('By the host key only')
    await page.getByText('Right Ctrl gives keyboard and mouse to the machine, and back.').waitFor()
    await screen.click()
    await page.waitForTimeout(300)
    await status(YOURS)
    await page.keyboard.press('ControlRight')
    await status('Keyboard and mouse in the machine')
    await page.keyboard.press('ControlRight')
    await status(YOURS)

    await captures('By a click, without the mouse')
    await page.getByText('Click to type in the machine').waitFor()
    await screen.click()
    await status('Keyboard in the machine')
    expect(await isPointerCaught()).toBe(false)
    await page.reload()
    await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
    await screen.click()
    await status('Keyboard in the machine')
    expect(front.errors).toEqual([])
  })

  it('give a guest with a driver positions of the mouse, or movements where that is wished', async () => {
    const { page } = front
    await addMachine(front, 'pointer', WATCHES_POINTER)
    await page.locator('[data-machine=pointer]').click()
    await start()
    await page.getByText('Click to type in the machine').waitFor()
    const text = () => page.getByTestId('screen-text').textContent()
    const move = async () => {
      const { x, y } = (await page.getByTestId('screen').boundingBox())!
      for (let step = 1; step < 20; step++) await page.mouse.move(x + 5 * step, y + 4 * step)
    }
    const shows = async (letter: string) => {
      await page.getByRole('tab', { name: 'Text' }).click()
      await until(async () => ((await text())?.includes(letter) ? true : null), letter)
      await page.getByRole('tab', { name: 'Screen' }).click()
    }
    await move()
    await shows('A')
    await page.getByRole('tab', { name: 'Text' }).click()
    expect(await text()).not.toContain('R')
    await page.getByRole('tab', { name: 'Screen' }).click()

    await page.getByTestId('screen').click()
    await status('Keyboard in the machine')
    await page.keyboard.down('ControlRight')
    await page.keyboard.press('KeyI')
    await page.keyboard.up('ControlRight')
    await page.keyboard.press('ControlRight')
    await page.getByText('Click to use keyboard and mouse in the machine.').waitFor()
    await page.getByTestId('screen').click()
    await status('Keyboard and mouse in the machine')
    expect(await isPointerCaught()).toBe(true)
    await move()
    await page.keyboard.press('ControlRight')
    await shows('R')
    expect(front.errors).toEqual([])
  })
})

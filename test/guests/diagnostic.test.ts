import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { countColours } from '../support/png-reader.ts'
import { boot, photograph } from '../support/vitrine-run.ts'

const IMAGE = join(import.meta.dirname, '../../out/guests/diagnostic.img')
const FLOPPY = ['--floppy', `${IMAGE},readonly`, '--serial', 'stdio']

describe('the demo guest', () => {
  it('is built', () => {
    expect(existsSync(IMAGE)).toBe(true)
  })

  it('finds no fault in any device', async () => {
    const { stdout } = await boot({
      args: FLOPPY,
      steps: ['wait:diagnostic: \\d+ ok, \\d+ failed'],
      seconds: 60,
    })
    const results = stdout.split('\r\n')
    expect(results.filter((line) => line.startsWith('fail '))).toEqual([])
    const tried = results.filter((line) => line.startsWith('ok ')).map((line) => line.slice(3))
    const wanted = [
      'Processor',
      'Paging',
      'Memory test',
      'Interrupts',
      'Timer',
      'Real-time clock',
      'DMA',
      'ACPI',
    ]
    const devices = ['Keyboard', 'Mouse', 'COM1', 'Floppy drive', 'PCI bus', 'VGA', 'VBE', 'Speaker']
    for (const name of [...wanted, ...devices]) {
      expect(
        tried.some((line) => line.startsWith(name)),
        name,
      ).toBe(true)
    }
  })

  it('answers the keyboard', async () => {
    const steps = [
      'wait:\\d+ ok, 0 failed',
      'key:5',
      'wait:type a line',
      'type:hello there\\n',
      'wait:I read: hello there',
    ]
    await boot({ args: FLOPPY, steps, seconds: 60 })
  })

  it('draws a picture and comes back to text', async () => {
    const run = { args: FLOPPY, steps: ['wait:\\d+ ok, 0 failed', 'key:G'], seconds: 90 }
    const picture = await photograph(run, (drawn) => drawn.width === 640 && countColours(drawn) > 60)
    expect(picture).toMatchObject({ width: 640, height: 480 })
    expect(countColours(picture)).toBeGreaterThan(60)
    await boot({ ...run, steps: [...run.steps, 'sleep:2000', 'key:escape', 'wait:switch off'] })
  })

  it('switches the machine off', async () => {
    const { stdout } = await boot({
      args: FLOPPY,
      steps: ['wait:\\d+ ok, 0 failed', 'key:S', 'sleep:20000'],
      seconds: 60,
    })
    expect(stdout).toContain('switching off')
  })

  it('runs on a 386 with little memory', async () => {
    const args = [...FLOPPY, '--cpu-model', '386', '--memory', '2']
    const { stdout } = await boot({ args, steps: ['wait:diagnostic: \\d+ ok, \\d+ failed'], seconds: 60 })
    expect(stdout).toContain('ok Processor 386')
    expect(stdout.split('\r\n').filter((line) => line.startsWith('fail '))).toEqual([])
  })
})

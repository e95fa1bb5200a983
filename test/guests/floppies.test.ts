import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { countColours, meanColour, type Picture } from '../support/png-reader.ts'
import { boot, boots, orSkip, photograph } from '../support/vitrine-run.ts'

interface Counters {
  instructions: number
  exits: { halt: number }
}
const counters = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as Counters

const floppy = (file: string): string[] => ['--floppy', `${file},ephemeral`]

/** Many colours, green and gold with little blue in the middle of the wallpaper. */
function showsDesktop(picture: Picture): boolean {
  if (picture.width !== 800 || countColours(picture) <= 500) return false
  const { red, green, blue } = meanColour(picture, [300, 300, 200, 100])
  return Math.min(red, green) > blue + 10 && green > 100
}

describe('operating systems on floppies', () => {
  boots('FreeDOS comes to its prompt and obeys', async () => ({
    args: floppy(await guestImages.freedos()),
    steps: ['wait:Welcome to FreeDOS', 'wait:A:\\\\>', 'type:ver /r\\n', 'wait:kernel'],
  }))

  // CPULEVEL is somebody else's opinion of the processor.
  for (const [model, found] of [
    ['8086', '8086 or 80186 or compatible 16bit CPU found'],
    ['286', '80286 CPU with 16bit protected mode found'],
  ] as const)
    boots(`FreeDOS comes to its prompt on a processor of 16 bits, a ${model}`, async () => ({
      args: [...floppy(await guestImages.plainFreedos()), '--cpu-model', model, '--memory', '2'],
      steps: [
        'wait:A:\\\\>',
        'type:ver /r\\n',
        'wait:kernel version',
        'type:cpulevel\\n',
        `wait:${found}`,
        'type:dir /w\\n',
        'wait:bytes free',
      ],
    }))

  it('FreeDOS halts the processor at its prompt and costs next to nothing', async ({ skip }) => {
    const image = await orSkip(() => guestImages.haltingFreedos(), skip)
    const folder = await mkdtemp(join(tmpdir(), 'vitrine-idle-'))
    try {
      const [before, after] = ['before.json', 'after.json'].map((name) => join(folder, name))
      const steps = ['wait:A:\\\\>', 'sleep:2000', `stats:${before}`, 'sleep:5000', `stats:${after}`]
      await boot({ args: floppy(image), steps })
      const [first, last] = await Promise.all([before!, after!].map(counters))
      expect(last!.exits.halt - first!.exits.halt).toBeGreaterThan(50)
      // Fifty to a hundred timer interrupts, of some hundred instructions each.
      expect(last!.instructions - first!.instructions).toBeLessThan(500_000)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  boots('MikeOS shows its desktop', async () => ({
    args: floppy(await guestImages.mikeos()),
    steps: ['wait:Welcome to MikeOS', 'wait:Version 4\\.5'],
  }))

  it('KolibriOS draws its desktop', async ({ skip }) => {
    const run = await orSkip(
      async () => ({
        args: [...floppy(await guestImages.kolibri()), '--memory', '256'],
        steps: [],
        seconds: 200,
      }),
      skip,
    )
    const picture = await photograph(run, showsDesktop)
    expect(picture).toMatchObject({ width: 800, height: 600 })
    expect(showsDesktop(picture)).toBe(true)
  })

  boots('GRUB starts from a floppy and shows its menu', async () => ({
    args: floppy(await guestImages.grubFloppy()),
    steps: ['wait:GNU GRUB +version 2\\.06-13\\+deb12u2'],
  }))

  boots('SYSLINUX runs the hardware detection tool', async () => ({
    args: floppy(await guestImages.hdtFloppy()),
    steps: ['wait:Hardware Detection Tool 0\\.5\\.2 \\(Manon\\)', 'wait:PCI Devices'],
  }))
})

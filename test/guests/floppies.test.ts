import { describe, expect, it } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { countColours, meanColour } from '../support/png-reader.ts'
import { boots, orSkip, photograph } from '../support/vitrine-run.ts'

const floppy = (file: string): string[] => ['--floppy', `${file},ephemeral`]

describe('operating systems on floppies', () => {
  boots('FreeDOS comes to its prompt and obeys', async () => ({
    args: floppy(await guestImages.freedos()),
    steps: ['wait:Welcome to FreeDOS', 'wait:A:\\\\>', 'type:ver /r\\n', 'wait:kernel'],
  }))

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
    const pictures = await photograph(
      run,
      Array.from({ length: 12 }, () => 10_000),
    )
    const last = pictures.at(-1)
    expect(last).toMatchObject({ width: 800, height: 600 })
    if (last === undefined) return
    expect(countColours(last)).toBeGreaterThan(500)
    // Green and gold: little blue in the middle of the wallpaper.
    const { red, green, blue } = meanColour(last, [300, 300, 200, 100])
    expect(Math.min(red, green)).toBeGreaterThan(blue)
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

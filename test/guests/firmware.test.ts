import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

describe('other firmware in place of ours', () => {
  boots('SeaBIOS drives every device and finds nothing to boot', async () => ({
    args: ['--firmware', await guestImages.seabios(), '--vga-bios', await guestImages.seaVgaBios()],
    steps: ['wait:SeaBIOS \\(version 1\\.16\\.2-', 'wait:No bootable device\\.'],
  }))

  boots('SeaBIOS, the small one, boots a floppy', async () => {
    const vga = ['--vga-bios', await guestImages.seaVgaBios()]
    const floppy = ['--floppy', `${await guestImages.mikeos()},ephemeral`]
    return { args: ['--firmware', await guestImages.seabios128(), ...vga, ...floppy], steps: ['wait:MikeOS'] }
  })
})

import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boot, boots } from '../support/vitrine-run.ts'

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

  boots('SeaBIOS boots a CD and a disk', async () => {
    const firmware = ['--firmware', await guestImages.seabios(), '--vga-bios', await guestImages.seaVgaBios()]
    const steps = ['wait:GNU GRUB +version 2\\.06-13\\+deb12u2']
    await boot({ args: [...firmware, '--cdrom', await guestImages.grubCd()], steps })
    return { args: [...firmware, '--disk', `${await guestImages.grubCd()},readonly`], steps }
  })

  // It moves SMBASE and then calls its 32-bit services by SMIs.
  boots('SeaBIOS boots a floppy by way of system management mode', async () => {
    const firmware = ['--firmware', await guestImages.seabios(), '--vga-bios', await guestImages.seaVgaBios()]
    const floppy = ['--floppy', `${await guestImages.mikeos()},ephemeral`]
    return { args: [...firmware, ...floppy, '--knob', 'systemManagement=true'], steps: ['wait:MikeOS'] }
  })

  boots('U-Boot comes to its prompt', async () => ({
    args: ['--firmware', await guestImages.uBoot(), '--serial', 'stdio'],
    steps: ['wait:U-Boot 2023\\.01', 'wait:^=> '],
  }))

  boots('GRUB runs as firmware and shows its menu', async () => ({
    args: ['--firmware', await guestImages.grubFirmware()],
    steps: ['wait:GNU GRUB +version 2\\.06'],
  }))
})

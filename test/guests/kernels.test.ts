import { join } from 'node:path'
import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

/** Something to be found on a disk. */
const DEMO = join(import.meta.dirname, '../../out/guests/diagnostic.img')

describe('kernels, loaded directly', () => {
  boots('iPXE starts by the Linux boot protocol', async () => ({
    args: ['--kernel', await guestImages.ipxe()],
    steps: ['wait:iPXE 1\\.0\\.0\\+git-2019'],
  }))

  boots('Invaders, a Multiboot kernel, plays', async () => ({
    args: ['--kernel', await guestImages.invaders()],
    steps: ['wait:-\\*-.*-\\*-', 'key:space', 'key:arrowleft', 'wait:-\\*-'],
  }))

  boots('GNU Mach, a Multiboot kernel, says on COM1 what it is and what it finds', async () => ({
    args: [
      '--kernel',
      await guestImages.gnumach(),
      '--append',
      'console=com0',
      '--serial',
      'stdio',
      '--disk',
      `${DEMO},readonly`,
    ],
    steps: [
      'wait:GNU Mach 1\\.8\\+git20221224-486',
      'wait:PCI BIOS revision 2\\.10',
      'wait:Intel 82371 PIIX3',
      'wait:hd0: VITRINE HARDDISK, .*DMA',
      'wait:post-1991 82077',
    ],
  }))

  boots('MEMDISK keeps a diskette in memory and hooks the BIOS for it', async () => ({
    args: [
      '--kernel',
      await guestImages.memdisk(),
      '--initrd',
      await guestImages.freedos(),
      '--append',
      'floppy',
    ],
    steps: ['wait:Welcome to FreeDOS', 'wait:A:\\\\>'],
  }))
})

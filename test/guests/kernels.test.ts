import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

describe('kernels, loaded directly', () => {
  boots('iPXE starts by the Linux boot protocol', async () => ({
    args: ['--kernel', await guestImages.ipxe()],
    steps: ['wait:iPXE 1\\.0\\.0\\+git-2019'],
  }))

  boots('Invaders, a Multiboot kernel, plays', async () => ({
    args: ['--kernel', await guestImages.invaders()],
    steps: ['wait:-\\*-.*-\\*-', 'key:space', 'key:arrowleft', 'wait:-\\*-'],
  }))

  boots('GNU Mach, a Multiboot kernel, says its name on COM1', async () => ({
    args: ['--kernel', await guestImages.gnumach(), '--append', 'console=com0', '--serial', 'stdio'],
    steps: ['wait:GNU Mach 1\\.8\\+git20221224-486'],
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

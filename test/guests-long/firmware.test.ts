import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

describe('other firmware in place of ours', () => {
  boots('U-Boot comes to its prompt', async () => ({
    args: ['--firmware', await guestImages.uBoot(), '--serial', 'stdio'],
    steps: ['wait:U-Boot 2023\\.01', 'wait:=>'],
  }))

  boots('GRUB runs as firmware', async () => ({
    args: ['--firmware', await guestImages.grubFirmware(), '--serial', 'stdio'],
    steps: ['wait:GNU GRUB +version 2\\.06'],
  }))
})

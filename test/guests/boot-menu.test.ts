import { join } from 'node:path'
import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

const DEMO = join(import.meta.dirname, '../../out/guests/diagnostic.img')

describe('the boot menu', () => {
  boots('opens with F12 and starts what is chosen', async () => ({
    args: [
      '--floppy',
      `${DEMO},readonly`,
      '--cdrom',
      await guestImages.grubCd(),
      '--knob',
      'bootMenuMs=20000',
    ],
    steps: [
      'wait:Press F12 to choose what to boot from',
      'key:F12',
      'wait:1 +Floppy 1 .*\\n.*2 +CD-ROM 1',
      'key:arrowdown',
      'key:enter',
      'wait:GNU GRUB +version 2\\.06',
    ],
  }))
})

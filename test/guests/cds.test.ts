import { describe, expect, it } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { countColours, type Picture } from '../support/png-reader.ts'
import { boots, orSkip, photograph } from '../support/vitrine-run.ts'

describe('CDs', () => {
  boots('Memtest86+ starts from its CD', async () => ({
    args: ['--cdrom', await guestImages.memtestCd(), '--memory', '32'],
    steps: ['wait:Memtest86\\+ v6\\.10'],
  }))

  boots('GRUB starts from its CD and shows its menu', async () => ({
    args: ['--cdrom', await guestImages.grubCd()],
    steps: ['wait:GNU GRUB +version 2\\.06-13\\+deb12u2'],
  }))

  boots('a hybrid CD image starts as a hard disk', async () => ({
    args: ['--disk', `${await guestImages.grubCd()},readonly`],
    steps: ['wait:GNU GRUB +version 2\\.06-13\\+deb12u2'],
  }))

  boots('GRUB on a CD hands over to FreeDOS on a floppy', async () => ({
    args: [
      '--boot',
      'cdrom',
      '--cdrom',
      await guestImages.grubCd(),
      '--floppy',
      `${await guestImages.freedos()},ephemeral`,
    ],
    steps: [
      'wait:GNU GRUB +version 2\\.06',
      'key:c',
      'wait:^grub>',
      'type:chainloader (fd0)+1\\n',
      'type:boot\\n',
      'wait:Welcome to FreeDOS',
      'wait:A:\\\\>',
    ],
  }))

  boots('iPXE starts from its CD', async () => ({
    args: ['--cdrom', await guestImages.ipxeCd()],
    steps: ['wait:iPXE 1\\.0\\.0\\+git-2019'],
  }))

  it('ISOLINUX draws its graphical menu', async ({ skip }) => {
    const run = await orSkip(
      async () => ({ args: ['--cdrom', await guestImages.vesamenuCd()], steps: [] }),
      skip,
    )
    const isMenu = (picture: Picture): boolean => picture.width === 640 && countColours(picture) > 50
    const picture = await photograph(run, isMenu)
    expect(picture).toMatchObject({ width: 640, height: 480 })
    expect(countColours(picture)).toBeGreaterThan(50)
  })
})

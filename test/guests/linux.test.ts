import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boot, boots, orSkip } from '../support/vitrine-run.ts'

/** The Debian installer, with text for its kernel. */
async function installer(append: string): Promise<string[]> {
  const { kernel, initrd } = await guestImages.installer()
  return ['--kernel', kernel, '--initrd', initrd, '--memory', '512', '--append', append]
}

describe('Linux', () => {
  boots('comes to a shell on the screen and obeys', async () => {
    const { kernel, initrd } = await guestImages.smallLinux()
    return {
      args: ['--kernel', kernel, '--initrd', initrd, '--append', 'nomodeset quiet', '--memory', '256'],
      steps: ['wait:small linux: i686 model name', 'wait:^/ #', 'type:echo $((6*7))x\\n', 'wait:^42x'],
      seconds: 300,
    }
  })

  it.for([
    ['version 1', ''],
    ['before version 1', ' force_legacy=1'],
  ])('writes to a virtio disk by the interface of %s, and reads it back', async ([, option], { skip }) => {
    const { kernel, initrd } = await orSkip(guestImages.smallLinux, skip)
    const folder = await mkdtemp(join(tmpdir(), 'vitrine-virtio-'))
    try {
      const disk = join(folder, 'disk.img')
      await writeFile(disk, '')
      await truncate(disk, 32 * 1024 * 1024)
      const commands = [
        `for m in 0 1 2 3 "4${option}" 5; do insmod /modules/$m; done; cat /sys/block/vda/size /sys/block/vda/serial`,
        'dd if=/dev/urandom of=/a bs=64k count=64',
        'dd if=/a of=/dev/vda bs=64k seek=3 conv=fsync; echo 3 > /proc/sys/vm/drop_caches',
        'dd if=/dev/vda of=/b bs=64k skip=3 count=64; cmp /a /b && md5sum /b; echo do$((7*6))ne',
      ]
      const { stdout } = await boot({
        args: [
          '--kernel',
          kernel,
          '--initrd',
          initrd,
          '--memory',
          '128',
          '--disk',
          `${disk},bus=virtio`,
          '--append',
          'console=ttyS0 quiet',
          '--serial',
          'stdio',
        ],
        steps: ['wait:^65536\\s+VTV0', 'wait:do42ne'],
        dialogue: [[/^\/ #/m, `${commands.join('; ')}\n`]],
        seconds: 600,
      })
      const written = (await readFile(disk)).subarray(3 * 65536, 67 * 65536)
      expect(stdout).toContain(createHash('md5').update(written).digest('hex'))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  boots('installs Debian: the first question comes on COM1', async () => ({
    args: [...(await installer('console=ttyS0')), '--serial', 'stdio'],
    steps: ['wait:\\[!!\\] Select a language'],
    seconds: 600,
  }))

  boots('installs Debian: the first question comes on the screen', async () => ({
    args: await installer('nomodeset'),
    steps: ['wait:\\[!!\\] Select a language'],
    seconds: 600,
  }))
})

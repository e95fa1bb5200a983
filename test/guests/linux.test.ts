import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

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

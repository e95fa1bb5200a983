import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

describe('kernels, loaded directly', () => {
  boots('Memtest86+ passes once without errors', async () => ({
    args: ['--kernel', await guestImages.memtest(), '--memory', '8'],
    steps: ['wait:Memtest86\\+ v6\\.10', 'wait:Pass: +[1-9]\\d* +Errors: +0\\b'],
    seconds: 600,
  }))

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

  boots('Linux comes to a shell on the screen and obeys', async () => {
    const { kernel, initrd } = await guestImages.smallLinux()
    return {
      args: ['--kernel', kernel, '--initrd', initrd, '--append', 'nomodeset quiet', '--memory', '256'],
      steps: ['wait:small linux: i686 model name', 'wait:/ # ', 'type:echo $((6*7))x\\n', 'wait:^42x'],
      seconds: 300,
    }
  })

  boots('the Debian installer asks for the language on COM1', async () => {
    const { kernel, initrd } = await guestImages.installer()
    const start = ['--kernel', kernel, '--initrd', initrd, '--memory', '512']
    return {
      args: [...start, '--append', 'console=ttyS0', '--serial', 'stdio'],
      steps: ['wait:\\[!!\\] Select a language'],
      seconds: 600,
    }
  })

  boots('the Debian installer asks for the language on the screen', async () => {
    const { kernel, initrd } = await guestImages.installer()
    const start = ['--kernel', kernel, '--initrd', initrd, '--memory', '512']
    return {
      args: [...start, '--append', 'nomodeset'],
      steps: ['wait:\\[!!\\] Select a language'],
      seconds: 600,
    }
  })
})

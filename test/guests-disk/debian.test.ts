import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { countColours, readPng } from '../support/png-reader.ts'
import { boot, boots, orSkip } from '../support/vitrine-run.ts'

async function machine(): Promise<string[]> {
  return ['--disk', `${await guestImages.debianDisk()},ephemeral`, '--memory', '256', '--serial', 'stdio']
}

describe('Debian on a hard disk', () => {
  boots('comes to its login prompt on COM1, lets root in and obeys', async () => ({
    args: await machine(),
    dialogue: [
      [/vitrine login: /, 'root\n'],
      [/Password: /, 'vitrine\n'],
      [/# /, 'uname -m; echo $((6*7))x\n'],
    ],
    steps: ['wait:vitrine login: ', 'wait:^i686', 'wait:^42x'],
    seconds: 1500,
  }))

  it('does the same on the screen, which bochs-drm sets to 1280 by 800 dots', async ({ skip }) => {
    const args = await orSkip(machine, skip)
    const folder = await mkdtemp(join(tmpdir(), 'vitrine-debian-'))
    const file = join(folder, 'screen.png')
    try {
      const { stdout } = await boot({
        args,
        // Linux draws the letters itself: what is on its screen it tells by way of COM1.
        steps: [
          'wait:vitrine login: ',
          'sleep:5000',
          'type:root\\n',
          'sleep:5000',
          'type:vitrine\\n',
          'sleep:10000',
          'type:uname -m; echo $((6*7))x; cat /dev/vcs1 >/dev/ttyS0\\n',
          'wait:42x',
          `screenshot:${file}`,
        ],
        seconds: 1500,
      })
      expect(stdout).toContain('vitrine login: root')
      expect(stdout).toContain('i686 ')
      const picture = readPng(await readFile(file))
      expect(picture).toMatchObject({ width: 1280, height: 800 })
      expect(countColours(picture)).toBeGreaterThan(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

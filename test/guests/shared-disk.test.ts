import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boot, orSkip, vitrine } from '../support/vitrine-run.ts'

let work: string
let folder: string
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'vitrine-shared-disk-'))
  folder = join(work, 'shared')
  await mkdir(join(folder, 'SUB'), { recursive: true })
  await writeFile(join(folder, 'HELLO.TXT'), 'hello from the host\r\n')
  await writeFile(join(folder, 'A long name.txt'), 'with a short one for DOS\r\n')
  await writeFile(join(folder, 'SUB', 'OLD.TXT'), 'to be removed\r\n')
})
afterEach(() => rm(work, { recursive: true }))

async function diskOfFolder(size: string, name = 'shared.img'): Promise<string> {
  const disk = join(work, name)
  const made = await vitrine(['media', 'from-folder', folder, disk, '--size', size])
  expect(made.stderr).toBe('')
  return disk
}

/** What DOS does at its prompt, on a drive by its letter. */
const atPrompt = (letter: string): string[] => [
  'wait:A:\\\\>',
  `type:type ${letter}:\\hello.txt\\n`,
  'wait:hello from the host',
  `type:type ${letter}:\\alongn~1.txt\\n`,
  'wait:with a short one for DOS',
  `type:copy ${letter}:\\hello.txt ${letter}:\\sub\\copied.txt\\n`,
  'wait:A:\\\\>$',
  `type:echo written by the guest>>${letter}:\\hello.txt\\n`,
  'wait:A:\\\\>$',
  `type:del ${letter}:\\sub\\old.txt\\n`,
  'wait:A:\\\\>$',
  `type:type ${letter}:\\hello.txt\\n`,
  'wait:\\nwritten by the guest',
]

async function expectChanges(disk: string): Promise<void> {
  const compared = await vitrine(['media', 'compare', folder, disk, '--json'])
  expect(JSON.parse(compared.stdout)).toEqual([
    { path: 'HELLO.TXT', change: 'changed' },
    { path: 'SUB/COPIED.TXT', change: 'added' },
    { path: 'SUB/OLD.TXT', change: 'removed' },
  ])
  const out = join(work, 'out.txt')
  await vitrine(['media', 'copy-out', disk, 'HELLO.TXT', out])
  expect(await readFile(out, 'utf8')).toBe('hello from the host\r\nwritten by the guest\r\n')
}

describe('a folder of the host as a hard disk', () => {
  for (const [size, kind] of [
    ['8M', 'FAT12'],
    ['64M', 'FAT16'],
    ['600M', 'FAT32'],
  ] as const)
    it(`of ${size} is C: for DOS, which reads and writes it`, async ({ skip }) => {
      const floppy = await orSkip(() => guestImages.freedos(), skip)
      const disk = await diskOfFolder(size)
      const listed = await vitrine(['media', 'ls', disk, '--json'])
      expect(JSON.parse(listed.stdout)).toMatchObject({ volumes: [{ kind }] })
      await boot({ args: ['--floppy', `${floppy},ephemeral`, '--disk', disk], steps: atPrompt('c') })
      await expectChanges(disk)
    })

  it('is D: beside another disk', async ({ skip }) => {
    const floppy = await orSkip(() => guestImages.freedos(), skip)
    const own = await diskOfFolder('16M', 'own.img')
    const disk = await diskOfFolder('32M')
    const drives = ['--floppy', `${floppy},ephemeral`, '--disk', own, '--disk', disk]
    await boot({ args: drives, steps: atPrompt('d') })
    await expectChanges(disk)
    const untouched = await vitrine(['media', 'compare', folder, own])
    expect(untouched.stdout).toBe('')
  })
})

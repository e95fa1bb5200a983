import { appendFile, copyFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runTool } from './packages.ts'

/** Files of an image: its path inside by the path of the file here, or its text. */
export type Contents = Readonly<Record<string, { file: string } | { text: string }>>

async function lay(folder: string, contents: Contents): Promise<void> {
  for (const [name, source] of Object.entries(contents)) {
    const target = join(folder, name)
    await mkdir(dirname(target), { recursive: true })
    if ('file' in source) await copyFile(source.file, target)
    else await writeFile(target, source.text, { mode: 0o755 })
  }
}

async function inFolder(contents: Contents, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vitrine-image-'))
  try {
    await lay(folder, contents)
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** An initial RAM file system in the format that Linux takes (cpio newc, not packed). */
export function buildInitrd(target: string, contents: Contents): Promise<void> {
  return inFolder(contents, async (folder) => {
    const list = Object.keys(contents).flatMap((name) => {
      const parts = name.split('/')
      return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    })
    const names = ['.', ...new Set(list)].join('\n')
    await runTool('cpio', ['--quiet', '-o', '-H', 'newc', '-R', '0:0', '-F', target], {
      folder,
      input: `${names}\n`,
    })
  })
}

/** A 1.44 MB floppy with SYSLINUX and these files. */
export async function buildSyslinuxFloppy(
  target: string,
  syslinux: string,
  contents: Contents,
): Promise<void> {
  await writeFile(target, '')
  await truncate(target, 1_474_560)
  await runTool('mformat', ['-i', target, '-f', '1440', '-v', 'TEST', '::'], { debian: 'mtools' })
  await inFolder(contents, async (folder) => {
    for (const name of Object.keys(contents)) {
      await runTool('mcopy', ['-i', target, join(folder, name), `::${name}`], { debian: 'mtools' })
    }
  })
  await runTool(syslinux, ['--install', target])
}

/** A copy of a DOS floppy with a line at the end of a text file, such as CONFIG.SYS. */
export function buildWithLine(target: string, floppy: string, name: string, line: string): Promise<void> {
  return inFolder({ floppy: { file: floppy } }, async (folder) => {
    const file = join(folder, 'text')
    const image = join(folder, 'floppy')
    const tool = { debian: 'mtools' }
    await runTool('mcopy', ['-i', image, `::${name}`, file], tool)
    await appendFile(file, `\r\n${line}\r\n`)
    await runTool('mcopy', ['-o', '-i', image, file, `::${name}`], tool)
    await copyFile(image, target)
  })
}

/** A floppy with the contents of some of its files replaced. */
export function buildWithFiles(
  target: string,
  floppy: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  return inFolder({ floppy: { file: floppy } }, async (folder) => {
    const image = join(folder, 'floppy')
    for (const [name, text] of Object.entries(files)) {
      const file = join(folder, 'text')
      await writeFile(file, text)
      await runTool('mcopy', ['-o', '-i', image, file, `::${name}`], { debian: 'mtools' })
    }
    await copyFile(image, target)
  })
}

/** A CD that starts with ISOLINUX (El Torito, no emulation). */
export function buildIsolinuxCd(target: string, contents: Contents): Promise<void> {
  return inFolder(contents, async (folder) => {
    const boot = [
      '-b',
      'isolinux/isolinux.bin',
      '-c',
      'isolinux/boot.cat',
      '-no-emul-boot',
      '-boot-load-size',
      '4',
    ]
    await runTool('genisoimage', ['-quiet', '-o', target, ...boot, '-boot-info-table', '-J', '-R', folder])
  })
}

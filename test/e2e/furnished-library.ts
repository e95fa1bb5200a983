import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ListedFile, listMedium } from '../../engine/service/media/folder-baseline.ts'
import { writeBaseline } from '../../src-main/host/folder-baselines.ts'
import { PROJECT } from './fronts.ts'

const run = promisify(execFile)

/** The folder of a machine that somebody keeps beside the library. */
export const keptIn = (library: string): string => join(library, '..', 'Kept games')

function listed(medium: string): readonly ListedFile[] {
  const listing = listMedium(medium)
  for (let step = listing.next(); ; step = listing.next()) if (step.done) return step.value
}

/** Fills a library as if somebody had used it for a while: groups, notes, snapshots, a template, a damaged machine. */
export async function furnish(library: string): Promise<void> {
  const env = { ...process.env, VITRINE_HOME: library }
  const vitrine = (...args: string[]) =>
    run(process.execPath, [join(PROJECT, 'out/cli/index.js'), ...args], { env })
  const files = join(library, '..', 'files of a floppy')
  await mkdir(join(files, 'KEEN'), { recursive: true })
  for (const [name, bytes] of [
    ['AUTOEXEC.BAT', 96],
    ['CONFIG.SYS', 151],
    ['README.TXT', 4210],
    ['KEEN/KEEN.EXE', 51_190],
  ] as const)
    await writeFile(join(files, name), Buffer.alloc(bytes, ' '))
  const floppy = join(library, 'media', 'Games.img')
  await vitrine('media', 'from-folder', files, floppy, '--size', '1440K', '--label', 'GAMES')
  await writeBaseline(floppy, { folder: 'Games', files: listed(floppy) })
  await writeFile(join(files, 'HIGHSCORE.DAT'), Buffer.alloc(2048, 1))
  await vitrine('media', 'copy-in', floppy, join(files, 'HIGHSCORE.DAT'))
  await vitrine('media', 'create', join(library, 'media', 'Spare.vdi'), '--size', '32M')
  const disk = join(library, 'media', 'Office.qcow2')
  await vitrine('media', 'create', disk, '--size', '64M')

  await vitrine('create', 'Games of 1993', '--preset', 'dos-6', '--floppy', floppy)
  const notes = 'The code of the safe is 1234.\nSound needs the second floppy.'
  await vitrine('set', 'games-of-1993', 'group=Home/1993', 'tags=games,dos', `notes=${notes}`)
  await vitrine('create', 'Bookkeeping', '--preset', 'windows-98', '--disk', disk)
  await vitrine('set', 'bookkeeping', 'group=Office', 'notes=Runs once a year.')
  await vitrine('create', 'Windows NT 4', '--preset', 'nt-4')
  await vitrine('set', 'windows-nt-4', 'group=Office')
  await vitrine('create', 'Fresh Windows 95', '--preset', 'windows-95')
  await vitrine('set', 'fresh-windows-95', 'group=Templates', 'template=true')
  await vitrine('snapshot', 'take', 'bookkeeping', 'Installed', '--notes', 'Before any program.')
  await vitrine('snapshot', 'take', 'bookkeeping', 'Books of 1999')
  await vitrine('snapshot', 'restore', 'bookkeeping', 'Installed', '--save', 'Books of 2000')
  await vitrine('snapshot', 'take', 'bookkeeping', 'With a printer')
  const damaged = join(library, 'machines', 'old-server')
  await mkdir(damaged)
  await writeFile(join(damaged, 'vm.json'), '{"version": 1, "name": ')
  const kept = keptIn(library)
  await mkdir(kept)
  const drives = [{ kind: 'floppy', path: '/srv/boot.img' }]
  const machine = { version: 1, memoryMiB: 16, drives }
  await writeFile(join(kept, 'vm.json'), JSON.stringify({ version: 1, name: 'Kept games', machine }))
}

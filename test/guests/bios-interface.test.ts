import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { assemble } from '../../tools/assembler/assemble.ts'
import { hostFiles } from '../../tools/assembler/host-files.ts'
import { vitrine } from '../support/vitrine-run.ts'

/** 100 MiB: 203 cylinders of 16 heads and 63 sectors. */
const DISK_BYTES = 104_767_488

const found = new Map<string, string[]>()

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vitrine-bios-'))
  try {
    const [floppy, disk, log] = ['floppy.img', 'disk.img', 'log'].map((name) => join(folder, name))
    const { bytes } = assemble(join(import.meta.dirname, 'bios-interface.asm'), hostFiles([]))
    await writeFile(floppy!, bytes)
    await truncate(floppy!, 1_474_560)
    await writeFile(disk!, '')
    await truncate(disk!, DISK_BYTES)
    const drives = ['--floppy', floppy!, '--disk', disk!]
    const debug = ['--debug-console', log!, '--debug-exit', '--timeout', '100']
    // The program ends the run with 0, which is status 1.
    const { status, stderr } = await vitrine(['run', ...drives, '--memory', '32', ...debug])
    expect(status, stderr).toBe(1)
    for (const line of (await readFile(log!, 'latin1')).trim().split('\n')) {
      const [name = '', value = ''] = line.split('=')
      found.set(name, [...(found.get(name) ?? []), value])
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('the BIOS, called as old systems do', () => {
  it.each([
    ['the A20 gate is closed at the start', 'a20 at start', '0000'],
    ['the model byte says AT', 'model', '00fc'],
    ['a JMP stands at EFD2, where programs call INT 17h', 'efd2', '00e9'],
    ['vectors 60h to 67h are free', 'vector 60', '0000'],
    ['the disk parameter table lies in ROM', 'disk table segment', 'f000'],
    ['the table has the physical cylinders', 'cylinders', '00cb'],
    ['and heads', 'heads', '0010'],
    ['and sectors', 'sectors', '003f'],
    ['the CMOS knows the disk as type 47 by its extended byte', 'cmos 12', '00f0'],
    ['INT 13h returns with interrupts enabled', '13 if', '0001'],
    ['and keeps the high half of EAX', '13 eax', '1234'],
    ['INT 15h returns with interrupts enabled', '15 if', '0001'],
    ['INT 16h returns with interrupts enabled though the flags on the stack were not', '16 if', '0001'],
    ['and takes them off the stack', '16 stack', '0000'],
    ['there are 639 KiB of conventional memory', 'int 12', '027f'],
    ['INT 15h/87h copies above 1 MiB', '87 carry', '0000'],
    ['and back', '87 data', '1234'],
    ['unused upper memory is read-only', 'upper memory', '0000'],
    ['INT 1Ah/B101h finds a PCI BIOS', 'pci', '4350'],
    ['INT 1Ah/B10Eh gives the interrupt routing', 'pci routing', '0000'],
    ['APM is there, version 1.2', 'apm', '0102'],
    ['and connects its 32-bit interface', 'apm connect', '0000'],
  ])('%s', (_, name, value) => {
    expect(found.get(name)).toEqual([value])
  })

  it('comes back from resets with the shutdown statuses 5, 10 and 9', () => {
    expect(found.get('shutdown')).toEqual(['0005', '000a', '0009'])
  })

  it('has the $PnP, $PIR, _32_, _MP_, RSD PTR and _SM_ structures where systems look for them', () => {
    expect(found.get('signature')).toEqual(Array(6).fill('0001'))
  })
})

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MachineConfig } from '../../../engine/protocol/machine-config.ts'
import { asShellCommand, qemuCommand } from '../../../engine/service/export/qemu-command.ts'
import { planImport } from '../../../engine/service/import/import-machine.ts'
import { Media } from '../../../engine/service/media/media.ts'
import { writeBootFloppy } from '../../support/talking-guest.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine, export-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const file = (name: string): string => join(folder, name)
const hasQemu = ((): boolean => {
  try {
    execFileSync('qemu-system-i386', ['--version'])
    return true
  } catch {
    return false
  }
})()

/** Reads the first sector of the first disk and ends with its first byte, or 99 when that fails. */
const READER = `
    mov ax, 0x1000
    mov es, ax
    xor bx, bx
    mov ax, 0x0201
    mov cx, 1
    mov dx, 0x80
    int 0x13
    mov al, [es:bx]
    jnc leave
    mov al, 99
  leave:
    mov dx, 0xf4
    out dx, al
    hlt
`

function machine() {
  writeBootFloppy(file('reader.img'), READER)
  const disk = new Uint8Array(4 * 1024 * 1024)
  disk[0] = 21
  writeFileSync(file('disk.raw'), disk)
  for (const _ of new Media().convert(
    file('disk.raw'),
    file('disk.vhd'),
    { format: 'vhd' },
    { format: 'raw' },
  ));
  return v.parse(MachineConfig, {
    version: 1,
    memoryMiB: 16,
    cpuModel: 'pentium',
    boot: ['floppy', 'disk'],
    drives: [
      { kind: 'floppy', path: file('reader.img'), readonly: true },
      { kind: 'disk', path: file('disk.vhd'), format: 'vhd' },
      { kind: 'cdrom', path: null },
    ],
  })
}

it.skipIf(!hasQemu)('a machine that is exported boots in QEMU with its floppy and its disk', async () => {
  const command = asShellCommand(qemuCommand("It's old, (really)", machine()).words)
  const headless = '-display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1'
  const status = await new Promise((resolve) =>
    execFile('sh', ['-c', `timeout 60 ${command} ${headless}`], (error, _, stderr) =>
      resolve(error?.code ?? stderr),
    ),
  )
  expect(status).toBe((21 << 1) | 1)
})

it('an exported machine comes back as it was', () => {
  const config = machine()
  const { words } = qemuCommand("It's old, (really)", config)
  writeFileSync(file('run.sh'), asShellCommand(words))
  const plan = planImport(file('run.sh'))
  expect(plan.name).toBe("It's old, (really)")
  expect(plan.items.filter(({ outcome }) => outcome === 'dropped')).toEqual([])
  const { memoryMiB, cpuModel, boot } = plan.machine
  expect({ memoryMiB, cpuModel, boot }).toEqual({
    memoryMiB: 16,
    cpuModel: 'pentium',
    boot: ['floppy', 'disk'],
  })
  expect(plan.machine.drives!.map(({ kind, path }) => [kind, path])).toEqual(
    config.drives.map(({ kind, path }) => [kind, path]),
  )
})

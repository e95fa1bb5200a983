import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MachineConfig } from '../../../engine/protocol/machine-config.ts'
import { exportMachine, type ExportKind } from '../../../engine/service/export/export-machine.ts'
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
const has = (tool: string): boolean => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}
const hasQemu = has('qemu-system-i386') && has('qemu-img')

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

/** Starts from the disk, reads its second sector, and ends with the first byte of it. */
const ON_DISK = READER.replace('mov cx, 1', 'mov cx, 2')

/** A machine that starts from its disk: one in VDI, so that nothing is exported as it is. */
function diskMachine(): MachineConfig {
  writeBootFloppy(file('boot.img'), ON_DISK)
  const disk = new Uint8Array(4 * 1024 * 1024)
  disk.set(readFileSync(file('boot.img')).subarray(0, 512))
  disk[512] = 33
  writeFileSync(file('disk.raw'), disk)
  const made = new Media().convert(file('disk.raw'), file('disk.vdi'), { format: 'vdi' }, { format: 'raw' })
  for (const _ of made);
  writeFileSync(file('cd.iso'), new Uint8Array(2048 * 200))
  return v.parse(MachineConfig, {
    version: 1,
    memoryMiB: 24,
    cpuModel: 'pentium2',
    boot: ['disk', 'cdrom'],
    serialPorts: 2,
    knobs: { localTime: true },
    drives: [
      { kind: 'floppy', path: null },
      { kind: 'disk', path: file('disk.vdi'), format: 'vdi' },
      { kind: 'cdrom', path: file('cd.iso') },
    ],
  })
}

function exported(place: string, kind: ExportKind): string[] {
  const wish = { kind, name: 'Old "server" & more', notes: 'a < b', config: diskMachine(), nowMs: 0 }
  const work = exportMachine(file(place), wish)
  for (;;) {
    const step = work.next()
    if (step.done) return step.value.files
  }
}

/** Runs a command of QEMU without a screen. @returns the status that the guest ended it with */
async function statusOf(command: string): Promise<unknown> {
  const headless = '-display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1'
  return new Promise((resolve) =>
    execFile('sh', ['-c', `timeout 60 ${command} ${headless}`], (error, _, stderr) =>
      resolve(error?.code ?? stderr),
    ),
  )
}

it('a domain of libvirt has the machine, by its schema and when it comes back', () => {
  const files = exported('domain', 'libvirt')
  expect(files).toEqual([
    'Old-server-more.xml',
    'Old-server-more-disk-1.qcow2',
    'Old-server-more-cdrom-1.iso',
  ])
  const description = file('domain/Old-server-more.xml')
  if (has('virt-xml-validate')) execFileSync('virt-xml-validate', [description, 'domain'], { stdio: 'pipe' })
  else process.stderr.write('skipped: the schema of libvirt: virt-xml-validate is not installed\n')
  const plan = planImport(description)
  expect(plan).toMatchObject({ kind: 'libvirt', name: 'Old "server" & more', notes: 'a < b', missing: [] })
  expect(plan.items.filter(({ outcome }) => outcome === 'dropped')).toEqual([])
  expect(plan.machine).toMatchObject({ memoryMiB: 24, boot: ['disk', 'cdrom'], serialPorts: 2 })
  expect(plan.machine.drives!.map(({ kind, path }) => [kind, path])).toEqual([
    ['floppy', null],
    ['disk', file('domain/Old-server-more-disk-1.qcow2')],
    ['cdrom', file('domain/Old-server-more-cdrom-1.iso')],
  ])
})

it.skipIf(!hasQemu)('a domain of libvirt boots in QEMU from the disk that was written', async () => {
  exported('domain', 'libvirt')
  const { machine } = planImport(file('domain/Old-server-more.xml'))
  const command = asShellCommand(qemuCommand('again', v.parse(MachineConfig, machine)).words)
  expect(await statusOf(command)).toBe((33 << 1) | 1)
})

it.skipIf(!hasQemu)('an OVA is an archive whose disk QEMU boots, and comes back as the machine', async () => {
  expect(exported('machine.ova', 'ova')).toEqual(['machine.ova'])
  execFileSync('tar', ['-xf', file('machine.ova')], { cwd: folder })
  const disk = file('Old-server-more-disk-1.vmdk')
  const names = ['Old-server-more.ovf', 'Old-server-more.mf', basename(disk), 'Old-server-more-cdrom-1.iso']
  const listed = execFileSync('tar', ['-tf', file('machine.ova')], { encoding: 'utf8' })
  expect(listed.trim().split('\n')).toEqual(names)
  for (const line of readFileSync(file('Old-server-more.mf'), 'utf8').trim().split('\n')) {
    const [, name, sum] = /^SHA256\((.+)\)= ([0-9a-f]{64})$/.exec(line)!
    expect(
      createHash('sha256')
        .update(readFileSync(file(name!)))
        .digest('hex'),
    ).toBe(sum)
  }
  const info = execFileSync('qemu-img', ['info', '--output=json', disk], { encoding: 'utf8' })
  expect(JSON.parse(info)).toMatchObject({
    'virtual-size': 4 * 1024 * 1024,
    'format-specific': { data: { 'create-type': 'streamOptimized' } },
  })
  expect(
    await statusOf(`qemu-system-i386 -m 24 -drive 'file=${disk.replaceAll(',', ',,')},format=vmdk'`),
  ).toBe((33 << 1) | 1)
  const plan = planImport(file('machine.ova'))
  expect(plan).toMatchObject({ kind: 'OVF', name: 'Old "server" & more', notes: 'a < b', converted: [1] })
  expect(plan.machine.memoryMiB).toBe(24)
  expect(plan.machine.drives!.map(({ kind }) => kind)).toEqual(['floppy', 'disk', 'cdrom'])
})

it('an OVF package is a folder that comes back as the machine', () => {
  exported('package', 'ovf')
  const plan = planImport(file('package/Old-server-more.ovf'))
  expect(plan.items.filter(({ outcome }) => outcome === 'dropped')).toEqual([])
  expect(plan.machine.drives!.map(({ kind, path }) => [kind, path && basename(path)])).toEqual([
    ['floppy', null],
    ['disk', 'Old-server-more-disk-1.vmdk'],
    ['cdrom', 'Old-server-more-cdrom-1.iso'],
  ])
})

it('an export that is stopped leaves nothing, and replaces nothing', () => {
  const before = readdirSync(folder)
  const wish = { kind: 'ova', name: 'x', notes: '', config: diskMachine(), nowMs: 0 } as const
  const work = exportMachine(file('a.ova'), wish)
  work.next()
  work.return({ files: [], differences: [] })
  const made = ['boot.img', 'cd.iso', 'disk.raw', 'disk.vdi']
  expect(readdirSync(folder).toSorted()).toEqual([...before, ...made].toSorted())
  writeFileSync(file('a.ova'), 'mine')
  expect(() => exportMachine(file('a.ova'), wish).next()).toThrow(/already/)
})

it.skipIf(!hasQemu)('a machine that is exported boots in QEMU with its floppy and its disk', async () => {
  const command = asShellCommand(qemuCommand("It's old, (really)", machine()).words)
  expect(await statusOf(command)).toBe((21 << 1) | 1)
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

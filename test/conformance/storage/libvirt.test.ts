import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MachineConfig } from '../../../engine/protocol/machine-config.ts'
import { exportMachine } from '../../../engine/service/export/export-machine.ts'
import { Media } from '../../../engine/service/media/media.ts'
import { writeBootFloppy } from '../../support/talking-guest.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-libvirt-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const file = (name: string): string => join(folder, name)

/** libvirt's driver of QEMU in a process of its own, without a daemon and away from the host's domains. */
function connection(name: string): string {
  mkdirSync(file(`${name}/etc`), { recursive: true })
  const user = process.getuid?.() === 0 ? 'user = "root"\ngroup = "root"\n' : ''
  writeFileSync(
    file(`${name}/etc/qemu.conf`),
    `${user}dynamic_ownership = 0\nremember_owner = 0\nstdio_handler = "file"\n`,
  )
  return `qemu:///embed?root=${file(name)}`
}

/** Why libvirt cannot be asked here, or null. */
function missing(): string | null {
  try {
    execFileSync('virsh', ['-c', connection('look'), 'list'], { stdio: 'pipe' })
    execFileSync('qemu-system-i386', ['--version'], { stdio: 'pipe' })
    return null
  } catch (error) {
    return `libvirt cannot run QEMU here (Debian packages libvirt-clients, libvirt-daemon-driver-qemu, libvirt-daemon-system): ${String(error).split('\n', 2).join(' ')}`
  }
}

/** Says on COM1 that it is there. */
const SAYS = `
    mov dx, 0x3f8
    mov al, 'V'
    out dx, al
  rest:
    hlt
    jmp rest
`

/** @returns the file with the description of the domain */
function exported(): string {
  writeBootFloppy(file('boot.img'), SAYS)
  const disk = new Uint8Array(4 * 1024 * 1024)
  disk.set(readFileSync(file('boot.img')).subarray(0, 512))
  writeFileSync(file('disk.raw'), disk)
  const vdi = { format: 'vdi' } as const
  for (const _ of new Media().convert(file('disk.raw'), file('disk.vdi'), vdi, { format: 'raw' }));
  const config = v.parse(MachineConfig, {
    version: 1,
    memoryMiB: 24,
    cpuModel: 'pentium2',
    boot: ['disk'],
    drives: [
      { kind: 'floppy', path: null },
      { kind: 'disk', path: file('disk.vdi'), format: 'vdi' },
    ],
  })
  const wish = { kind: 'libvirt', name: 'Old "server" & more', notes: '', config, nowMs: 0 } as const
  for (const _ of exportMachine(file('domain'), wish));
  return file('domain/Old-server-more.xml')
}

it('libvirt takes the description of a machine as it is, and starts its guest', async ({ skip }) => {
  const reason = missing()
  if (reason) skip(reason)
  const description = exported()
  const answer = execFileSync('virsh', ['-c', connection('define'), 'define', description], { stdio: 'pipe' })
  expect(answer.toString()).toContain('defined from')

  // Without KVM, and with what the guest says in a file.
  const said = file('said')
  const here = readFileSync(description, 'utf8')
    .replace('<domain type="kvm">', '<domain type="qemu">')
    .replace('<serial type="pty">', `<serial type="file"><source path="${said}"/>`)
  writeFileSync(file('here.xml'), here)
  // The domain runs as long as the process that has started it.
  const virsh = spawn('virsh', ['-c', connection('run')], { stdio: ['pipe', 'pipe', 'pipe'] })
  let told = ''
  for (const output of [virsh.stdout, virsh.stderr])
    output.setEncoding('utf8').on('data', (text: string) => (told += text))
  const ended = new Promise((resolve) => virsh.once('exit', resolve))
  const heard = (): string => {
    try {
      return readFileSync(said, 'latin1')
    } catch {
      return ''
    }
  }
  virsh.stdin.write(`create ${file('here.xml')}\n`)
  for (let waited = 0; heard() === '' && !told.includes('error:') && waited < 60_000; waited += 100)
    await delay(100)
  const first = heard()
  virsh.stdin.end('destroy "Old \\"server\\" & more"\nquit\n')
  await ended
  expect([first, told]).toEqual(['V', expect.stringContaining('destroyed')])
})

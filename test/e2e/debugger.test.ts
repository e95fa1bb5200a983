import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { assemble } from '../../tools/assembler/assemble.ts'
import { missing, PROJECT } from './fronts.ts'

const GDB = '/usr/bin/gdb'
const reason =
  missing({ browser: false }) ?? (existsSync(GDB) ? null : `${GDB} is not installed (Debian package gdb)`)
if (reason) process.stderr.write(`skipped: debugger tests: ${reason}\n`)

/** A boot sector that counts in protected mode: once through the loop a store, a load and a call. A word at 5008h ends it. */
const PROGRAM = `
org 0x7c00
bits 16
  jmp 0:start
start:
  cli
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x7c00
  mov ax, 0x1234
  mov es, ax
real:
  lgdt [pointer]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp dword 8:protected
bits 32
protected:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x9000
  fninit
  fld1
  fldpi
  xor ecx, ecx
again:
  inc ecx
  call work
  jmp again
work:
  mov eax, ecx
  add eax, eax
store:
  mov [0x5000], eax
  mov edx, [0x5004]
check:
  cmp dword [0x5008], 0
  je back
  mov al, 3
  out 0xf4, al
back:
  ret
align 8
gdt: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
pointer: dw 23
  dd gdt
times 510 - ($ - $$) db 0
dw 0xaa55
`

let folder: string
let symbols: ReadonlyMap<string, bigint>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-gdb-'))
  const { bytes, symbols: found } = assemble('boot.asm', {
    readText: () => PROGRAM,
    readBytes: () => new Uint8Array(),
    find: (name) => (name === 'boot.asm' ? name : null),
  })
  symbols = found
  const floppy = new Uint8Array(1_474_560)
  floppy.set(bytes)
  await writeFile(join(folder, 'boot.img'), floppy)
})
afterAll(() => rm(folder, { recursive: true }))

const machines: ChildProcess[] = []
afterEach(() => {
  for (const machine of machines.splice(0)) machine.kill('SIGKILL')
})

/** Starts a machine that waits for a debugger, and gives the port. */
function startMachine(...more: string[]): Promise<{ port: number; ended: Promise<number | null> }> {
  const args = [
    '--floppy',
    join(folder, 'boot.img'),
    '--gdb',
    'tcp:127.0.0.1:0',
    '--wait-gdb',
    '--timeout',
    '90',
  ]
  const machine = spawn(process.execPath, [join(PROJECT, 'out/cli/index.js'), 'run', ...args, ...more])
  machines.push(machine)
  const ended = new Promise<number | null>((resolve) => machine.on('close', resolve))
  return new Promise((resolve, reject) => {
    let said = ''
    machine.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const [, port] = /target remote \S+:(\d+)/.exec(said) ?? []
      if (port !== undefined) resolve({ port: Number(port), ended })
    })
    machine.on('close', () => reject(new Error(said)))
  })
}

/** Runs GDB through a script, connected, and gives what it printed. */
function gdb(port: number, ...script: string[]): Promise<string> {
  const commands = ['set pagination off', 'set confirm off', `target remote 127.0.0.1:${port}`, ...script]
  return new Promise((resolve) =>
    execFile(
      GDB,
      ['-nx', '-batch', ...commands.flatMap((command) => ['-ex', command])],
      { timeout: 80_000 },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    ),
  )
}

const at = (name: string): string => `0x${symbols.get(name)!.toString(16)}`

describe.skipIf(reason)('a debugger', () => {
  it('stops, steps, looks and changes', async () => {
    const { port, ended } = await startMachine()
    const text = await gdb(
      port,
      'printf "first %x %x\\n", $cs_base, $eip',
      `break *${at('real')}`,
      'continue',
      'printf "real %x es %x cr0 %x\\n", $eip, $es, $cr0 & 1',
      'delete',
      `hbreak *${at('again')}`,
      'continue',
      'printf "protected %x %x cs %x esp %x\\n", $eip, $cr0 & 1, $cs, $esp',
      'printf "fpu %.4f %.1f\\n", $st0, $st1',
      'delete',
      'stepi',
      'printf "stepped ecx %d\\n", $ecx',
      'stepi',
      `printf "called %d\\n", $eip == ${at('work')}`,
      'set $ecx = 1000',
      `break *${at('store')}`,
      'continue',
      'printf "doubled %d\\n", $eax',
      'delete',
      'watch *(int *) 0x5000',
      'continue',
      `printf "watched %d %d\\n", *(int *) 0x5000, $eip == ${at('store')} + 5`,
      'delete',
      'rwatch *(int *) 0x5004',
      'set *(int *) 0x5004 = 77',
      'continue',
      `printf "read %d %d\\n", $edx, $eip == ${at('check')}`,
      'delete',
      'set $xmm3.v4_int32[2] = 42',
      'printf "xmm %d\\n", $xmm3.v4_int32[2]',
      'monitor phys on',
      'x/1hx 0x7dfe',
      'kill',
    )
    for (const line of [
      'first ffff0000 fff0',
      `real ${at('real').slice(2)} es 1234 cr0 0`,
      `protected ${at('again').slice(2)} 1 cs 8 esp 9000`,
      'fpu 3.1416 1.0',
      'stepped ecx 1',
      'called 1',
      'doubled 2000',
      'watched 2000 1',
      'read 77 1',
      'xmm 42',
      '0x7dfe:\t0xaa55',
    ])
      expect(text).toContain(line)
    expect(await ended).toBe(0)
  })

  it('leaves the guest as it was, and running, when it goes', async () => {
    const { port, ended } = await startMachine('--debug-exit')
    const text = await gdb(
      port,
      `break *${at('store')}`,
      'continue',
      `x/1bx ${at('store')}`,
      'set *(int *) 0x5008 = 1',
      'detach',
    )
    expect(text).toContain('0xa3') // MOV moffs32, EAX: no INT3 was planted
    expect(await ended).toBe(7)
  })

  it('is taken from this computer only', async () => {
    const run = (...args: string[]) =>
      new Promise<string>((resolve) =>
        execFile(process.execPath, [join(PROJECT, 'out/cli/index.js'), 'run', ...args], (_e, _out, said) =>
          resolve(said),
        ),
      )
    expect(await run('--gdb', 'tcp:0.0.0.0:1234')).toMatch(
      /^vitrine: --gdb tcp:0.0.0.0:1234: .*this computer only.*\n$/,
    )
    expect(await run('--gdb', 'here')).toMatch(/^vitrine: --gdb here: it reads tcp:127.0.0.1:PORT\n$/)
    expect(await run('--wait-gdb')).toMatch(/^vitrine: --wait-gdb: .*--gdb/)
  })
})

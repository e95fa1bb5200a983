import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { missingKvm } from '../../engine/kvm/test-kvm.ts'
import { bootSector } from '../support/boot-sector.ts'
import { guestImages } from '../support/guest-images.ts'
import { boot, boots, orSkip, vitrine, type Run } from '../support/vitrine-run.ts'
import { GuestMissing } from '../support/guests/packages.ts'

// What runs under the most limited KVM, which has neither paging nor speed: real mode.

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-kvm-'))
})
afterAll(() => rm(folder, { recursive: true }))

const KVM = ['--accel', 'kvm']
const freedos = async (): Promise<string[]> => ['--floppy', `${await guestImages.freedos()},ephemeral`]

/** The arguments, where there is a KVM at all. */
async function underKvm(prepare: () => Promise<Run>): Promise<Run> {
  const missing = missingKvm()
  if (missing !== null) throw new GuestMissing(missing)
  return prepare()
}

describe('under KVM', () => {
  boots('the firmware comes through its self-test', () =>
    underKvm(async () => ({ args: KVM, steps: ['wait:No bootable device'], seconds: 60 })),
  )

  boots('FreeDOS comes to its prompt and obeys', () =>
    underKvm(async () => ({
      args: [...KVM, ...(await freedos())],
      steps: ['wait:Welcome to FreeDOS', 'wait:A:\\\\>', 'type:ver /r\\n', 'wait:DOS version 7\\.10'],
      seconds: 300,
    })),
  )

  it.for([
    ['kvm', 'interpreter'],
    ['interpreter', 'kvm'],
  ] as const)(
    'FreeDOS goes on from a state saved under %s when restored under %s',
    async ([from, to], { skip }) => {
      const state = join(folder, `${from}.state`)
      const { args: drives } = await orSkip(
        () => underKvm(async () => ({ args: await freedos(), steps: [] })),
        skip,
      )
      await boot({
        args: ['--accel', from, ...drives],
        steps: ['wait:A:\\\\>', 'type:set before=', `save-state:${state}`],
        seconds: 300,
      })
      await boot({
        args: ['--accel', to, ...drives, '--restore-state', state],
        steps: ['type:saved\\nset\\n', 'wait:BEFORE=saved'],
        seconds: 300,
      })
    },
  )

  it('exits are counted by reason', async ({ skip }) => {
    const stats = join(folder, 'stats.json')
    const { args } = await orSkip(() => underKvm(async () => ({ args: KVM, steps: [] })), skip)
    await boot({
      args: [...args, '--stats', stats],
      steps: ['wait:No bootable device', 'sleep:500'],
      seconds: 60,
    })
    const { exits, accelerator } = JSON.parse(await readFile(stats, 'utf8')) as {
      exits: Record<string, number>
      accelerator: { name: string }
    }
    expect(accelerator.name).toBe('kvm')
    for (const reason of ['pio-read', 'pio-write', 'halt', 'kick'])
      expect(exits[reason], reason).toBeGreaterThan(0)
  })

  it('the program ends in time although its guest loops for ever with interrupts off', async ({ skip }) => {
    const image = await bootSector(folder, 'loop.img', 'cli', 'jmp $')
    const { args } = await orSkip(() => underKvm(async () => ({ args: KVM, steps: [] })), skip)
    const start = performance.now()
    const { status } = await vitrine(['run', ...args, '--floppy', `${image},ephemeral`, '--timeout', '3'])
    expect(status).toBe(124)
    expect(performance.now() - start).toBeLessThan(15_000)
  })

  it('a guest that needs paging runs, or is told that this KVM is limited', async ({ skip }) => {
    const image = await bootSector(folder, 'paging.img', ...PAGING)
    const { args } = await orSkip(() => underKvm(async () => ({ args: KVM, steps: [] })), skip)
    const floppy = ['--floppy', `${image},ephemeral`]
    const { status, stderr } = await vitrine(['run', ...args, ...floppy, '--debug-exit', '--timeout', '60'])
    if (stderr.includes('KVM is limited')) {
      expect(status).toBe(2)
      expect(stderr).toContain('KVM cannot switch paging on')
    } else expect(status).toBe((0x2a << 1) | 1)
  })
})

/** Maps the first 4 MiB onto themselves, switches paging on, and writes 2Ah to the exit port. */
const PAGING = [
  'xor ax, ax',
  'mov ds, ax',
  'mov es, ax',
  'mov edi, 10000h',
  'mov dword [0f000h], 10007h - 7 + 3',
  'mov ax, 1000h',
  'mov es, ax',
  'xor di, di',
  'mov eax, 3',
  'mov cx, 1024',
  'next: stosd',
  'add eax, 1000h',
  'loop next',
  'lgdt [gdt]',
  'mov eax, 0f000h',
  'mov cr3, eax',
  'cli',
  'mov eax, cr0',
  'or eax, 1',
  'mov cr0, eax',
  'jmp 8:flat',
  'bits 32',
  'flat: mov eax, cr0',
  'or eax, 80000000h',
  'mov cr0, eax',
  'mov al, 2ah',
  'out 0f4h, al',
  'jmp $',
  'gdt: dw 15',
  'dd table',
  'table: dq 0, 00cf9a000000ffffh',
]

describe('--accel auto', () => {
  it('says which accelerator was chosen and why', async () => {
    const { status, stderr } = await vitrine(['run', '--do', 'power-off'])
    expect(status).toBe(0)
    expect(stderr).toMatch(/^vitrine: accelerator (kvm|jit|interpreter): .{10,}$/m)
  })
})

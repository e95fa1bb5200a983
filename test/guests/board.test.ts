import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootSector } from '../support/boot-sector.ts'
import { vitrine } from '../support/vitrine-run.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-board-'))
})
afterAll(() => rm(folder, { recursive: true }))

const RAM_KEPT = 1
const RAM_CLEARED = 2

/** Marks a byte of CMOS and a word of RAM, resets, and comes back with what became of the word. */
const resetting = (...reset: string[]): string[] => [
  'xor ax, ax',
  'mov ds, ax',
  'mov ax, 5000h',
  'mov es, ax',
  'mov al, 70h',
  'out 70h, al',
  'in al, 71h',
  'cmp al, 5ah',
  'je again',
  'mov al, 70h',
  'out 70h, al',
  'mov al, 5ah',
  'out 71h, al',
  'mov word [es:0], 1234h',
  ...reset,
  'wait: jmp wait',
  `again: mov al, ${RAM_KEPT}`,
  'cmp word [es:0], 1234h',
  'je tell',
  `mov al, ${RAM_CLEARED}`,
  'tell: out 0f4h, al',
  'noidt: dw 0, 0, 0',
]

describe('ways to reset a PC', () => {
  it.for<[string, number, string[]]>([
    ['the keyboard controller, command FEh', RAM_KEPT, ['mov al, 0feh', 'out 64h, al']],
    ['port 92h', RAM_KEPT, ['in al, 92h', 'or al, 1', 'out 92h, al']],
    [
      'port CF9h, the processor alone',
      RAM_KEPT,
      ['mov dx, 0cf9h', 'mov al, 0', 'out dx, al', 'mov al, 4', 'out dx, al'],
    ],
    [
      'port CF9h, everything',
      RAM_CLEARED,
      ['mov dx, 0cf9h', 'mov al, 2', 'out dx, al', 'mov al, 6', 'out dx, al'],
    ],
    ['a triple fault', RAM_KEPT, ['lidt [noidt]', 'int 3']],
    ['a jump to FFFF:0', RAM_KEPT, ['jmp 0ffffh:0']],
  ])('%s', async ([name, exit, reset]) => {
    const image = await bootSector(folder, `${name.replaceAll(/\W+/g, '-')}.img`, ...resetting(...reset))
    const options = ['--memory', '4', '--debug-exit', '--timeout', '60']
    const { status, stderr } = await vitrine(['run', '--floppy', `${image},readonly`, ...options])
    expect(status, stderr).toBe((exit << 1) | 1)
  })
})

describe('the parallel port', () => {
  it('prints to the end of a file, by INT 17h and by its registers', async () => {
    const program = [
      'xor dx, dx',
      'mov ax, 0041h',
      'int 17h',
      'mov dx, 378h',
      'mov al, 42h',
      'out dx, al',
      'mov dl, 7ah',
      'mov al, 0dh',
      'out dx, al',
      'mov al, 0ch',
      'out dx, al',
      'mov al, 0',
      'out 0f4h, al',
    ]
    const image = await bootSector(folder, 'print.img', ...program)
    const file = join(folder, 'printed')
    for (const printed of ['AB', 'ABAB']) {
      const options = ['--parallel', `file:${file}`, '--debug-exit', '--timeout', '60']
      const { status, stderr } = await vitrine(['run', '--floppy', `${image},readonly`, ...options])
      expect(status, stderr).toBe(1)
      expect(await readFile(file, 'latin1')).toBe(printed)
    }
  })
})

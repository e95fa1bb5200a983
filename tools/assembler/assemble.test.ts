import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { assemble } from './assemble.ts'
import { sampleProgram } from './sample.ts'
import type { Files } from './source.ts'

/** Sources in memory. */
function memoryFiles(sources: Readonly<Record<string, string>>): Files {
  return {
    readText: (path) => sources[path] ?? '',
    readBytes: (path) => new TextEncoder().encode(sources[path] ?? ''),
    find: (name) => (Object.hasOwn(sources, name) ? name : null),
  }
}

const build = (text: string, others: Readonly<Record<string, string>> = {}): number[] => [
  ...assemble('main.asm', memoryFiles({ 'main.asm': text, ...others })).bytes,
]

const lacksNasm = spawnSync('nasm', ['-v']).status !== 0

describe('against NASM', () => {
  beforeEach(({ skip }) => skip(lacksNasm, 'needs the program nasm (Debian package nasm)'))
  const folder = mkdtempSync(join(tmpdir(), 'assembler-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const nasm = (text: string): number[] => {
    writeFileSync(join(folder, 'main.asm'), text)
    execFileSync('nasm', ['-w-all', '-f', 'bin', '-o', 'main.bin', 'main.asm'], { cwd: folder })
    return [...readFileSync(join(folder, 'main.bin'))]
  }
  /** The first statement whose code differs, instead of two walls of numbers. */
  const expectSame = (text: string): void => {
    const ours = build(text)
    const theirs = nasm(text)
    const first = ours.findIndex((byte, index) => byte !== theirs[index])
    expect({ first, length: ours.length }).toEqual({ first: -1, length: theirs.length })
  }

  it('gives the same bytes for every instruction and addressing mode', () => {
    expectSame(sampleProgram())
  })

  it('chooses the same sizes of jumps', () => {
    // Distances around the limits, forwards and backwards, with jumps that lengthen each other.
    const gaps = [0, 1, 60, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 200]
    const blocks = gaps.flatMap((gap, n) => [
      `block${n}:`,
      `jmp .forward`,
      `jz .middle`,
      `times ${gap} nop`,
      `.middle: jnz block${n}`,
      `jmp block${Math.max(0, n - 1)}`,
      `.forward: call block${gaps.length - 1 - n}`,
      `jmp short $`,
      `jmp near $`,
    ])
    expectSame(['bits 16', ...blocks].join('\n'))
    expectSame(['bits 32', ...blocks].join('\n'))
  })

  it('lays out data alike', () => {
    expectSame(`
org 100h
SIZE equ end-start
%define WIDTH 80
%define AREA (WIDTH*25)
%if AREA > 1999
start: db 'text', "it's", \`tab\\tnul\\0\`, 13, 10, 0
%else
%error too small
%endif
dw 'ab', 'abc', SIZE, AREA, -1, $-start, ($-$$)/2, 7 % 4, ~0fh & 0xff, 1 << 4 | 3, 5 > 4
dd start, 1.5, -0.25, 0b1010, 17q, 0x1234_5678, 'abcd'
dq 0xffffffffffffffff, 00CF9A000000FFFFh, 3.141592653589793
.local: times 3 db 1, 2
align 16
other:
.local: dw .local, start.local, other.local
align 4, db 0
resb 5
absolute 500h
first: resw 3
second: resd 1
section .text
mov [second], ax
mov ax, [bx+second-first]
end:
times 512-($-$$) db 0
dw 0aa55h
`)
  })

  it('treats prefixes alike', () => {
    expectSame(`
bits 16
rep movsb
repne scasd
es lodsb
rep es movsw
lock add [bx], ax
o32 lgdt [bx]
a32 stosb
o32 ret
o32 iret
cs jmp [bx]
bits 32
o16 ret
a16 rep stosd
gs mov eax, [ebx]
add ax, strict word 5
add eax, strict dword 5
push strict dword 5
mov eax, [ds:ebx]
`)
  })
})

describe('errors', () => {
  it.each([
    ['mov ax, bl', '"mov" does not take these operands'],
    ['\nmov [bx], 5', 'the size of the memory operand is missing'],
    ['jmp nowhere', 'symbol "nowhere" is not defined'],
    ['x: db 1\nx: db 2', '"x" is defined twice'],
    ['db 256', '256 does not fit 8 bits'],
    ['mov al, 1000', '1000 does not fit 8 bits'],
    ['start: times 200 nop\nloop start', 'the target of this short jump is -202 bytes away'],
    ['mov al, [cx]', 'no 16-bit addressing mode has these registers'],
    ['mov al, [eax+bx]', 'an address cannot mix 16-bit and 32-bit registers'],
    ["db 'open", 'this string has no end'],
    ['%include "absent.inc"', 'file "absent.inc" is not there'],
    ['mvo ax, bx', 'unknown instruction "mvo"'],
    ['label: mvo', 'unknown instruction "mvo"'],
    ['%if 1', 'this %if has no %endif'],
    ['times 10-($-$$)-20 db 0', 'a count of -10 is not possible'],
    ['mov ax, bx cx', 'did not expect'],
    ['db 1 / 0', 'division by zero'],
  ])('names the place of %j', (text, reason) => {
    const line = text.startsWith('\n') || /\n(x|loop)/.test(text) ? 2 : 1
    const attempt = (): number[] => build(text)
    if (reason === 'did not expect') expect(attempt).toThrow(/^main\.asm:1: /)
    else expect(attempt).toThrow(`main.asm:${line}: ${reason}`)
  })

  it('names the included file', () => {
    expect(() => build('nop\n%include "part.inc"', { 'part.inc': '\n\nmov ax,' })).toThrow(/^part\.inc:3: /)
  })

  it('refuses files that include themselves', () => {
    expect(() => build('%include "main.asm"')).toThrow('include each other')
  })
})

it('puts labels and constants into the symbols', () => {
  const { symbols } = assemble('a', memoryFiles({ a: 'org 100h\nFIVE equ 5\nnop\nlabel: dw FIVE\n.x: nop' }))
  expect(Object.fromEntries(symbols)).toEqual({ FIVE: 5n, label: 0x101n, 'label.x': 0x103n })
})

import { describe, expect, it } from 'vitest'
import { protectedFrame, ring3, runBareMetal } from './bare-metal.ts'

/** Faults of a body in the protected frame: vector, error code and the first byte of the instruction at EIP. */
function faults(body: string, spare: string[] = []): [vector: number, error: number, opcode: number][] {
  const { log, symbols, processor } = runBareMetal(protectedFrame(body, { spare }))
  const base = Number(symbols.get('body'))
  return Array.from({ length: Math.floor(log.length / 5) }, (_, i) => [
    log[i * 5]!,
    log[i * 5 + 1]!,
    processor.ram[(base + log[i * 5 + 2]!) >>> 0]!,
  ])
}

/** Runs each piece up to its fault, then the next. */
const each = (pieces: readonly string[]): string =>
  pieces.map((piece, i) => `mov dword [resume], .next${i}\n${piece}\n.next${i}:`).join('\n')

const [GP, AC] = [13, 17]

describe('near transfers beyond the limit of CS', () => {
  it('fault at themselves, before they have done anything (SDM vol. 2, JMP, CALL, RET, Jcc)', () => {
    const pieces = [
      'jmp 0x8000',
      'call 0x8000',
      'mov eax, 0x9000\njmp eax',
      'mov eax, 0x9000\ncall eax',
      'push dword 0x8000\nret',
      'cmp eax, eax\njz 0x12345678',
    ]
    const body = `mov esp, 0x7000\njmp 0x40:.limited\n.limited:\n${each(pieces)}`
    expect(faults(body, ['0x00409b0000007fff'])).toEqual(
      [0xe9, 0xe8, 0xff, 0xff, 0xc3, 0x0f].map((opcode) => [GP, 0, opcode]),
    )
  })

  it('are none for what is not taken, or within by 16 bits', () => {
    const body = `
      jmp 0x40:.limited
    .limited:
      cmp eax, eax
      jnz 0x12345678
      mov dword [resume], .over
      db 0x66, 0xe9
      dw 0x6000 - .here
    .here:
    .over:`
    // The upper half of EIP is cleared: 6000h holds zeros, and ADD [EAX], AL runs on to the limit.
    expect(faults(body, ['0x00409b0000007fff'])[0]?.slice(0, 2)).toEqual([GP, 0])
  })
})

describe('alignment checks', () => {
  const user = (flags: number, body: string): string => `
      mov eax, cr0
      or eax, 0x40000
      mov cr0, eax
      ${ring3(`mov ebx, 0x5001\n${body}`, flags)}`
  const pieces = [
    'mov eax, [ebx]',
    'mov [ebx], ax',
    'mov al, [ebx]\nmov esp, 0x7ffe\npush eax',
    'mov esp, 0x7ffe\ncall finish',
    'add dword [0x5002], 1',
    'mov ecx, 2\nmov esi, 0x5002\nmov edi, 0x6000\nrep movsd',
  ]

  it('fault at CPL 3 with CR0.AM and EFLAGS.AC (SDM vol. 3, 6.15)', () => {
    const opcodes = [0x8b, 0x66, 0x50, 0xe8, 0x83, 0xf3]
    expect(faults(user(0x40002, each(pieces)))).toEqual(opcodes.map((opcode) => [AC, 0, opcode]))
  })

  it('are off without the flag, and begin and end with POPF', () => {
    expect(faults(user(2, `${pieces[0]}\n${pieces[1]}`))).toEqual([])
    const toggled = `
      mov eax, [ebx]
      push dword 0x40002
      popfd
      ${each(['mov eax, [ebx]'])}
      push dword 2
      popfd
      mov eax, [ebx]`
    expect(faults(user(2, toggled))).toEqual([[AC, 0, 0x8b]])
  })

  it('are not made at inner levels', () => {
    const body = `
      mov eax, cr0
      or eax, 0x40000
      mov cr0, eax
      push dword 0x40002
      popfd
      mov eax, [0x5001]`
    expect(faults(body)).toEqual([])
  })
})

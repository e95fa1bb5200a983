import { describe, expect, it } from 'vitest'
import type { CpuModelName } from '../../../engine/vcpu/model.ts'
import { runBareMetal } from './bare-metal.ts'

// What the manuals of the 286 (appendices C and D) and the 386 (chapter 14) say about the processors before.

const UD = 6
/** Models of 16 bits, and the first of 32. */
const EARLY: CpuModelName[] = ['8086', '286', '386']

/** Runs 16-bit code with a stack at 0:900 and handlers that log the vector of a fault plus F000h, and end. */
function run(body: string, model: CpuModelName, translated = false): number[] {
  const handler = (vector: number) => `
    mov word [${vector * 4}], fault${vector}
    mov word [${vector * 4 + 2}], 0`
  const vectors = [0, UD, 13]
  const { log, exit } = runBareMetal(
    `
    mov sp, 0x900
    ${vectors.map(handler).join('\n')}
    ${body}
    cli
    hlt
    ${vectors.map((vector) => `fault${vector}: mov ax, ${0xf000 + vector}\nout 0xe9, ax\ncli\nhlt`).join('\n')}`,
    model,
    { translated },
  )
  expect(exit).toBe('halt')
  return log
}

const logs = 'out 0xe9, ax'
const byModel = (body: string): number[][] => EARLY.map((model) => run(body, model))

describe("Intel's way to tell processors apart", () => {
  // FLAGS bits 12 to 15 that cannot be cleared: an 8086; that cannot be set: a 286; then AC: a 486; ID: CPUID.
  const identify = `
    pushf
    pop ax
    mov cx, ax
    and ax, 0xfff
    push ax
    popf
    pushf
    pop ax
    and ax, 0xf000
    cmp ax, 0xf000
    mov ax, 86
    je .known
    or cx, 0xf000
    push cx
    popf
    pushf
    pop ax
    and ax, 0xf000
    mov ax, 286
    jz .known
    pushfd
    pop eax
    mov ecx, eax
    xor eax, 0x40000
    push eax
    popfd
    pushfd
    pop eax
    xor eax, ecx
    mov ax, 386
    jz .known
    mov eax, ecx
    xor eax, 0x200000
    push eax
    popfd
    pushfd
    pop eax
    xor eax, ecx
    mov ax, 486
    jz .known
    mov eax, 1
    cpuid
    and ax, 0xf00
    .known:
    ${logs}`

  it.each<[CpuModelName, number]>([
    ['8086', 86],
    ['286', 286],
    ['386', 386],
    ['486', 0x400],
    ['pentium', 0x500],
    ['pentium2', 0x600],
    ['pentium3', 0x600],
  ])('finds a %s', (model, found) => {
    expect(run(identify, model)).toEqual([found])
    expect(run(identify, model, true)).toEqual([found])
  })

  it('by the stack pointer that PUSH SP pushes', () => {
    expect(byModel(`push sp\npop ax\n${logs}`)).toEqual([[0x8fe], [0x900], [0x900]])
    expect(run(`db 0xff, 0xf4\npop ax\n${logs}`, '8086')).toEqual([0x8fe])
  })

  it('by a shift by more than 31, which only the 8086 carries out', () => {
    const shift = (code: string) => byModel(`mov ax, 0x8001\nmov cl, 33\n${code}\n${logs}`)
    expect(shift('shl ax, cl')).toEqual([[0], [2], [2]])
    expect(shift('shr ax, cl')).toEqual([[0], [0x4000], [0x4000]])
    expect(shift('sar ax, cl')).toEqual([[0xffff], [0xc000], [0xc000]])
    expect(shift('rol ax, cl')).toEqual([[3], [3], [3]])
    // 33 is 16 more than 17 bits with the carry.
    expect(shift('stc\nrcl ax, cl')).toEqual([[0xc000], [3], [3]])
  })

  it('by the machine status word', () => {
    expect(run(`smsw ax\n${logs}`, '286')).toEqual([0xfff0])
    expect(run(`smsw ax\n${logs}`, '386')[0]! & 0xffe0).toBe(0)
  })
})

describe('instructions that came later', () => {
  it.each<[string, string]>([
    ['operand size', 'db 0x66, 0x90'],
    ['address size', 'db 0x67, 0x90'],
    ['FS', 'db 0x64, 0x90'],
    ['GS', 'db 0x65, 0x90'],
    ['MOVZX', 'db 0x0f, 0xb6, 0xc0'],
    ['a branch to a far place', 'db 0x0f, 0x80, 0, 0'],
    ['MOV of CR0', 'db 0x0f, 0x20, 0xc0'],
    ['SETO', 'db 0x0f, 0x90, 0xc0'],
    ['PUSH FS', 'db 0x0f, 0xa0, 0x58'],
    ['BSWAP', 'db 0x0f, 0xc8'],
  ])('%s is invalid on a 286', (_name, code) => {
    expect(run(code, '286')).toEqual([0xf000 + UD])
  })

  it('the 286 has those of the 186 and of protected mode', () => {
    const body = `
      push 0x1234
      pop ax
      ${logs}
      mov ax, 3
      shl ax, 4
      ${logs}
      imul ax, ax, 5
      ${logs}
      enter 4, 0
      leave
      pusha
      popa
      smsw ax
      sgdt [0x500]
      ${logs}`
    expect(run(body, '286')).toEqual([0x1234, 0x30, 0xf0, 0xfff0])
  })

  it('a LOCK in front of what cannot be locked, and F1 as a prefix, are no faults', () => {
    for (const model of ['8086', '286'] as const)
      expect(run(`lock mov ax, 6\ndb 0xf1\ninc ax\n${logs}`, model)).toEqual([7])
  })
})

describe('the 8086', () => {
  it('loads CS from the stack', () => {
    const body = `
      mov ax, 0x10
      push ax
      pop bx
      push ax
      db 0x0f
      times 0x100 nop
      mov ax, cs
      ${logs}`
    // The instruction pointer stays: execution goes on 100h bytes further.
    expect(run(body, '8086')).toEqual([0x10])
    expect(run(body, '8086', true)).toEqual([0x10])
  })

  it('has conditional branches and returns in second places', () => {
    const body = `
      stc
      db 0x62, 5 ; JC
      mov ax, 1
      ${logs}
      call near .near
      push cs
      call near .far
      jmp .end
      .near: mov ax, 2
      ${logs}
      db 0xc1
      .far: mov ax, 3
      ${logs}
      db 0xc9
      .end:`
    expect(run(body, '8086')).toEqual([2, 3])
  })

  it('takes no quotient of -128 or -32768', () => {
    const bytes = `mov ax, -128\nmov bl, 1\nidiv bl\nmov ah, 0\n${logs}`
    const words = `mov dx, -1\nmov ax, -32768\nmov bx, 1\nidiv bx\n${logs}`
    expect(byModel(bytes)).toEqual([[0xf000], [0x80], [0x80]])
    expect(byModel(words)).toEqual([[0xf000], [0x8000], [0x8000]])
  })

  it('pushes the upper bits of FLAGS with an interrupt, too', () => {
    const body = `
      mov word [0x200], .handler
      mov word [0x202], 0
      int 0x80
      jmp .end
      .handler: mov bp, sp
      mov ax, [bp + 4]
      and ax, 0xf000
      ${logs}
      iret
      .end:`
    expect(byModel(body)).toEqual([[0xf000], [0], [0]])
  })
})

describe('the end of a segment', () => {
  /** Both ways of running it, each often enough to be translated. */
  const on8086 = (body: string): number[] => {
    const log = run(body, '8086')
    expect(run(body, '8086', true)).toEqual(log)
    return log
  }
  const often = (body: string): string => `
    mov cx, 40
    .again:
    push cx
    ${body}
    pop cx
    loop .again`
  const atEnd = 'mov ax, 0x2000\nmov ds, ax\nmov es, ax\nmov bx, 0xffff'
  const showBoth = `mov al, [bx]\nmov ah, [0]\n${logs}`

  it('is followed by its beginning in an 8086, and a fault from the 286 on', () => {
    const write = `${often(`${atEnd}\nmov dx, 0x1234\nmov [bx], dx\nadd [bx], dx`)}\n${showBoth}`
    expect(on8086(write)).toEqual([0x2468])
    for (const model of ['286', '386'] as const) expect(run(write, model)).toEqual([0xf00d])
    const read = `${atEnd}\nmov byte [bx], 0x78\nmov byte [0], 0x56\n${often('mov ax, [bx]')}\n${logs}`
    expect(on8086(read)).toEqual([0x5678])
  })

  it('is crossed by far pointers and strings', () => {
    const pointer = `${atEnd}\nmov word [0xfffe], 0x1122\nmov word [0], 0x3344
      ${often('les dx, [0xfffe]')}\nmov ax, dx\n${logs}\nmov ax, es\n${logs}`
    expect(on8086(pointer)).toEqual([0x1122, 0x3344])
    const string = `${atEnd}\nmov word [0x10], 0x1111\nmov word [0x12], 0x2222\nmov word [0x14], 0x3333
      cld\nmov si, 0x10\nmov di, 0xfffd\nmov cx, 3\nrep movsw\nmov ax, di\n${logs}
      mov ax, [0xfffd]\n${logs}\n${showBoth}\nmov ax, [1]\n${logs}`
    expect(on8086(string)).toEqual([3, 0x1111, 0x2222, 0x3333])
  })

  it('is crossed by the stack, by interrupts too', () => {
    const body = `${atEnd}
      mov word [cs:0x200], .handler
      mov word [cs:0x202], 0
      mov ss, ax
      mov sp, 3
      ${often(`mov dx, sp\nint 0x80`)}
      mov ax, sp
      ${logs}
      jmp .end
      .handler: iret
      .end:`
    expect(on8086(body)).toEqual([3])
    const call = `${atEnd}\nmov ss, ax\nmov sp, 1\ncall .next\n.next: ${showBoth}\npop bx\nsub ax, bx\n${logs}`
    const [address, difference] = on8086(call)
    expect([address! > 0x1000, difference]).toEqual([true, 0])
  })

  it('is crossed by code', () => {
    // At 3000:FFF8, so that a MOV lies on both sides and a CALL begins the segment.
    const body = `
      mov ax, 0x3000
      mov es, ax
      cld
      mov si, .code
      mov di, 0xfff8
      mov cx, .code_end - .code
      rep movsb
      mov dx, 0
      mov cx, 40
      .again: call 0x3000:0xfff8
      loop .again
      mov ax, dx
      ${logs}
      mov ax, bx
      ${logs}
      jmp .end
      .code: add dx, 3
      nop
      nop
      nop
      mov bx, 0x1234
      call .near
      retf
      .near: inc dx
      ret
      .code_end:
      .end:`
    expect(on8086(body)).toEqual([160, 0x1234])
    expect(run(body, '286')).toEqual([0xf00d])
    // The last byte of the segment is the last of an instruction; a branch leads back over the end.
    const exact = body
      .replace('add dx, 3', 'times 8 nop')
      .replace('nop\n      nop\n      nop\n      mov bx, 0x1234', 'mov bx, 0x1234')
    expect(on8086(exact)).toEqual([40, 0x1234])
  })

  it('is the end of memory at FFFFFh for an 8086, whatever the A20 gate says', () => {
    const body = `mov ax, 0xffff\nmov es, ax\nmov word [0x500], 0x1234\nmov ax, [es:0x510]\n${logs}`
    expect(on8086(often(body)).slice(0, 1)).toEqual([0x1234])
    expect(run(body, '286')).toEqual([0])
  })
})

describe('the 8086 by recordings of it', () => {
  const divides = (code: string): string => `
    mov word [0], .divided
    mov ax, 0x1234
    mov dx, 1
    ${code}
    .after: ${logs}
    jmp .end
    .divided: mov bp, sp
    mov ax, [bp]
    sub ax, .after
    ${logs}
    .end:`

  it('goes on behind a division whose quotient does not fit, later ones go back to it', () => {
    for (const code of ['mov bx, 1\ndiv bx', 'mov bl, 0\ndiv bl', 'mov bx, 1\nidiv bx', 'aam 0'])
      expect(byModel(divides(code)).map(([at]) => (at! << 16) >> 16)).toEqual([0, -2, -2])
  })

  it('gives a division after REP the other sign', () => {
    expect(run(`mov ax, 100\nmov bl, 7\ndb 0xf3\nidiv bl\n${logs}`, '8086')).toEqual([0x02f2])
    expect(run(`mov ax, 100\nmov bl, 7\ndb 0xf3\nidiv bl\n${logs}`, '286')).toEqual([0x020e])
  })

  it('sets all bits by what is one more SHL later', () => {
    const byOne = byModel(`mov ax, 1\ndb 0xd1, 0xf0\n${logs}`)
    expect(byOne).toEqual([[0xffff], [2], [2]])
    expect(run(`mov ax, 1\nmov cl, 0\ndb 0xd3, 0xf0\n${logs}`, '8086')).toEqual([1])
  })

  it('clears ZF with a product whose upper half is not zero, by which programs find a V20', () => {
    const flags = (code: string): number[] =>
      run(`cmp al, al\n${code}\npushf\npop ax\nand ax, 0x40\n${logs}`, '8086')
    expect(flags('mov al, 0x40\nmul al')).toEqual([0])
    expect(flags('mov al, 2\nmul al')).toEqual([0x40])
  })

  it('carries nothing from a digit of ASCII into AH', () => {
    expect(byModel(`mov ax, 0x1ff\naaa\n${logs}`)).toEqual([[0x205], [0x305], [0x305]])
  })

  it('lets the coprocessor ignore what it does not know, and store across the end of a segment', () => {
    expect(run(`db 0xdb, 0xe7, 0xd9, 0x0f, 0xdb, 0xf7\nmov ax, 7\n${logs}`, '8086')).toEqual([7])
    expect(run(`mov bx, 0xfffa\nfnstenv [bx]\nmov ax, 7\n${logs}`, '8086')).toEqual([7])
    expect(run(`mov bx, 0xfffa\nfnstenv [bx]\nmov ax, 7\n${logs}`, '286')).toEqual([0xf00d])
  })

  it('looks at two bits of the number of a segment register', () => {
    expect(run(`mov ax, 0x1234\ndb 0x8e, 0xf8\nmov bx, ds\nmov ax, bx\n${logs}`, '8086')).toEqual([0x1234])
    expect(run('db 0x8e, 0xe0', '286')).toEqual([0xf000 + UD])
  })
})

describe('the 286 in protected mode', () => {
  // Xenix for the 286 keeps data of its own there, and never runs on a 386.
  it('takes nothing from the last two bytes of a descriptor', () => {
    const body = (code: string) => `
      lgdt [.pointer]
      lidt [.interrupts]
      mov ax, 1
      lmsw ax
      jmp 8:.protected
      .protected:
      ${code}
      cli
      hlt
      .fault: mov ax, 0xbad
      ${logs}
      cli
      hlt
      .pointer: dw 39
      dd .gdt
      .interrupts: dw 0x6f
      dd .gates
      .gdt: dq 0
      dw 0xffff, 0, 0x9b00, 0
      dw 0x000f, 0x0200, 0x9300, 0x12af
      dw 0x0067, 0x0400, 0x8900, 0
      dw 0xffff, 0, 0x9300, 0
      .gates: times 13 dq 0
      dw .fault, 8, 0x8600, 0`
    const reads = `mov ax, 16\nmov ds, ax\nmov word [0], 0x4321\nmov ax, [0]\n${logs}`
    const limit = `mov bx, 16\nlsl ax, bx\n${logs}`
    expect(run(body(limit), '286')).toEqual([0xf])
    // Granular there, in pages: FF00Fh of them.
    expect(run(body(limit), '386')).toEqual([0xffff])
    expect(run(body(reads), '286')).toEqual([0x4321])
    // A task of the 386 is none.
    expect(run(body('mov ax, 24\nltr ax'), '286')).toEqual([0xbad])
    expect(run(body('mov ax, 24\nltr ax'), '386')).toEqual([])
  })

  it('is entered by LMSW, keeps NT and IOPL there, and addresses 16 MiB', () => {
    const body = `
      lgdt [.pointer]
      mov ax, 1
      lmsw ax
      jmp 8:.protected
      .protected:
      mov ax, 16
      mov ds, ax
      mov word [0], 0x4321
      mov ax, [0]
      ${logs}
      mov ax, 24
      mov ss, ax
      push word 0x7002
      popf
      pushf
      pop ax
      and ax, 0xf000
      ${logs}
      cli
      hlt
      .pointer: dw 31
      dd .gdt
      .gdt: dq 0
      dw 0xffff, 0, 0x9b00, 0
      dw 0xffff, 0, 0x9310, 0
      dw 0xffff, 0, 0x9300, 0`
    expect(run(body, '286')).toEqual([0x4321, 0x7000])
  })
})

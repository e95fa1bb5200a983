import { describe, expect, it } from 'vitest'
import { type FrameOptions, PAGE_TABLES, protectedFrame, ring3, runBareMetal } from './bare-metal.ts'

/** Runs a body in the protected frame and gives its log; a fault is five words: see protectedFrame. */
const log = (body: string, options?: FrameOptions): number[] =>
  runBareMetal(protectedFrame(body, options)).log

/** Vectors and error codes of a log that holds faults only. */
function faults(body: string, options?: FrameOptions): [vector: number, error: number][] {
  const words = log(body, options)
  return Array.from({ length: words.length / 5 }, (_, i) => [words[i * 5]!, words[i * 5 + 1]!])
}

/** Runs each piece up to its fault, then the next. */
const each = (pieces: readonly string[]): string =>
  pieces.map((piece, i) => `mov dword [resume], .next${i}\n${piece}\n.next${i}:`).join('\n')

const [DB, UD, DF, TS, NP, SS, GP, PF] = [1, 6, 8, 10, 11, 12, 13, 14]

describe('segments in protected mode', () => {
  it('refuses selectors by type, level and presence (SDM vol. 2, MOV)', () => {
    const pieces = [
      'mov ax, 0x43\nmov ds, ax', // DPL 0, RPL 3
      'mov ax, 0x48\nmov ds, ax', // not present
      'mov ax, 0x50\nmov ds, ax', // code that cannot be read
      'mov ax, 0x48\nmov ss, ax', // not present: #SS
      'xor ax, ax\nmov ss, ax', // null
      'mov ax, 0x58\nmov ss, ax', // cannot be written
      'mov ax, 0x88\nmov ds, ax', // beyond the table
      'mov ax, 0x28\nmov ds, ax', // a task-state segment
      'mov ax, 0x0c\nlldt ax', // in an LDT that there is none of
    ]
    const spare = ['0x00cf93000000ffff', '0x00cf13000000ffff', '0x00cf99000000ffff', '0x00cf91000000ffff']
    expect(faults(each(pieces), { spare })).toEqual([
      [GP, 0x40],
      [NP, 0x48],
      [GP, 0x50],
      [SS, 0x48],
      [GP, 0],
      [GP, 0x58],
      [GP, 0x88],
      [GP, 0x28],
      [GP, 0x0c],
    ])
  })

  it('checks limits and rights, also of expand-down segments (SDM vol. 3, 5.3)', () => {
    const pieces = [
      'mov ax, 0x40\nmov fs, ax\nmov eax, [fs:0xffc]\nmov eax, [fs:0xffd]', // limit FFFh
      'mov al, [fs:0x1000]',
      'mov ax, 0x48\nmov fs, ax\nmov al, [fs:0x1000]\nmov al, [fs:0x100000]\nmov al, [fs:0xfff]', // above FFFh only
      'mov ax, 0x50\nmov fs, ax\nmov al, [fs:0xffff]\nmov al, [fs:0x10000]', // the same with B = 0
      'mov ax, [fs:0xffff]',
      'xor ax, ax\nmov fs, ax\nmov al, [fs:0]',
      'mov ax, 0x58\nmov fs, ax\nmov al, [fs:0]\nmov byte [fs:0], 1', // cannot be written
      'mov al, [cs:0x5000]\nmov byte [cs:0x5000], 1',
    ]
    const spare = ['0x0040930000000fff', '0x0040970000000fff', '0x0000970000000fff', '0x00cf91000000ffff']
    expect(faults(each(pieces), { spare })).toEqual(pieces.map(() => [GP, 0]))
  })

  it('wraps the pointer of a 16-bit stack and keeps the upper half of ESP', () => {
    const body = `
      mov ax, 0x38
      mov ss, ax
      mov esp, 0x12340002
      push word 0x1111
      push word 0x2222
      mov eax, esp
      mov bx, 0x10
      mov ss, bx
      mov esp, 0x9000
      out dx, eax
      movzx eax, word [0xfffe]
      out dx, eax`
    expect(log(body)).toEqual([0x1234fffe, 0x2222])
  })
})

describe('privilege', () => {
  it('keeps ring 3 from privileged instructions, ports and inner segments', () => {
    const pieces = [
      'hlt',
      'cli',
      'mov eax, cr0',
      'lgdt [gdt_pointer]',
      'out 0x80, al',
      'clts',
      'mov ax, 0x10\nmov ds, ax',
      'int 0x20',
      'wbinvd',
    ]
    expect(faults(ring3(each(pieces)))).toEqual([
      ...Array.from({ length: 6 }, () => [GP, 0]),
      [GP, 0x10],
      [GP, 0x20 * 8 + 2],
      [GP, 0],
    ])
  })

  it('puts SS:ESP of ring 3 on the inner stack and takes it back', () => {
    const body = ring3(`
      mov dword [kernel], .back
      mov esp, 0x7654
      int 0x30
    .back:
      mov eax, [0xa000 - 4]
      out dx, eax
      mov eax, [0xa000 - 8]
      out dx, eax
      mov eax, [0xa000 - 16]
      out dx, eax`)
    expect(log(body)).toEqual([0x23, 0x7654, 0x1b])
  })

  it('copies parameters through a call gate and drops them on the way back (SDM vol. 2, CALL)', () => {
    const body = ring3(`
      push dword 0x11111111
      push dword 0x22222222
      call 0x43:0
      mov ecx, esp
      mov dword [kernel], gate_back
      int 0x30
    gate:
      mov dx, 0xe9
      mov eax, [esp + 8]
      out dx, eax
      mov eax, [esp + 12]
      out dx, eax
      mov eax, [esp + 16]
      out dx, eax
      mov eax, cs
      out dx, eax
      retf 8
    gate_back:
      mov eax, ecx
      out dx, eax`)
    expect(log(body, { spare: ['((gate >> 16) << 48) | 0xec0200080000 << 0 | (gate & 0xffff)'] })).toEqual([
      0x22222222, 0x11111111, 0x7ff8, 8, 0x8000,
    ])
  })
})

describe('debug registers', () => {
  it('break before an instruction, once, with RF set in the image', () => {
    const words = log(`
      mov eax, .here
      mov dr0, eax
      mov eax, 1
      mov dr7, eax
      mov dword [resume], .here
      nop
    .here:
      nop
      mov eax, dr6
      mov ebx, eax
      xor eax, eax
      mov dr7, eax
      mov eax, ebx
      out dx, eax`)
    expect(words[0]).toBe(DB)
    expect(words[4]! & 0x10000).toBe(0x10000)
    expect(words.slice(5)).toEqual([0xffff0ff1])
  })

  it('break after a write or an access to data, of the lengths given', () => {
    const words = log(`
      mov eax, 0x5002
      mov dr1, eax
      mov eax, 0x5008
      mov dr2, eax
      mov eax, 0x0fd00000 + 0x14
      mov eax, (1 << 20) | (1 << 22) | (3 << 24) | (3 << 26) | 0x14
      mov dr7, eax
      mov eax, [0x5000]
      mov [0x5004], eax
      mov dword [resume], .one
      mov [0x5000], eax
    .one:
      mov eax, dr6
      mov ecx, eax
      mov dword [resume], .two
      mov al, [0x500b]
    .two:
      mov eax, dr6
      mov ebx, eax
      xor eax, eax
      mov dr7, eax
      mov eax, ecx
      out dx, eax
      mov eax, ebx
      out dx, eax`)
    expect(words.filter((_, i) => i === 0 || i === 5)).toEqual([DB, DB])
    expect(words.slice(10)).toEqual([0xffff0ff2, 0xffff0ff4])
  })

  it('DR7.GD traps their use and is cleared', () => {
    const words = log(`
      mov eax, 0x2000
      mov dr7, eax
      mov dword [resume], .after
      mov eax, dr0
      nop
    .after:
      mov eax, dr7
      out dx, eax
      mov eax, dr6
      out dx, eax`)
    expect([words[0], ...words.slice(5)]).toEqual([DB, 0x400, 0xffff2ff0])
  })

  it('single-steps with TF: each repetition, not after MOV SS, after STI and not after INT', () => {
    // Offsets of the next instruction at each trap, from .begin on.
    const traps = (code: string): number[] =>
      log(`
      mov dword [idt + 8], .trap
      mov word [idt + 10], 8
      mov word [idt + 12], 0x8e00
      mov ecx, 2
      mov esi, 0x5000
      mov edi, 0x6000
      mov bx, ss
      push dword 0x102
      popfd
    .begin:
      ${code}
    .end:
      push dword 2
      popfd
      jmp finish
    .trap:
      push eax
      mov eax, [esp + 4]
      cmp eax, .end
      ja .over
      sub eax, .begin
      out dx, eax
    .over:
      pop eax
      iretd`)
    expect(traps('nop\nnop')).toEqual([1, 2])
    expect(traps('rep movsb\nnop')).toEqual([0, 2, 3])
    expect(traps('mov ss, bx\nnop\nnop')).toEqual([3, 4])
    expect(traps('sti\ncli')).toEqual([1, 2])
    expect(traps('int 0x31\nnop').slice(0, 1)).toEqual([3])
  })
})

describe('paging', () => {
  const setUp = `
      ${PAGE_TABLES}
      mov dword [0x21000 + 0x50 * 4], 0
      mov dword [0x21000 + 0x51 * 4], 0x51005
      mov dword [0x21000 + 0x52 * 4], 0x52003
      mov eax, 0x20000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      jmp .paged
    .paged:
`
  const cr2 = 'mov eax, cr2\nout dx, eax'

  it('gives error code and CR2 of supervisor faults; WP decides about read-only pages', () => {
    const words = log(`${setUp}
      mov dword [0x51000], 1
      mov dword [resume], .one
      mov eax, [0x50123]
    .one:
      ${cr2}
      mov dword [resume], .two
      mov [0x4fffe], eax
    .two:
      ${cr2}
      mov eax, cr0
      or eax, 0x10000
      mov cr0, eax
      mov dword [resume], .three
      mov dword [0x51008], 1
    .three:
      ${cr2}
      mov eax, [0x21000 + 0x51 * 4]
      out dx, eax`)
    const summary = [0, 6, 12].map((i) => [words[i], words[i + 1], words[i + 5]])
    expect(summary).toEqual([
      [PF, 0, 0x50123],
      [PF, 2, 0x50000],
      [PF, 3, 0x51008],
    ])
    // Accessed and dirty: written while WP was clear.
    expect(words[18]).toBe(0x51065)
  })

  it('tells user accesses, and fetches where NX can be', () => {
    const body = `${setUp}${ring3(
      each([
        'mov eax, [0x52000]',
        'mov dword [0x52004], 1',
        'mov dword [0x51000], 1',
        'mov eax, [0x50000]',
        'jmp 0x50000',
      ]),
    )}`
    expect(faults(body)).toEqual([
      [PF, 5],
      [PF, 7],
      [PF, 7],
      [PF, 4],
      [PF, 4],
    ])
  })

  it('keeps global pages over CR3 and drops them with INVLPG', () => {
    const words = log(`${setUp}
      mov eax, cr4
      or eax, 0x80
      mov cr4, eax
      mov dword [0x21000 + 0x60 * 4], 0x60107
      mov dword [0x60000], 0x1111
      mov dword [0x61000], 0x2222
      mov eax, cr3
      mov cr3, eax
      mov eax, [0x60000]
      mov dword [0x21000 + 0x60 * 4], 0x61107
      mov eax, cr3
      mov cr3, eax
      mov eax, [0x60000]
      out dx, eax
      invlpg [0x60000]
      mov eax, [0x60000]
      out dx, eax`)
    expect(words.at(-1)).toBe(0x2222)
    expect(words[0]).toBe(0x1111)
  })

  it('finds code of global pages where the page tables say, once CR4.PGE has been turned off and on', () => {
    const call = `mov ecx, 200
      mov ebx, 0x60000
      .again: call ebx
      dec ecx
      jnz .again
      out dx, eax\n`
    const toggle = `mov ecx, cr4
      xor ecx, 0x80
      mov cr4, ecx\n`
    const leadsTo = (page: number): string => `mov dword [0x21000 + 0x60 * 4], ${page + 0x107}\n`
    // MOV EAX, imm32; RET
    const returning = (value: number, at: number): string => `mov byte [${at}], 0xb8
      mov dword [${at + 1}], ${value}
      mov byte [${at + 5}], 0xc3\n`
    const calls = [
      leadsTo(0x60000),
      toggle + toggle,
      leadsTo(0x61000) + toggle + toggle,
      toggle + leadsTo(0x60000) + toggle,
      // While it is off no page is global.
      toggle + leadsTo(0x61000) + 'mov ecx, cr3\nmov cr3, ecx\n',
      toggle,
    ]
    const words = log(`${setUp}
      ${returning(0x1111, 0x60000)}${returning(0x2222, 0x61000)}${toggle}
      ${calls.map((change, i) => change + call.replaceAll('.again', `.again${i}`)).join('')}`)
    expect(words).toEqual([0x1111, 0x1111, 0x2222, 0x1111, 0x2222, 0x2222])
  })
})

describe('exceptions on the way to an exception', () => {
  it('make a double fault, and then a shutdown', () => {
    const noGp = `mov word [idt + 13 * 8 + 4], 0\n`
    expect(faults(`${noGp}${each(['mov ax, 0x88\nmov ds, ax'])}`)).toEqual([[DF, 0]])
    const ending = runBareMetal(
      protectedFrame(`${noGp}mov word [idt + 8 * 8 + 4], 0\nmov ax, 0x88\nmov ds, ax`),
    )
    expect([ending.exit, ending.log]).toEqual(['shutdown', []])
  })

  it('name the gate that is missing with EXT for events from outside', () => {
    expect(
      faults(each(['mov word [idt + 6 * 8 + 4], 0x0e00\nud2', 'mov word [idt + 0x20 * 8 + 4], 0\nint 0x20'])),
    ).toEqual([
      [NP, 6 * 8 + 3],
      [GP, 0x20 * 8 + 2],
    ])
  })
})

describe('invalid instructions', () => {
  it('LOCK without a memory destination, and what does not exist', () => {
    expect(
      faults(each(['db 0xf0\nnop', 'db 0xf0, 0x01, 0xc0', 'db 0x0f, 0xff', 'db 0x0f, 0x20, 0xe8', 'ud2'])),
    ).toEqual(Array.from({ length: 5 }, () => [UD, 0]))
  })

  it('unknown model-specific registers fault', () => {
    expect(faults(each(['mov ecx, 0x12345\nrdmsr', 'mov ecx, 0x12345\nwrmsr']))).toEqual([
      [GP, 0],
      [GP, 0],
    ])
  })
})

describe('SYSENTER and SYSEXIT', () => {
  it('go to ring 0 and back by the model-specific registers', () => {
    const words = log(`
      mov ecx, 0x174
      mov eax, 8
      xor edx, edx
      wrmsr
      inc ecx
      mov eax, 0x9000
      wrmsr
      inc ecx
      mov eax, .entry
      wrmsr
      ${ring3(`
      mov ebp, esp
      sysenter`)}
    .entry:
      mov dx, 0xe9
      mov eax, cs
      out dx, eax
      mov eax, ss
      out dx, eax
      mov eax, esp
      out dx, eax
      mov edx, .outside
      mov ecx, ebp
      sysexit
    .outside:
      mov dword [kernel], .back
      mov ebx, cs
      mov ecx, ss
      int 0x30
    .back:
      mov eax, ebx
      out dx, eax
      mov eax, ecx
      out dx, eax`)
    expect(words).toEqual([8, 0x10, 0x9000, 0x1b, 0x23])
  })
})

describe('task switches', () => {
  it('refuse a task-state segment that is too short or busy', () => {
    const spare = ['0x0000890010000010', '0x00008b0010000067']
    expect(faults(each(['call 0x40:0', 'call 0x48:0']), { spare })).toEqual([
      [TS, 0x40],
      [GP, 0x48],
    ])
  })

  it('a call saves the old task and returns to it by IRET (SDM vol. 3, chapter 7)', () => {
    const words = log(
      `
      mov ebx, 0x1234
      call 0x40:0
      mov eax, ebx
      out dx, eax
      str ax
      movzx eax, ax
      out dx, eax
      mov eax, cr0
      and eax, 8
      out dx, eax
      jmp finish
    second:
      mov dx, 0xe9
      mov eax, ebx
      out dx, eax
      pushfd
      pop eax
      and eax, 0x4000
      out dx, eax
      movzx eax, word [tss2]
      out dx, eax
      iretd`,
      {
        spare: ['(tss2 & 0xff000000) << 32 | (tss2 & 0xffffff) << 16 | 0x890000000067'],
        data: `tss2: dd 0, 0xa000, 0x10, 0, 0, 0, 0, 0, second, 2, 0, 0, 0, 0x5678, 0xb000, 0, 0, 0, 0x10, 8, 0x10, 0x10, 0, 0, 0
  dw 0, 104`,
      },
    )
    expect(words).toEqual([0x5678, 0x4000, 0x28, 0x1234, 0x28, 8])
  })
})

describe('virtual-8086 mode', () => {
  it('is entered by IRET and left by an exception, with the segments on the stack', () => {
    const words = log(`
      mov dword [idt + 13 * 8], .handler
      mov word [idt + 13 * 8 + 2], 8
      mov dword [idt + 13 * 8 + 4], 0x8e00
      push dword 0x1111
      push dword 0x2222
      push dword 0x3333
      push dword 0x4444
      push dword 0x0500
      push dword 0x0100
      push dword 0x20002
      push dword 0x0000
      push dword .virtual
      iretd
    .virtual:
      hlt
    .handler:
      mov dx, 0xe9
      mov ecx, 10
    .dump:
      pop eax
      out dx, eax
      loop .dump
      mov eax, ds
      out dx, eax`)
    expect(words.slice(0, 1)).toEqual([0])
    expect(words[2]).toBe(0)
    expect(words[3]! & 0x20000).toBe(0x20000)
    expect(words.slice(4)).toEqual([0x0100, 0x0500, 0x4444, 0x3333, 0x2222, 0x1111, 0])
  })
})

describe('real mode', () => {
  it('faults where an operand crosses the end of a segment and wraps addresses', () => {
    const { log: words } = runBareMetal(`
      mov word [13 * 4], handler
      mov word [13 * 4 + 2], 0
      mov byte [0xffff], 0x77
      mov bx, 0xffff
      mov al, [bx]
      movzx eax, al
      out 0xe9, eax
      mov ax, [bx]
    handler:
      pop ax
      movzx eax, ax
      sub eax, handler - 2
      out 0xe9, eax
      cli
      hlt`)
    expect(words).toEqual([0x77, 0])
  })

  it('LOADALL of the 286 loads everything from 800h', () => {
    const { log: words } = runBareMetal(`
      mov word [0x806], 0
      mov word [0x818], 2
      mov word [0x81a], target
      mov word [0x834], 0xbeef
      mov word [0x83f], 0x9300
      mov word [0x840], 0xffff
      mov word [0x845], 0x9300
      mov word [0x846], 0xffff
      mov word [0x848], 0x0000
      mov word [0x84a], 0x9310
      mov word [0x84c], 0xffff
      mov word [0x850], 0
      mov word [0x85e], 0x3ff
      db 0x0f, 0x05
      hlt
    target:
      movzx eax, ax
      out 0xe9, eax
      mov bx, 0
      mov dword [bx], 0x12345678
      cli
      hlt`)
    expect(words).toEqual([0xbeef])
  })
})

import { describe, expect, it } from 'vitest'
import { assemble } from '../../../tools/assembler/assemble.ts'
import { CPU_MODELS, type CpuModelName, cpuid } from '../../../engine/vcpu/model.ts'
import { type FrameOptions, PAGE_TABLES, protectedFrame, runBareMetal } from './bare-metal.ts'
import { buildProcessor } from './processor.ts'

/*
 * What old systems rely on and emulators got wrong: docs/devices/legacy-cpu.md lists it, with the tests that
 * lie elsewhere.
 */

const log = (body: string, options?: FrameOptions, model?: CpuModelName): number[] =>
  runBareMetal(protectedFrame(body, options), model).log

/** Runs each piece up to its fault, then the next. */
const each = (pieces: readonly string[]): string =>
  pieces.map((piece, i) => `mov dword [resume], .next${i}\n${piece}\n.next${i}:`).join('\n')

const assembled = (text: string) =>
  assemble('test.asm', {
    readText: () => `org 0x1000\n${text}`,
    readBytes: () => new Uint8Array(),
    find: (name) => (name === 'test.asm' ? name : null),
  })

const descriptor = (label: string, type: string, limit = '0067'): string =>
  `(${label} & 0xff000000) << 32 | (${label} & 0xffffff) << 16 | 0x${type}000000${limit}`

const [UD, GP] = [6, 13]

describe('tasks', () => {
  it('take the LDT before CS, which may be its first entry', () => {
    const words = log(
      `
      jmp 0x40:0
    second:
      mov dx, 0xe9
      mov eax, cs
      out dx, eax
      sldt ax
      movzx eax, ax
      out dx, eax`,
      {
        spare: [descriptor('tss2', '89'), descriptor('ldt', '82', '000f')],
        data: `tss2: dd 0, 0xa000, 0x10, 0, 0, 0, 0, 0, second, 2, 0, 0, 0, 0, 0xb000, 0, 0, 0, 0x10, 4, 0x10, 0x10, 0, 0, 0x48
  dw 0, 104
align 8
ldt: dq 0x00cf9b000000ffff, 0`,
      },
    )
    expect(words).toEqual([4, 0x48])
  })

  it('of the 286 leave ones in the upper halves of registers', () => {
    const words = log(
      `
      mov ebx, 0x11112222
      jmp 0x40:0
    second:
      mov dx, 0xe9
      mov eax, ebx
      out dx, eax
      mov esp, 0x9000`,
      {
        spare: ['(tss2 & 0xffffff) << 16 | 0x81000000002b'],
        data: 'tss2: dw 0, 0xa000, 0x10, 0, 0, 0, 0, second, 2, 0, 0, 0, 0x5678, 0xb000, 0, 0, 0, 0x10, 8, 0x10, 0x10, 0',
      },
    )
    expect(words).toEqual([0xffff5678])
  })
})

describe('faults', () => {
  it('push RF; software interrupts do not', () => {
    const words = log(`
      mov dword [resume], .next
      ud2
    .next:
      mov dword [idt + 0x20 * 8], .trap
      mov word [idt + 0x20 * 8 + 2], 8
      mov dword [idt + 0x20 * 8 + 4], 0x8e00
      int 0x20
      jmp finish
    .trap:
      mov eax, [esp + 8]
      out dx, eax
      iretd`)
    expect([words[0], words[4]! & 0x10000, words[5]! & 0x10000]).toEqual([UD, 0x10000, 0])
  })

  it('look at the type of a descriptor before its presence', () => {
    const spare = ['0x0000020000000000', '0x0000000000000000']
    const words = log(each(['mov ax, 0x40\nmov ds, ax', 'mov ax, 0x48\nmov es, ax']), { spare })
    expect([words[0], words[1], words[5], words[6]]).toEqual([GP, 0x40, GP, 0x48])
  })

  it('on the stack of an inner level leave SS:ESP alone', () => {
    const words = log(
      `
      ${PAGE_TABLES}
      mov dword [0x21000 + 0x50 * 4], 0
      mov eax, 0x20000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      mov dword [tss + 12], 0x51000
      mov dword [tss + 16], 0x49
      mov dword [idt + 14 * 8], .fault
      mov word [idt + 14 * 8 + 2], 8
      mov dword [idt + 14 * 8 + 4], 0x8e00
      push dword 0x23
      push dword 0x8000
      push dword 2
      push dword 0x1b
      push dword .user
      iretd
    .user:
      call 0x50:0
    .fault:
      mov ax, 0x10
      mov ds, ax
      mov dx, 0xe9
      mov eax, [esp + 16]
      out dx, eax
      mov eax, [esp + 20]
      out dx, eax
      mov eax, cr2
      out dx, eax
      mov esp, 0x9000
      mov eax, 0x11
      mov cr0, eax`,
      {
        spare: [
          '0x00cfbb000000ffff',
          '0x00cfb3000000ffff',
          '((finish >> 16) << 48) | 0xec0000400000 << 0 | (finish & 0xffff)',
        ],
      },
    )
    expect(words).toEqual([0x8000, 0x23, 0x50ffc])
  })
})

describe('segments', () => {
  it('note in memory that they were used, code too', () => {
    const words = log(
      `
      mov ax, 0x40
      mov ds, ax
      jmp 0x48:.there
    .there:
      mov ax, 0x10
      mov ds, ax
      movzx eax, byte [spare + 5]
      out dx, eax
      movzx eax, byte [spare + 13]
      out dx, eax`,
      { spare: ['0x00cf92000000ffff', '0x00cf9a000000ffff'] },
    )
    expect(words).toEqual([0x93, 0x9b])
  })

  it('lie in an LDT of up to 64 KiB', () => {
    const words = log(
      `
      mov ax, 0x40
      lldt ax
      mov dword [0x6fff8], 0x0000ffff
      mov dword [0x6fffc], 0x00cf9300
      mov ax, 0xffff
      mov dword [resume], .next
      and al, 0xfc
      mov fs, ax
    .next:
      mov eax, [fs:0x1000]
      mov eax, fs
      out dx, eax`,
      { spare: ['0x000082060000ffff'] },
    )
    expect(words).toEqual([0xfffc])
  })

  it('wrap at 4 GiB: a base near its end reaches low memory', () => {
    const words = log(
      `
      mov dword [0x5000], 0x1234
      mov ax, 0x40
      mov fs, ax
      mov eax, [fs:0x15000]
      out dx, eax`,
      { spare: ['0xffcf93ff0000ffff'] },
    )
    expect(words).toEqual([0x1234])
  })
})

describe('paging', () => {
  it('ignores the reserved low bits of CR3', () => {
    const words = log(`
      mov dword [0x20000], 0x87
      mov eax, cr4
      or al, 0x10
      mov cr4, eax
      mov eax, 0x20fe7
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      mov eax, 1
      out dx, eax`)
    expect(words).toEqual([1])
  })
})

describe('what was fetched before', () => {
  /** Linear 1000h is 1000h before paging; with it, that page is another or none, and 40h pages further it is there. */
  const switched = (at1000: string, behind: string): string => `
      ${PAGE_TABLES}
      mov esi, 0x1000
      mov edi, 0x70000
      mov ecx, 0x1000
      cld
      rep movsb
      mov edi, 0x72000
      mov ecx, 0x400
      mov eax, 0xf4f4f4f4
      rep stosd
      mov dword [0x21000 + 0x1000 / 0x1000 * 4], ${at1000}
      mov dword [0x21000 + 0x41 * 4], 0x70007
      mov eax, 0x20000
      mov cr3, eax
      mov ebx, .there + 0x40000
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      ${behind}
    .there:
      mov eax, 1
      out dx, eax
      mov dword [0x21000 + 0x1000 / 0x1000 * 4], 0x1007
      mov eax, cr3
      mov cr3, eax
      mov ebx, .back
      jmp ebx
    .back:`

  it.each<[CpuModelName, string]>([
    ['386', 'no page'],
    ['386', 'another page'],
    ['486', 'no page'],
    ['486', 'another page'],
  ])('runs up to the jump when paging is switched on: %s, %s (SCO, Xenix 386)', (model, mapped) => {
    const entry = mapped === 'no page' ? '0' : '0x72007'
    expect(log(switched(entry, 'jmp ebx'), {}, model)).toEqual([1])
    expect(log(switched(entry, 'mov ecx, 5\nadd ebx, ecx\nsub ebx, 5\njmp ebx'), {}, model)).toEqual([1])
  })

  it('is no more than the queue holds', () => {
    const words = (model: CpuModelName) =>
      runBareMetal(protectedFrame(switched('0x72007', 'mov ecx, 5\n'.repeat(4) + 'jmp ebx')), model).log
    expect(words('386')).toEqual([])
    expect(words('486')).toEqual([1])
  })

  it.each<CpuModelName>(['pentium', 'max'])('is fetched anew by later processors: %s', (model) => {
    expect(log(switched('0x72007', 'jmp ebx'), {}, model)).toEqual([])
  })

  it('runs in translated code, instruction by instruction, and in a state that goes on elsewhere', () => {
    const source = protectedFrame(switched('0', 'mov ecx, 5\njmp ebx'))
    expect(runBareMetal(source, '386', { translated: true }).log).toEqual([1])
    expect(runBareMetal(source, '386', { stepped: true }).log).toEqual([1])

    const before = runBareMetal('cli\nhlt', '386').processor
    const { bytes, symbols } = assembled(source.replace('mov ecx, 5\njmp ebx', '.waits: mov ecx, 5\njmp ebx'))
    before.memory.dmaWrite(0x1000, bytes)
    before.vcpu.reset()
    before.vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
    before.vcpu.state.eip = 0x1000
    before.vcpu.stops.begin(true)
    while (before.vcpu.state.eip !== Number(symbols.get('body.waits'))) before.vcpu.run(1)
    const saved = structuredClone(before.vcpu.save())
    expect(saved.prefetched?.bytes).toHaveLength(16)
    before.vcpu.stops.begin(false)
    before.vcpu.reset()
    before.vcpu.restore(saved)
    before.vcpu.run(0)
    expect(before.vcpu.save().prefetched).not.toBeNull()
    before.vcpu.run(1_000_000)
    expect([before.vcpu.halted, before.vcpu.save().prefetched]).toEqual([true, null])
  })

  it('goes on in its own width between a switch of PE and the far jump', () => {
    for (const model of ['386', '486', 'pentium', 'max'] as const) {
      const { log: words } = runBareMetal(
        `
      cli
      mov dx, 0xe9
      mov word [0x8010], 0x1234
      mov ax, 0x800
      mov ds, ax
      o32 lgdt [cs:pointer]
      jmp word 0x0013:to - 0x130 ; a selector with an RPL, which is no privilege level
    to:
      mov eax, cr0
      or al, 1
      mov cr0, eax
      mov ax, [0x10] ; sixteen bits wide, and DS as it was
      movzx eax, ax
      out dx, eax
      mov ecx, cr0 ; still level 0
      jmp dword 0x08:wide
    bits 32
    wide:
      mov ax, 0x10
      mov ds, ax
      mov eax, cr0
      and al, 0xfe
      mov cr0, eax
      mov eax, 0x11223344 ; 32 bits wide, beyond 64 KiB
      mov [0x90000], eax
      mov eax, [0x90000]
      out dx, eax
      jmp word 0:narrow
    bits 16
    narrow:
      mov ax, 0x800
      mov ds, ax
      movzx eax, word [0x10]
      out dx, eax
      cli
      hlt
      align 8
    gdt: dq 0
      dq 0x00cf9b000000ffff
      dq 0x00cf93000000ffff
    pointer: dw 0x17
      dd gdt`,
        model,
      )
      expect(words).toEqual([0x1234, 0x11223344, 0x1234])
    }
  })
})

describe('the interrupt shadow', () => {
  /** AX when the interrupt comes that waits at STI; `at` is the address of STI. */
  function taken(code: string, at: number, entriesUntilHot?: number): number {
    const processor = buildProcessor(entriesUntilHot === undefined ? {} : { translator: { entriesUntilHot } })
    const { vcpu, memory, pendingVectors } = processor
    const text = `org 0x1000
      mov word [8 * 4], handler
      mov word [8 * 4 + 2], 0
      mov sp, 0x900
      xor ax, ax
      jmp start
    handler:
      cli
      hlt
      times ${at} - 0x1000 - ($ - $$) db 0x90
    start:
      ${code}`
    const { bytes } = assemble('shadow.asm', {
      readText: () => text,
      readBytes: () => new Uint8Array(),
      find: (name) => (name === 'shadow.asm' ? name : null),
    })
    memory.dmaWrite(0x1000, bytes)
    vcpu.reset()
    vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
    vcpu.state.eip = 0x1000
    pendingVectors.push(8)
    vcpu.setInterruptRequest(true)
    for (let runs = 0; runs < 20 && !vcpu.halted; runs++) {
      vcpu.run(10_000)
      vcpu.setInterruptRequest(pendingVectors.length > 0)
    }
    return vcpu.register(0) & 0xffff
  }

  it('of STI is one instruction, also at the end of a page and before a jump', () => {
    const code = 'sti\ninc ax\ninc ax\ninc ax\nhlt'
    expect(taken(code, 0x1100)).toBe(1)
    expect(taken(code, 0x1fff)).toBe(1)
    expect(taken(code, 0x1ffe)).toBe(1)
    expect(taken('sti\njmp .over\nnop\n.over:\ninc ax\nhlt', 0x1100)).toBe(0)
    expect(taken(code, 0x1100, 1)).toBe(1)
  })

  it('of MOV SS and POP SS is one instruction', () => {
    expect(taken('mov bx, ss\ncli\nsti\nmov ss, bx\ninc ax\ninc ax\nhlt', 0x1100)).toBe(1)
  })
})

describe('what programs tell processors apart by', () => {
  const flags = (set: string, model: CpuModelName): number =>
    runBareMetal(
      `
      mov sp, 0x900
      ${set}
      pushfd
      pop eax
      out 0xe9, eax
      cli
      hlt`,
      model,
    ).log[0]!

  it('real mode keeps bits 12 to 14 of FLAGS, never 15 (386 and later)', () => {
    expect(flags('push word 0xf002\npopf', '386') & 0xf000).toBe(0x7000)
    expect(flags('push word 0xf002\npush word 0\npush word .to\niret\n.to:', '386') & 0xf000).toBe(0x7000)
  })

  it('AC can be set from the 486 on, ID where there is CPUID', () => {
    const all = 'push dword 0x240002\npopfd'
    expect(flags(all, '386') & 0x240000).toBe(0)
    expect(flags(all, '486') & 0x240000).toBe(0x240000)
  })

  it('XBTS, early CMPXCHG and 0F FF are invalid', () => {
    const words = log(each(['db 0x0f, 0xa6, 0xc0', 'db 0x0f, 0xa7, 0xc0', 'db 0x0f, 0xff, 0xc0']))
    expect([words[0], words[5], words[10]]).toEqual([UD, UD, UD])
  })

  it('SGDT stores six bytes with a 16-bit operand too', () => {
    const words = log(`
      mov dword [0x5000], -1
      mov dword [0x5004], -1
      o16 sgdt [0x5000]
      mov eax, [0x5000]
      out dx, eax
      mov eax, [0x5004]
      out dx, eax`)
    expect([words[0]! & 0xffff, words[1]]).toEqual([0x7f, 0xffff0000])
  })

  it('CPUID shows no more leaves than it is told to (NT 4)', () => {
    expect(cpuid(CPU_MODELS.max, 0, 2, false)[0]).toBe(2)
    expect(cpuid(CPU_MODELS.pentium3, 2, Infinity, false)[0]! & 0xff).toBe(1)
  })

  it('model-specific registers that systems touch without asking exist on a P6', () => {
    const numbers = [0x79, 0x8b, 0x174, 0x175, 0x176, 0x179, 0x1d9, 0x277]
    const words = log(
      numbers.map((n) => `mov ecx, ${n}\nrdmsr`).join('\n') + '\nmov eax, 1\nmov dx, 0xe9\nout dx, eax',
    )
    expect(words).toEqual([1])
  })
})

describe('the translation look-aside buffer', () => {
  it('is empty after the task register was loaded, which OS/2 counts on', () => {
    const words = log(
      `
      ${PAGE_TABLES}
      mov dword [0x60000], 0x1111
      mov dword [0x61000], 0x2222
      mov eax, 0x20000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      mov eax, [0x60000]
      mov dword [0x21000 + 0x60 * 4], 0x61007
      mov ax, 0x40
      ltr ax
      mov dx, 0xe9
      mov eax, [0x60000]
      out dx, eax`,
      { spare: [descriptor('tss', '89')] },
    )
    expect(words).toEqual([0x2222])
  })
})

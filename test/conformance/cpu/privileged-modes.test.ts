import { describe, expect, it } from 'vitest'
import { type FrameOptions, PAGE_TABLES, protectedFrame, ring3, runBareMetal } from './bare-metal.ts'

const log = (body: string, options?: FrameOptions): number[] =>
  runBareMetal(protectedFrame(body, options)).log

const [BP, NM, TS, GP, PF] = [3, 7, 10, 13, 14]

describe('large pages and PAE', () => {
  it('maps 4 MiB by one entry and refuses a reserved bit (SDM vol. 3, 4.3)', () => {
    const words = log(`
      mov dword [0x20000], 0x87
      mov dword [0x20004], 0x000083
      mov dword [0x20008], 0x200083
      mov eax, cr4
      or al, 0x10
      mov cr4, eax
      mov eax, 0x20000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      mov dword [0x5000], 0x12345678
      mov eax, [0x405000]
      out dx, eax
      mov dword [resume], .after
      mov eax, [0x800000]
    .after:
      mov eax, [0x20004]
      out dx, eax`)
    expect(words[0]).toBe(0x12345678)
    expect(words.slice(1, 3)).toEqual([PF, 9])
    // Accessed, and not dirty.
    expect(words.at(-1)).toBe(0xa3)
  })

  it('fetches nothing from a page with NX, which shows in the error code', () => {
    const words = log(`
      mov ecx, 0xc0000080
      rdmsr
      or eax, 0x800
      wrmsr
      mov dx, 0xe9
      mov dword [0x20000], 0x21001
      mov dword [0x21000], 0x000083
      mov dword [0x21008], 0x000083
      mov dword [0x2100c], 0x80000000
      mov eax, cr4
      or al, 0x20
      mov cr4, eax
      mov eax, 0x20000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      mov dword [0x5000], 0x00000090
      mov eax, [0x205000]
      out dx, eax
      mov dword [resume], .after
      mov eax, 0x205000
      jmp eax
    .after:
      mov eax, cr2
      out dx, eax`)
    expect(words[0]).toBe(0x90)
    expect(words.slice(1, 3)).toEqual([PF, 0x11])
    expect(words.at(-1)).toBe(0x205000)
  })
})

describe('virtual-8086 mode', () => {
  /** Runs 16-bit code in virtual-8086 mode at 0:virtual until it faults with #GP; ports are forbidden. */
  const virtual = (flags: number, code: string, cr4 = 0): number[] =>
    log(`
      mov dword [idt + 13 * 8], .handler
      mov word [idt + 13 * 8 + 2], 8
      mov dword [idt + 13 * 8 + 4], 0x8e00
      mov eax, ${cr4}
      mov cr4, eax
      push dword 0
      push dword 0
      push dword 0
      push dword 0
      push dword 0
      push dword 0x7000
      push dword ${0x20002 | flags}
      push dword 0
      push dword .virtual
      iretd
    bits 16
    .virtual:
      ${code}
    bits 32
    .handler:
      mov dx, 0xe9
      mov ax, 0x10
      mov ds, ax
      pop ebx
      pop eax
      sub eax, .virtual
      out dx, eax
      pop eax
      pop eax
      out dx, eax
      movzx eax, word [0x6ffe]
      out dx, eax`)

  it('lets CLI, PUSHF, INT and IRET through with IOPL 3 only', () => {
    expect(virtual(0x1000, 'nop\ncli')[0]).toBe(1)
    expect(virtual(0x1000, 'nop\npushf')[0]).toBe(1)
    expect(virtual(0x1000, 'nop\nint 0x20')[0]).toBe(1)
    const [at, flags, pushed] = virtual(0x3200, 'pushf\ncli\nhlt')
    expect([at, flags! & 0x23200, pushed! & 0x3200]).toEqual([2, 0x23000, 0x3200])
  })

  it('keeps the interrupt flag in VIF with VME (SDM vol. 3, 20.3)', () => {
    const [at, flags, pushed] = virtual(0x0200, 'sti\npushf\ncli\nhlt', 1)
    expect(at).toBe(3)
    // IF itself stays; VIF has been set and cleared; PUSHF showed VIF as IF, and IOPL 3.
    expect(flags! & 0x80200).toBe(0x200)
    expect(pushed! & 0x3200).toBe(0x3200)
    // VIP makes STI fault.
    expect(virtual(0x100000, 'nop\nsti', 1)[0]).toBe(1)
  })
})

describe('a floating-point unit that is not available', () => {
  it('faults at the instruction itself, whatever came before (SDM vol. 3, 2.5)', () => {
    for (const instruction of ['fld1', 'fadd st1', 'fld dword [0x5000]', 'fwait']) {
      const { log: words, symbols } = runBareMetal(
        protectedFrame(`
      mov dword [resume], finish
      mov eax, cr0
      or eax, 0x0a
      mov cr0, eax
      out 0x80, al
      nop
    .here:
      ${instruction}`),
      )
      expect([words[0], words[2]], instruction).toEqual([
        NM,
        Number(symbols.get('body.here')! - symbols.get('body')!),
      ])
    }
  })
})

describe('older tasks and buses', () => {
  it('switches to a 286 task, whose registers have 16 bits', () => {
    const words = log(
      `
      mov ebx, 0x11112222
      jmp 0x40:0
    second:
      mov dx, 0xe9
      movzx eax, bx
      out dx, eax
      movzx eax, word [tss2]
      out dx, eax
      mov eax, [tss + 32 + 20]
      out dx, eax
      mov eax, [tss + 8 * 4 + 8 + 12]
      out dx, eax`,
      {
        spare: ['(tss2 & 0xffffff) << 16 | 0x81000000002b'],
        data: 'tss2: dw 0, 0xa000, 0x10, 0, 0, 0, 0, second, 2, 0, 0, 0, 0x5678, 0xb000, 0, 0, 0, 0x10, 8, 0x10, 0x10, 0',
      },
    )
    expect(words).toEqual([0x5678, 0, 0x11112222, 0x11112222])
  })

  it('forgets breakpoints that are local to a task (SDM vol. 3, 17.2.4)', () => {
    const words = log(
      `
      mov eax, 0x5000
      mov dr0, eax
      mov dr1, eax
      mov eax, 0x00110009
      mov dr7, eax
      jmp 0x40:0
    second:
      mov esp, 0x9000
      mov dx, 0xe9
      mov eax, dr7
      out dx, eax
      mov byte [0x5000], 1`,
      {
        spare: ['(tss2 & 0xffffff) << 16 | 0x81000000002b'],
        data: 'tss2: dw 0, 0xa000, 0x10, 0, 0, 0, 0, second, 2, 0, 0, 0, 0, 0xb000, 0, 0, 0, 0x10, 8, 0x10, 0x10, 0',
      },
    )
    // G1 stays, and so does its breakpoint, which stops after the store.
    expect(words.slice(0, 2)).toEqual([0x00110408, 1])
  })

  it('lets a fault in the new task return to the new task (SDM vol. 3, 7.3)', () => {
    const { log: words, symbols } = runBareMetal(
      protectedFrame(
        `
      mov dword [resume], finish
      jmp 0x40:0
    second:
      nop`,
        {
          spare: ['(tss2 & 0xff000000) << 32 | (tss2 & 0xffffff) << 16 | 0x890000000067'],
          data: `tss2: dd 0, 0xa000, 0x10, 0, 0, 0, 0, 0, second, 2, 0, 0, 0, 0, 0xb000, 0, 0, 0, 0x10, 8, 0x10, 0x28, 0, 0, 0
  dw 0, 104`,
        },
      ),
    )
    // DS is no segment.
    expect(words.slice(0, 3)).toEqual([TS, 0x28, Number(symbols.get('second')! - symbols.get('body')!)])
  })

  it('goes to EIP 0 in single steps as it does otherwise', () => {
    const { log: words } = runBareMetal(
      protectedFrame(`
      mov byte [0], 0xcc
      mov dword [resume], finish
      mov dword [idt + 8], .trap
      mov word [idt + 10], 8
      mov word [idt + 12], 0x8e00
      push dword 0x102
      popfd
      push dword 0
      ret
    .trap:
      iretd`),
    )
    expect(words[0]).toBe(BP)
  })

  it('wraps at 1 MiB while A20 is closed', () => {
    const ending = runBareMetal(
      protectedFrame(`
      mov dword [0x500], 0x1111
      mov dword [0x100500], 0x2222
      mov eax, [0x500]
      out dx, eax
      mov al, 0
      out 0xf2, al
      mov eax, [0x100500]
      out dx, eax`),
    )
    // Without the gate both are memory; the port is not there yet.
    expect(ending.log).toEqual([0x1111, 0x2222])
    ending.processor.memory.setA20(false)
    expect(ending.processor.vcpu.mmu.readPhysical(0x100500, 4)).toBe(0x1111)
    expect(ending.processor.vcpu.mmu.read(0x100500, 4)).toBe(0x1111)
    ending.processor.memory.setA20(true)
    expect(ending.processor.vcpu.mmu.read(0x100500, 4)).toBe(0x2222)
  })

  it('faults with the selector of a task gate or code segment that IRET may not use', () => {
    const words = log(`
      mov dword [resume], .after
      push dword 2
      push dword 0x10
      push dword .after
      iretd
    .after:`)
    expect(words.slice(0, 2)).toEqual([GP, 0x10])
  })
})

describe('programs of users', () => {
  // The kernel's page is in the TLB, for the kernel; its CPUID ends what has been translated before the way back.
  const program = protectedFrame(
    `${PAGE_TABLES}
      mov dword [0x21000 + 0x52 * 4], 0x52003
      mov eax, 0x20000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      jmp .paged
    .paged:
      mov word [idt + 0x20 * 8], service
      mov word [idt + 0x20 * 8 + 2], 0x08
      mov word [idt + 0x20 * 8 + 4], 0xee00
      ${ring3(`
      mov esi, 3000
    .again:
      int 0x20
      dec esi
      jnz .again
      mov eax, [0x52000]`)}`,
    {
      data: `service:
        mov eax, [0x52000]
        cpuid
        add edi, eax
        iretd`,
    },
  )

  it.each([false, true])(
    'do not reach the kernel behind a system call, which are parts of one chain of regions or not (%s)',
    (translated) => {
      const { log: words } = runBareMetal(program, 'max', { translated })
      expect(words.slice(0, 2)).toEqual([PF, 5])
    },
  )
})

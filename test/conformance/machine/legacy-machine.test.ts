import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMachine } from '../../../engine/machine/pc.ts'
import { machineConfig, runToExit, runUntilSaid, writeBootFloppy } from '../../support/talking-guest.ts'

/** What needs processor, chipset and firmware together, by programs in real mode that talk on COM1. */
describe.each(['interpreter', 'jit'] as const)('the whole machine, %s', (accel) => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'vitrine-legacy-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  /** What the program says up to its full stop. */
  function said(program: string): string {
    const boot = join(folder, 'boot.img')
    writeBootFloppy(boot, program + SAY)
    const drives = [{ kind: 'floppy' as const, path: boot, readonly: true }]
    const machine = createMachine(machineConfig({ accel, drives }))
    try {
      return runUntilSaid(machine, '.')
    } finally {
      machine.close()
    }
  }

  it('reports an x87 error by IRQ 13 while CR0.NE is clear, which INT 75h hands to INT 2', () => {
    expect(
      said(`
      mov word [2 * 4], nmi
      mov word [2 * 4 + 2], 0
      in al, 0xa1
      and al, 0xdf
      out 0xa1, al
      in al, 0x21
      and al, 0xfb
      out 0x21, al
      fninit
      fldcw [unmasked]
      fld1
      fldz
      sti
      fdivp st1, st0
      fnop
      nop
      cmp byte [seen], 1
      mov al, 'I'
      je tell
      mov al, 'n'
    tell:
      call say
      mov al, '.'
      call say
      cli
      hlt
    nmi:
      push ax
      fnstsw ax
      test al, 4
      jz spurious
      inc byte [seen]
      mov al, 'Z'
      call say
    spurious:
      fnclex
      pop ax
      iret
    unmasked:
      dw 0x37b
    seen:
      db 0
    `),
    ).toBe('ZI.')
  })

  it('moves the local APIC with IA32_APIC_BASE and faults for its reserved bits', () => {
    expect(
      said(`
      mov word [13 * 4], fault
      mov word [13 * 4 + 2], 0
      mov ecx, 0x1b
      xor edx, edx
      mov eax, 0x50900
      wrmsr
      mov ax, 0x5000
      mov es, ax
      mov al, [es:0x30]
      add al, 'A' - 0x14
      call say
      mov eax, 0x60100
      mov ecx, 0x1b
      wrmsr
      mov byte [es:0x30], 'B'
      mov al, [es:0x30]
      call say
      mov eax, 0x60d00
      wrmsr
      mov al, 'n'
      call say
    fault:
      mov al, 'G'
      call say
      mov al, '.'
      call say
      cli
      hlt
    `),
    ).toBe('ABG.')
  })

  it.each([
    ['PCI BIOS and APM for 16- and 32-bit protected mode', () => PROTECTED_CALLER],
    ['VBE for 32-bit protected mode, in code that runs wherever it was copied', () => VBE_CALLER],
  ])('has %s', (_, program) => {
    const boot = join(folder, 'boot.img')
    writeBootFloppy(boot, program())
    const drives = [{ kind: 'floppy' as const, path: boot, readonly: true }]
    const machine = createMachine(machineConfig({ accel, drives }))
    try {
      expect(runToExit(machine), 'the number of the call that failed').toBe(0)
    } finally {
      machine.close()
    }
  })

  it.each([
    [false, 1],
    [true, 2],
  ])('forgets translations where that is asked for: %s', (smallTlb, found) => {
    const boot = join(folder, 'boot.img')
    writeBootFloppy(boot, STALE_READER)
    const drives = [{ kind: 'floppy' as const, path: boot, readonly: true }]
    const machine = createMachine(machineConfig({ accel, drives, knobs: { smallTlb } }))
    try {
      expect(runToExit(machine)).toBe(found)
    } finally {
      machine.close()
    }
  })

  it('has a serial mouse in place of the PS/2 mouse, which a driver finds and follows', () => {
    const boot = join(folder, 'boot.img')
    writeBootFloppy(boot, MOUSE_DRIVER)
    const drives = [{ kind: 'floppy' as const, path: boot, readonly: true }]
    const machine = createMachine(machineConfig({ accel, drives, mouse: 'com2' }))
    try {
      expect(runUntilSaid(machine, '3')).toBe('M3')
      machine.mouse.move(70, -2, 0, 1)
      expect(runToExit(machine)).toBe(1)
    } finally {
      machine.close()
    }
  })
})

/**
 * Calls the BIOS from protected mode, as OS/2, QNX and Windows do, and ends with the number of the call that failed: PCI
 * at the fixed place of INT 1Ah with the frame of an interrupt, APM at the entries that connecting told, PCI for 32 bits
 * at the one of the service directory.
 */
const PROTECTED_CALLER = `
    mov ax, 0x5302 ; connect for 16 bits
    xor bx, bx
    int 0x15
    mov byte [step], 1
    jc wrong
    cmp ax, 0xf000
    jne wrong
    mov [apm16], bx
    cli
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 0x08:protected
  protected:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax

    inc byte [step] ; 2: is there a PCI BIOS?
    mov ax, 0xb101
    pushf
    call far [int1a]
    jc wrong
    cmp edx, 0x20494350
    jne wrong

    inc byte [step] ; 3: find the IDE function
    mov ax, 0xb102
    mov cx, 0x7010
    mov dx, 0x8086
    xor si, si
    pushf
    call far [int1a]
    jc wrong
    cmp bx, 0x0009
    jne wrong

    inc byte [step] ; 4: what is not there
    mov ax, 0xb102
    mov cx, 0x1234
    mov dx, 0x8086
    pushf
    call far [int1a]
    jnc wrong
    cmp ah, 0x86
    jne wrong

    inc byte [step] ; 5: its identity
    mov ax, 0xb10a
    mov bx, 0x0009
    xor di, di
    pushf
    call far [int1a]
    jc wrong
    cmp ecx, 0x70108086
    jne wrong

    inc byte [step] ; 6: routing, into memory of the caller
    mov ax, 0xb10e
    mov di, routing
    pushf
    call far [int1a]
    jc wrong
    cmp word [0x7000], 0x0800 ; bus 0, device 1
    jne wrong

    inc byte [step] ; 7: power status
    mov ax, 0x530a
    mov bx, 1
    call far [apm16]
    jc wrong
    cmp bx, 0x01ff
    jne wrong

    inc byte [step] ; 8: the directory of services of 32 bits
    mov eax, 0x49435024
    xor ebx, ebx
    db 0x66, 0x9a
    dd 0x30
    dw 0x20
    test al, al
    jnz wrong
    cmp ebx, 0xf0000
    jne wrong
    mov [pci32], edx

    inc byte [step] ; 9: its PCI BIOS
    mov ax, 0xb10a
    mov bx, 0x0009
    xor edi, edi
    db 0x66, 0xff, 0x1e ; call far [pci32], an offset of 32 bits
    dw pci32
    jc wrong
    cmp ecx, 0x70108086
    jne wrong

    inc byte [step] ; 10: power status for 32 bits
    mov ax, 0x530a
    mov bx, 1
    db 0x66, 0x9a
    dd 0x20
    dw 0x20
    jc wrong
    cmp bx, 0x01ff
    jne wrong

    inc byte [step] ; 11: disconnect, after which there are no events
    mov ax, 0x5304
    xor bx, bx
    call far [apm16]
    jc wrong
    mov ax, 0x530b
    call far [apm16]
    jnc wrong
    cmp ah, 3
    jne wrong
    mov byte [step], 0
  wrong:
    mov al, [step]
    out 0xf4, al
    hlt
  step:
    db 0
  int1a:
    dw 0xfe6e, 0x18
  apm16:
    dw 0, 0x18
  pci32:
    dd 0
    dw 0x20
  routing:
    dw 0x400, 0x7000, 0x10
  gdtr:
    dw 0x27
    dd gdt
  gdt:
    dq 0
    dq 0x00009b000000ffff
    dq 0x000093000000ffff
    dq 0x00009b0f0000ffff
    dq 0x00409b0f0000ffff
`

/** Goes to `protected` in flat 32-bit segments, which FLAT_SEGMENTS has. */
const ENTER_FLAT = `
    cli
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword 0x08:protected
`
const FLAT_SEGMENTS = `
  gdtr:
    dw 0x17
    dd gdt
  gdt:
    dq 0
    dq 0x00cf9b000000ffff
    dq 0x00cf93000000ffff
    bits 16
`

/**
 * Copies the video BIOS's code for protected mode, calls its three functions, and ends with the number of the one that
 * failed: 2 the window, 3 the start of the display, 4 the palette.
 */
const VBE_CALLER = `
    mov byte [step], 1
    mov ax, 0x4f02
    mov bx, 0x101 ; 640 by 480, 256 colours
    int 0x10
    mov ax, 0x4f06
    xor bl, bl
    mov cx, 800 ; dots per line
    int 0x10
    mov ax, 0x4f0a
    xor bx, bx
    int 0x10
    cmp ax, 0x4f
    jne failed
    push es
    pop ds
    mov si, di
    xor ax, ax
    mov es, ax
    mov di, 0x9000
    cld
    rep movsb
    mov ds, ax
${ENTER_FLAT}  failed:
    mov al, [step]
    out 0xf4, al
    hlt
    bits 32
  protected:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x7c00

    inc byte [step]
    mov edx, 3
    call window
    mov byte [0xa0000], 0x5a
    mov edx, 0
    call window
    mov byte [0xa0000], 0x11
    mov edx, 3
    call window
    cmp byte [0xa0000], 0x5a
    jne wrong

    inc byte [step]
    xor ebx, ebx
    mov ecx, (2 * 800 + 8) / 4
    xor edx, edx
    mov esi, 2
    call function
    mov eax, 8 ; X
    call dispi
    cmp ax, 8
    jne wrong
    mov eax, 9 ; Y
    call dispi
    cmp ax, 2
    jne wrong

    inc byte [step]
    mov edi, colours
    mov ecx, 2
    mov edx, 0x10
    mov esi, 4
    call function
    mov edx, 0x3c7
    mov al, 0x11
    out dx, al
    mov edx, 0x3c9
    in al, dx
    cmp al, 3 ; red
    jne wrong
    in al, dx
    in al, dx
    cmp al, 1 ; blue
    jne wrong
    mov byte [step], 0
  wrong:
    mov al, [step]
    out 0xf4, al
    hlt
  window:
    xor ebx, ebx
    xor esi, esi
  function: ; at the offset that the table has at ESI
    movzx eax, word [esi + 0x9000]
    add eax, 0x9000
    call eax
    cmp ax, 0x4f
    jne wrong
    ret
  dispi:
    mov edx, 0x1ce
    out dx, ax
    inc edx
    in ax, dx
    ret
  colours:
    db 30, 20, 10, 0, 1, 2, 3, 0
  step:
    db 0
${FLAT_SEGMENTS}`

/** Changes an entry of a page table without invalidating it, works for a while, and ends with what the page holds then. */
const STALE_READER = `
${ENTER_FLAT}    bits 32
  protected:
    mov ax, 0x10
    mov ds, ax
    mov dword [0x20000], 0x21007
    xor ecx, ecx
  fill:
    mov eax, ecx
    shl eax, 12
    or al, 7
    mov [0x21000 + ecx * 4], eax
    inc ecx
    cmp ecx, 1024
    jb fill
    mov dword [0x60000], 1
    mov dword [0x61000], 2
    mov eax, 0x20000
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    mov eax, [0x60000]
    mov dword [0x21000 + 0x60 * 4], 0x61007
    mov ecx, 3000000
  work:
    dec ecx
    jnz work
    mov eax, [0x60000]
    out 0xf4, al
    hlt
${FLAT_SEGMENTS}`

/** Tells on COM1 how the mouse on COM2 calls itself, and ends with 1 when it has moved as the test moves it. */
const MOUSE_DRIVER = `
    int 0x11
    test al, 4 ; no PS/2 mouse
    jnz wrong
    mov dx, 0x2fb
    mov al, 0x80
    out dx, al
    mov dl, 0xf8
    mov al, 96 ; 1200 baud
    out dx, al
    inc dx
    mov al, 0
    out dx, al
    mov dl, 0xfb
    mov al, 2 ; seven bits
    out dx, al
    inc dx
    mov al, 3 ; DTR and RTS
    out dx, al
    call hear
    call say
    call hear
    call say
    call hear
    cmp al, 0x6d
    jne wrong
    call hear
    cmp al, 0x06
    jne wrong
    call hear
    cmp al, 0x3e
    jne wrong
    mov al, 1
    jmp end
  wrong:
    mov al, 2
  end:
    out 0xf4, al
    hlt
  hear:
    mov dx, 0x2fd
  wait:
    in al, dx
    test al, 1
    jz wait
    mov dx, 0x2f8
    in al, dx
    ret
  say:
    push dx
    mov dx, 0x3f8
    out dx, al
    pop dx
    ret
`

/** The character in AL. */
const SAY = `
  say:
    push dx
    mov dx, 0x3f8
    out dx, al
    pop dx
    ret
`

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

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMachine } from '../../../engine/machine/pc.ts'
import { machineConfig, runUntilSaid, writeBootFloppy } from '../../support/talking-guest.ts'

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
})

/** The character in AL. */
const SAY = `
  say:
    push dx
    mov dx, 0x3f8
    out dx, al
    pop dx
    ret
`

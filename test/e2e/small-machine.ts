import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeBootFloppy } from '../support/talking-guest.ts'
import type { Front } from './fronts.ts'

/**
 * Puts a machine into the library whose guest is a program of one sector, as a folder that somebody copied there would come.
 * @param settings what its record has besides
 */
export async function addMachine(
  { home, page }: Front,
  id: string,
  program: string,
  settings: Record<string, unknown> = {},
): Promise<void> {
  const folder = join(home, 'machines', id)
  await mkdir(folder)
  writeBootFloppy(join(folder, 'boot.img'), program)
  const machine = { version: 1, memoryMiB: 4, drives: [{ kind: 'floppy', path: 'boot.img' }] }
  await writeFile(join(folder, 'vm.json'), JSON.stringify({ version: 1, name: id, machine, ...settings }))
  await page.reload()
  await page.locator(`[data-machine=${id}]`).waitFor()
}

/** Switches itself off when its power button is pressed, as a system with ACPI does. */
export const OBEYS_POWER_BUTTON = `
  wait:
    mov dx, 0x600 ; PM1 status
    in ax, dx
    test ax, 0x100
    jz wait
    mov dx, 0x604 ; PM1 control
    mov ax, 0x2000 ; to S5
    out dx, ax
  stop:
    jmp stop
`

/** Prints what its keyboard sends, in hexadecimal digits, and switches itself off when its power button is pressed. */
export const PRINTS_KEYS = `
    mov ax, 3
    int 0x10
  poll:
    mov dx, 0x600
    in ax, dx
    test ax, 0x100
    jnz off
    in al, 0x64
    test al, 1
    jz poll
    in al, 0x60
    push ax
    shr al, 4
    call digit
    pop ax
    and al, 15
    call digit
    mov al, ' '
    call print
    jmp poll
  digit:
    cmp al, 10
    jb .small
    add al, 7
  .small:
    add al, '0'
  print:
    mov ah, 0x0e
    int 0x10
    ret
  off:
    mov dx, 0x604
    mov ax, 0x2000
    out dx, ax
  stop:
    jmp stop
`

/** Sends what comes to its first serial port back, and to its second one as well. */
export const ECHOES_SERIAL = `
    mov ax, 3
    int 0x10
    mov dx, 0x2fb
    mov al, 3 ; eight bits
    out dx, al
  poll:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz poll
    mov dx, 0x3f8
    in al, dx
    out dx, al
    mov dx, 0x2f8
    out dx, al
    jmp poll
`

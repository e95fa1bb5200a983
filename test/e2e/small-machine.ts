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

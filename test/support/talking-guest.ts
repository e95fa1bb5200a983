import { writeFileSync } from 'node:fs'
import * as v from 'valibot'
import type { Machine, RunOutcome } from '../../engine/machine/machine.ts'
import { MachineConfig, type MachineConfigInput } from '../../engine/protocol/machine-config.ts'
import { assemble } from '../../tools/assembler/assemble.ts'

const FLOPPY_BYTES = 1_474_560
const SLICE_NS = 4_000_000
/** Guest time that a program may take. */
const LIMIT_NS = 8_000_000_000

/** Writes a boot floppy whose one sector is this program, started at 7C00h with DS = ES = SS = 0 and COM1 set to eight bits. */
export function writeBootFloppy(path: string, program: string): void {
  const text = `org 0x7c00
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    mov dx, 0x3fb
    mov al, 3 ; eight bits
    out dx, al
    ${program}
    times 510-($-$$) db 0
    dw 0xaa55
  `
  const { bytes } = assemble('boot.asm', {
    readText: () => text,
    readBytes: () => new Uint8Array(),
    find: (name) => (name === 'boot.asm' ? name : null),
  })
  const floppy = new Uint8Array(FLOPPY_BYTES)
  floppy.set(bytes)
  writeFileSync(path, floppy)
}

/** Waits for a byte on COM1, into AL. */
export const HEAR = `
  hear:
    mov dx, 0x3fd
  .wait:
    in al, dx
    test al, 1
    jz .wait
    mov dx, 0x3f8
    in al, dx
    ret
`

/** The shape of a machine whose guest ends it through port F4h. */
export const machineConfig = (more: Omit<MachineConfigInput, 'version' | 'debug'>): MachineConfig =>
  v.parse(MachineConfig, { version: 1, memoryMiB: 4, debug: { exit: true }, ...more })

/** Runs until the guest has said so much on COM1, or ended. */
export function runUntilSaid(machine: Machine, text: string): string {
  let said = ''
  machine.serial[0]!.onOutput((bytes) => (said += String.fromCharCode(...bytes)))
  while (!said.includes(text) && machine.stats().guestNs < LIMIT_NS) {
    const { kind } = machine.run(SLICE_NS)
    if (kind !== 'slice' && kind !== 'idle') break
  }
  return said
}

/** Runs until the guest ends the machine. @returns what it wrote to port F4h, null when it did not */
export function runToExit(machine: Machine): number | null {
  while (machine.stats().guestNs < LIMIT_NS) {
    const outcome: RunOutcome = machine.run(SLICE_NS)
    if (outcome.kind === 'debug-exit') return outcome.status >> 1
    if (outcome.kind !== 'slice' && outcome.kind !== 'idle') return null
  }
  return null
}

import {
  mkdtempSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  statSync,
  renameSync,
  openSync,
  writeSync,
  closeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Machine } from '../../../engine/machine/machine.ts'
import type { HostFault } from '../../../engine/protocol/vm.ts'
import { createMachine } from '../../../engine/machine/pc.ts'
import type { DriveConfig, MachineConfigInput } from '../../../engine/protocol/machine-config.ts'
import { HEAR, machineConfig, runToExit, runUntilSaid, writeBootFloppy } from '../../support/talking-guest.ts'

/** Writes a pattern to sector 5 of the first disk, says R, hears a byte, and tells whether it reads the pattern. */
const WRITER = `
    mov di, 0x600
    mov cx, 256
    mov ax, 0x5aa5
    rep stosw
    mov ax, 0x0301
    call sector
    mov dx, 0x3f8
    mov al, 'R'
    out dx, al
    call hear
    mov di, 0x600
    mov cx, 256
    xor ax, ax
    rep stosw
    mov ax, 0x0201
    call sector
    jc .failed
    mov al, 1
    cmp word [0x7fe], 0x5aa5
    je .end
    mov al, 2
    jmp .end
  .failed:
    mov al, 3
  .end:
    out 0xf4, al
    hlt
  sector:
    sti
    mov bx, 0x600
    mov cx, 6
    mov dx, 0x80
    int 0x13
    ret
${HEAR}
`
const SEES_IT = 1
const FAILED = 3
const DISK_BYTES = 16 * 1024 ** 2
/** Between two of the pieces that are looked at: only the time tells of a write here. */
const UNSAMPLED = 1024 ** 2 + 60 * 1024

let folder: string
let boot: string
let disk: string
let machines: Machine[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-state-'))
  boot = join(folder, 'boot.img')
  disk = join(folder, 'disk.img')
  writeBootFloppy(boot, WRITER)
  writeFileSync(disk, '')
  truncateSync(disk, DISK_BYTES)
  machines = []
})
afterEach(() => {
  for (const machine of machines) machine.close()
  rmSync(folder, { recursive: true })
})

function powerOn(
  drive: Partial<DriveConfig> = {},
  { restores = false, ...more }: { restores?: boolean } & Partial<MachineConfigInput> = {},
): Machine {
  const drives = [
    { kind: 'floppy' as const, path: boot, readonly: true },
    { kind: 'disk' as const, path: disk, ...drive },
  ]
  const machine = createMachine(machineConfig({ accel: 'jit', drives, ...more }), { restores })
  machines.push(machine)
  return machine
}

/** A machine that has written to its disk, is saved, and is gone. */
function saved(drive: Partial<DriveConfig>): Uint8Array {
  const machine = powerOn(drive)
  expect(runUntilSaid(machine, 'R')).toBe('R')
  const state = machine.save()
  shut(machine)
  return state
}

function goOn(state: Uint8Array, drive: Partial<DriveConfig>, insists = false): number | null {
  const machine = powerOn(drive, { restores: true })
  try {
    machine.restore(state, insists)
    machine.serial[0]!.input(Uint8Array.of(0x20))
    return runToExit(machine)
  } finally {
    shut(machine)
  }
}

/** The same for a machine that is new, as the machine's process does it. */
async function begin(
  state: Uint8Array,
  drive: Partial<DriveConfig>,
  insists = false,
): Promise<number | null> {
  const machine = powerOn(drive, { restores: true })
  try {
    await machine.beginFrom(state, insists)
    machine.serial[0]!.input(Uint8Array.of(0x20))
    return runToExit(machine)
  } finally {
    shut(machine)
  }
}

function shut(machine: Machine): void {
  machines.splice(machines.indexOf(machine), 1)
  machine.close()
}

describe('what a guest has written when its state is saved', () => {
  it.each<[string, Partial<DriveConfig>]>([
    ['an ordinary disk', {}],
    ['an ephemeral disk', { ephemeral: true }],
    [
      'an overlay',
      {
        get overlay() {
          return join(folder, 'over.qcow2')
        },
      },
    ],
    [
      'an ephemeral overlay',
      {
        ephemeral: true,
        get overlay() {
          return join(folder, 'over.qcow2')
        },
      },
    ],
  ])('is there after it is restored: %s', (_, options) => {
    const drive = { ...options }
    expect(goOn(saved(drive), drive)).toBe(SEES_IT)
  })

  it.each<Partial<DriveConfig>>([{}, { ephemeral: true }])(
    'is there in a new machine that begins with it: %j',
    async (drive) => {
      expect(await begin(saved(drive), drive)).toBe(SEES_IT)
    },
  )

  it('is refused by a new machine when a byte of it has changed, or its disk', async () => {
    const state = saved({})
    const damaged = Uint8Array.from(state)
    // In what is behind the description, which is refused for what it says.
    damaged[damaged.length - 100]! ^= 1
    await expect(begin(damaged, {})).rejects.toThrow('its checksum is wrong')
    await expect(begin(state.subarray(0, -40), {})).rejects.toThrow('state-invalid')
    truncateSync(disk, 2 * DISK_BYTES)
    await expect(begin(state, {})).rejects.toThrow('another image, of 33554432 bytes')
  })

  it('is in the state itself for an ephemeral disk, whose file stays as it was', () => {
    const { mtimeMs } = statSync(disk)
    const state = saved({ ephemeral: true })
    expect(statSync(disk).mtimeMs).toBe(mtimeMs)
    expect(() => goOn(state, {})).toThrow('it was ephemeral then')
    expect(goOn(state, { ephemeral: true })).toBe(SEES_IT)
    expect(goOn(state, { ephemeral: true })).toBe(SEES_IT)
  })
})

describe('an image that a saved state is about', () => {
  const write = (at: number): void => {
    const fd = openSync(disk, 'r+')
    writeSync(fd, Uint8Array.of(1), 0, 1, at)
    closeSync(fd)
  }

  it.each<[string, () => void, RegExp]>([
    ['was written since', () => write(UNSAMPLED), /disk\.img: ide0-master: its file was written since/],
    ['has another size', () => truncateSync(disk, 2 * DISK_BYTES), /another image, of 33554432 bytes/],
    [
      'is another one of the same size and time',
      () => {
        const { atime, mtime } = statSync(disk)
        write(DISK_BYTES - 7)
        utimesSync(disk, atime, mtime)
      },
      /its contents are others/,
    ],
  ])('is refused when it %s, unless the user insists', (_, change, message) => {
    const state = saved({})
    change()
    const machine = powerOn({}, { restores: true })
    expect(() => machine.restore(state)).toThrow(message)
    expect(runUntilSaid(machine, 'R')).toBe('R') // a machine that refused a state is as it was
    shut(machine)
    expect(goOn(state, {}, true)).toBe(SEES_IT)
  })

  it('may have another name', () => {
    const state = saved({})
    renameSync(disk, (disk = join(folder, 'renamed.img')))
    expect(goOn(state, {})).toBe(SEES_IT)
  })

  it('is not taken from a drive that is empty now', () => {
    const state = saved({})
    const drives = [
      { kind: 'floppy' as const, path: null },
      { kind: 'disk' as const, path: disk },
    ]
    const machine = powerOn({}, { restores: true, drives })
    expect(() => machine.restore(state)).toThrow('boot.img: floppy0: the drive is empty now')
  })
})

describe('IA32_APIC_BASE', () => {
  /** Switches the local APIC off and moves it, says R, hears a byte, and tells whether it finds both as it left them. */
  const SWITCHER = `
    mov ecx, 0x1b
    rdmsr
    mov eax, 0xfed00100
    wrmsr
    mov dx, 0x3f8
    mov al, 'R'
    out dx, al
    call hear
    mov ecx, 0x1b
    rdmsr
    mov ebx, eax
    push ebx
    mov eax, 1
    cpuid
    pop ebx
    mov al, 1
    cmp ebx, 0xfed00100
    jne .end
    test edx, 0x200 ; the feature goes with it
    jnz .end
    mov al, 2
  .end:
    out 0xf4, al
    hlt
  ${HEAR}
  `
  it('is in the state: switched off, and elsewhere', () => {
    writeBootFloppy(boot, SWITCHER)
    expect(goOn(saved({}), {})).toBe(2)
  })
})

describe('an image file that is cut short while the machine runs', () => {
  it('gives the guest an error and the user the reason, and the guest goes on', () => {
    const machine = powerOn()
    const faults: HostFault[] = []
    machine.onFault((fault) => faults.push(fault))
    runUntilSaid(machine, 'R')

    truncateSync(disk, 512)
    machine.serial[0]!.input(Uint8Array.of(0x20))

    expect(runToExit(machine)).toBe(FAILED)
    expect(faults[0]).toMatchObject({
      drive: 'ide0-master',
      operation: 'read',
      path: disk,
      reason: 'it was cut short after it was opened',
    })
    expect(() => machine.save()).toThrow('cut short')
  })
})

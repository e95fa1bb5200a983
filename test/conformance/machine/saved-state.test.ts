import {
  mkdtempSync,
  readFileSync,
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
import type { Machine, StateLook } from '../../../engine/machine/machine.ts'
import { because } from '../../../engine/protocol/reasons.ts'
import type { HostFault } from '../../../engine/protocol/vm.ts'
import { openHostFile } from '../../../engine/storage/host-file.ts'
import { bytesOfState } from '../../../engine/snapshot/state-file.ts'
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
/** Says R, hears a byte, writes a pattern to sector 5 of the first disk, and tells whether it could. */
const LATE_WRITER = `
    mov di, 0x600
    mov cx, 256
    mov ax, 0x5aa5
    rep stosw
    mov dx, 0x3f8
    mov al, 'R'
    out dx, al
    call hear
    sti
    mov bx, 0x600
    mov cx, 6
    mov dx, 0x80
    mov ax, 0x0301
    int 0x13
    mov al, 1
    jnc .end
    mov al, 3
  .end:
    out 0xf4, al
    hlt
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
function begin(state: Uint8Array, drive: Partial<DriveConfig>, insists = false): number | null {
  const machine = powerOn(drive, { restores: true })
  try {
    machine.beginFrom(bytesOfState(state), insists)
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
    (drive) => {
      expect(begin(saved(drive), drive)).toBe(SEES_IT)
    },
  )

  it('is refused by a new machine when a byte of it has changed, or its disk', () => {
    const state = saved({})
    const damaged = Uint8Array.from(state)
    // In what is behind the description, which is refused for what it says.
    damaged[damaged.length - 100]! ^= 1
    expect(() => begin(damaged, {})).toThrow('its checksum is wrong')
    expect(() => begin(state.subarray(0, -40), {})).toThrow('state-invalid')
    truncateSync(disk, 2 * DISK_BYTES)
    expect(() => begin(state, {})).toThrow('another image, of 33554432 bytes')
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

describe('memory that comes when it is reached', () => {
  /** Fills 8 MiB above 1 MiB with words that follow from where they are, says R, hears a byte, and tells whether all are there. */
  const FILLER = `
    cli
    lgdt [gdt]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    mov bx, 8
    mov es, bx
    and al, 0xfe
    mov cr0, eax
    sti
    mov ax, 0x2401
    int 0x15
    mov edi, 0x100000
  .fill:
    mov eax, edi
    imul eax, eax, 0x9e3779b1
    mov [es:edi], eax
    add edi, 4
    cmp edi, 0x900000
    jb .fill
    mov dx, 0x3f8
    mov al, 'R'
    out dx, al
    call hear
    mov al, 2
    mov edi, 0x8ffffc
  .look:
    mov ebx, edi
    imul ebx, ebx, 0x9e3779b1
    cmp [es:edi], ebx
    jne .end
    sub edi, 4
    cmp edi, 0x100000
    jae .look
    mov al, 1
  .end:
    out 0xf4, al
    hlt
  align 8
  gdt:
    dw 15
    dd gdt
    dw 0
    dq 0x00cf92000000ffff
  ${HEAR}
  `
  const RAM_MIB = 16
  const more = { restores: true, memoryMiB: RAM_MIB }
  let path: string
  beforeEach(() => {
    writeBootFloppy(boot, FILLER)
    path = join(folder, 'a.state')
    const machine = powerOn({}, { memoryMiB: RAM_MIB })
    expect(runUntilSaid(machine, 'R')).toBe('R')
    writeFileSync(path, machine.save())
    shut(machine)
  })

  function opened(): Machine {
    const machine = powerOn({}, more)
    machine.beginFrom(openHostFile(path, false))
    return machine
  }

  function answerOf(machine: Machine): number | null {
    machine.serial[0]!.input(Uint8Array.of(0x20))
    return runToExit(machine)
  }

  it.each(['jit', 'interpreter'] as const)('is what it was, %s', (accel) => {
    const machine = powerOn({}, { ...more, accel })
    machine.beginFrom(openHostFile(path, false))
    expect(answerOf(machine)).toBe(SEES_IT)
    while (machine.bringIn(1e6));
    expect(machine.bringIn(1e6)).toBe(false)
  })

  it('is all in a state that is saved, and in a copy for a snapshot, before it has come', () => {
    const machine = opened()
    const { ram, vram } = machine.freeze([], new Uint8Array(machine.captureBytes))
    shut(machine)
    const eager = powerOn({}, more)
    eager.restore(readFileSync(path))
    const all = eager.freeze([], new Uint8Array(eager.captureBytes))
    expect(Buffer.compare(ram, all.ram)).toBe(0)
    expect(Buffer.compare(vram, all.vram)).toBe(0)
    shut(eager)

    const again = opened()
    writeFileSync(path, again.save())
    shut(again)
    expect(answerOf(opened())).toBe(SEES_IT)
  })

  it('is zeros after a reset, and not what would have come', () => {
    const machine = opened()
    machine.reset()
    expect(machine.bringIn(1e9)).toBe(false)
    const { ram } = machine.freeze([], new Uint8Array(machine.captureBytes))
    expect(ram.subarray(0x100000, 0x900000).every((byte) => byte === 0)).toBe(true)
  })

  it('ends the machine, with the reason, when its file is damaged after it was looked through', () => {
    const machine = opened()
    const bytes = readFileSync(path)
    const fd = openSync(path, 'r+')
    writeSync(fd, new Uint8Array(bytes.length >> 1).fill(0x55), 0, bytes.length >> 1, bytes.length >> 2)
    closeSync(fd)
    expect(() => answerOf(machine)).toThrow('memory: it is damaged: its checksum is wrong')
    expect(() => machine.run(1e6)).toThrow('it is damaged')
    expect(() => machine.save()).toThrow('it is damaged')
    shut(machine)
    expect(() => powerOn({}, more).beginFrom(openHostFile(path, false))).toThrow('it is damaged')
  })

  it('is read from the file that was opened, whatever has its name since', () => {
    const machine = opened()
    renameSync(path, join(folder, 'away.state'))
    writeFileSync(path, 'something else')
    expect(answerOf(machine)).toBe(SEES_IT)
  })

  it.each([{}, { firmware: 'rom.bin' }])('finds zeros in a machine that is new: %j', ({ firmware }) => {
    const rom = join(folder, 'rom.bin')
    writeFileSync(rom, new Uint8Array(65536).fill(0x90))
    const machine = powerOn({}, { ...more, ...(firmware ? { firmware: rom } : {}) })
    const { ram } = machine.freeze([], new Uint8Array(machine.captureBytes))
    expect(ram.every((byte) => byte === 0)).toBe(true)
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
      reason: because('file-cut-short'),
    })
    expect(() => machine.save()).toThrow('cut short')
  })
})

describe('a machine whose state is still being looked through', () => {
  const more = { restores: true }
  let state: Uint8Array
  beforeEach(() => {
    writeBootFloppy(boot, LATE_WRITER)
    state = saved({})
  })

  /** A look that ends when it is waited for. */
  function pending(verdict: boolean): StateLook & { waits: number } {
    return {
      isWhole: null,
      waits: 0,
      wait() {
        this.waits++
        return verdict
      },
    }
  }

  function begun(look: StateLook): Machine {
    const machine = powerOn({}, more)
    machine.beginFrom(bytesOfState(state), false, look)
    return machine
  }

  const isWritten = (): boolean => readFileSync(disk).readUInt16LE(5 * 512) === 0x5aa5

  it('runs, and writes to its disk once that has ended', () => {
    const look = pending(true)
    const machine = begun(look)
    machine.run(1e6)
    expect(look.waits).toBe(0)
    expect(machine.bringIn(1e9)).toBe(true)
    machine.serial[0]!.input(Uint8Array.of(0x20))
    expect(runToExit(machine)).toBe(SEES_IT)
    expect(look.waits).toBe(1)
    expect(isWritten()).toBe(true)
    expect(machine.bringIn(1e9)).toBe(false)
  })

  it('has written nothing, and ends, when the state is damaged', () => {
    const machine = begun(pending(false))
    machine.serial[0]!.input(Uint8Array.of(0x20))
    // Its guest sees a disk that fails, until the loop hears why.
    expect(runToExit(machine)).toBe(FAILED)
    expect(() => machine.save()).toThrow(/damaged/)
    shut(machine)
    expect(isWritten()).toBe(false)
  })

  it('hears of damage without asking, all of its memory being there', () => {
    const look = { ...pending(false), isWhole: null as boolean | null }
    const machine = begun(look)
    expect(machine.bringIn(1e9)).toBe(true)
    look.isWhole = false
    expect(() => machine.bringIn(1e6)).toThrow('nothing was written to disks')
  })
})

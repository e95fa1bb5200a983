import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Machine } from '../../../engine/machine/machine.ts'
import { createMachine } from '../../../engine/machine/pc.ts'
import { MachineConfig } from '../../../engine/protocol/machine-config.ts'
import { writeBootFloppy } from '../../support/talking-guest.ts'

const SLICE_NS = 1_000_000
/** What the guest sees of the host: 50 million instructions a second. */
const NS_PER_INSTRUCTION = 20
const TURNS = 60

/**
 * Timer interrupts, the clock, the speaker's counter and the disk change what a program mixes into its memory and puts
 * on its screen: whatever comes one instruction sooner or later is seen in all that follows.
 */
const MIXER = `
    mov word [8 * 4], tick
    mov word [8 * 4 + 2], 0
    mov al, 0x34
    out 0x43, al
    mov al, 0x39
    out 0x40, al
    mov al, 0x05
    out 0x40, al
    mov ax, 0x2000
    mov es, ax
    mov ax, 0xb800
    mov fs, ax
    fninit
    fldpi
    sti
  mix:
    mov al, 0
    out 0x43, al
    in al, 0x40
    mov ah, al
    in al, 0x40
    rol ax, 5
    add [seed], ax
    mov eax, [seed]
    imul eax, eax, 1103515245
    add eax, 12345
    mov [seed], eax
    mov di, ax
    shr eax, 16
    xor [es:di], ax
    and di, 0xfff
    cmp di, 4000
    jae past
    mov [fs:di], al
  past:
    fld st0
    fsin
    faddp st1, st0
    fst qword [es:0]
    rdtsc
    xor [es:0x10], eax
    test byte [seed + 1], 0x1f
    jnz mix
    hlt
    jmp mix
  tick:
    push ax
    inc word [ticks]
    mov ax, sp
    mov [es:0x20], ax
    mov ax, [seed]
    xor [es:0x22], ax
    mov al, 0x20
    out 0x20, al
    pop ax
    iret
  seed:
    dd 1
  ticks:
    dw 0
`

/** The real machine on a host whose time is the count of instructions, and the guest's sleep. */
class TimedPc {
  readonly machine: Machine
  #sleptNs = 0

  constructor(accel: 'interpreter' | 'jit', path: string) {
    const config = v.parse(MachineConfig, {
      version: 1,
      memoryMiB: 2,
      accel,
      knobs: { startTimeMs: 1e12 },
      drives: [{ kind: 'floppy', path, readonly: true }],
    })
    this.machine = createMachine(config, {
      hostNs: (instructions) => instructions * NS_PER_INSTRUCTION + this.#sleptNs,
    })
  }

  /** @param turns slices, between which a host would look at its messages */
  run(turns: number): this {
    for (let turn = 0; turn < turns; turn++) {
      const outcome = this.machine.run(SLICE_NS)
      if (outcome.kind === 'idle') this.#sleptNs += Math.min(outcome.wakeNs, SLICE_NS)
      else if (outcome.kind !== 'slice') throw new Error(`it ended: ${outcome.kind}`)
    }
    return this
  }

  /**
   * Memory, video memory, devices, clock, and how many instructions it took. The processor's words are left out: beside
   * the registers, which the guest mixes into its memory, they hold where this process has decoded code.
   */
  get everything() {
    const { machine } = this
    const { state, ram, vram } = machine.freeze([], new Uint8Array(machine.captureBytes))
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const { cpu: _, ...rest } = state as Record<string, unknown>
    return { screen: machine.display.text(), ram: hash(ram), vram: hash(vram), state: JSON.stringify(rest) }
  }
}

let folder: string
let boot: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-future-'))
  boot = join(folder, 'boot.img')
  writeBootFloppy(boot, MIXER)
})
afterEach(() => rmSync(folder, { recursive: true }))

it.each(['interpreter', 'jit'] as const)(
  'a state goes on to the same future whenever it is saved, %s',
  (accel) => {
    const whole = new TimedPc(accel, boot)
    const states: [number, Uint8Array][] = []
    for (const pause of [17, 29, 41]) {
      whole.run(pause - (states.at(-1)?.[0] ?? 0))
      states.push([pause, whole.machine.save()])
    }
    const future = whole.run(TURNS - 41).everything
    whole.machine.close()
    for (const [pause, state] of states) {
      const other = new TimedPc(accel, boot)
      other.machine.restore(state)
      expect(other.run(TURNS - pause).everything, `saved after ${pause} turns`).toEqual(future)
      other.machine.close()
    }
  },
  120_000,
)

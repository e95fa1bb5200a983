import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { Machine } from '../../../engine/machine/machine.ts'
import { createMachine } from '../../../engine/machine/pc.ts'
import { MachineConfig } from '../../../engine/protocol/machine-config.ts'
import type { StateBytes } from '../../../engine/snapshot/packed-memory.ts'
import { Random } from '../storage/random.ts'

/** What the guest sees of the host: 50 million instructions a second. */
const NS_PER_INSTRUCTION = 20
/** Slices are whole numbers of this, at most so many. */
const GRAIN_NS = 1000
const MOST_GRAINS = 2000
/** More looks at the clock than any instruction takes. */
const LOOKS_IN_VAIN = 500

/** A run that can be repeated: the same guest, the same slices, and a state saved after one of them. */
export interface Course {
  accel: 'interpreter' | 'jit'
  floppy: string
  /** Of the lengths of its slices, between which a host looks at its messages. */
  seed: number
  slices: number
  /** After how many slices its state is saved. */
  moment: number
}

/** The real machine on a host whose time is the count of instructions, and the guest's sleep. */
export class TimedPc {
  readonly machine: Machine
  #sleptNs = 0
  #seen = { instructions: -1, looks: 0 }
  #saving = false
  #slices: number[]
  #done = 0

  constructor(private readonly course: Course) {
    const config = v.parse(MachineConfig, {
      version: 1,
      memoryMiB: 2,
      accel: course.accel,
      knobs: { startTimeMs: 1e12 },
      drives: [{ kind: 'floppy', path: course.floppy, readonly: true }],
    })
    const random = new Random(course.seed)
    this.#slices = Array.from({ length: course.slices }, () => GRAIN_NS * (1 + random.below(MOST_GRAINS)))
    this.machine = createMachine(config, {
      hostNs: (instructions) => {
        this.#look(instructions)
        return instructions * NS_PER_INSTRUCTION + this.#sleptNs
      },
    })
  }

  /** Goes on from what was saved at the moment of the course; its memory comes when it is reached. */
  beginFrom(state: StateBytes): void {
    this.machine.beginFrom(state)
    this.#done = this.course.moment
  }

  /**
   * Runs to the end of its course. A call to the firmware is finished before a state can be saved, so that saving is a
   * part of the course.
   * @returns the state of the moment, when it was on the way
   */
  run(): Uint8Array | null {
    let state: Uint8Array | null = null
    for (; this.#done < this.course.slices; this.#done++) {
      const sliceNs = this.#slices[this.#done]!
      const outcome = this.machine.run(sliceNs)
      if (outcome.kind === 'idle') this.#sleptNs += Math.min(outcome.wakeNs, sliceNs)
      else if (outcome.kind !== 'slice') throw new Error(`it ended: ${outcome.kind}`)
      if (this.course.moment === this.#done + 1) state = this.#save()
    }
    return state
  }

  #save(): Uint8Array {
    this.#saving = true
    const state = this.machine.save()
    this.#saving = false
    return state
  }

  /** A processor that halts for a moment only is waited for by looking at the clock: without instructions it has to go on. */
  #look(instructions: number): void {
    if (instructions !== this.#seen.instructions) this.#seen = { instructions, looks: 0 }
    else if (++this.#seen.looks > LOOKS_IN_VAIN) this.#sleptNs += this.#saving ? GRAIN_NS : 1
  }

  /**
   * Memory, video memory, devices, clock, registers, and how many instructions it took. The processor's own words are
   * left out: beside the registers they hold where this process has decoded code.
   */
  get everything() {
    const { machine } = this
    const { state, ram, vram } = machine.freeze([], new Uint8Array(machine.captureBytes))
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const { cpu: _, ...rest } = state as Record<string, unknown>
    return {
      screen: machine.display.text(),
      registers: this.#registers(),
      ram: hash(ram),
      vram: hash(vram),
      state: rest,
    }
  }

  #registers(): Record<string, string> {
    const target = this.machine.debugTarget!
    const names = target.features.flatMap(({ registers }) => registers.map(({ name }) => name))
    return Object.fromEntries(
      names.map((name, index) => [name, Buffer.from(target.readRegister(index)).toString('hex')]),
    )
  }
}

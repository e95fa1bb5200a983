import { ARITHMETIC, DIRECTION, IF, NT, TF, VM } from '../../../engine/isa/flags.ts'
import { CR0, CR4 } from '../../../engine/vcpu/cpu-state.ts'
import type { Random } from '../cpu/random.ts'
import { CodeWriter } from './code.ts'
import {
  BASE,
  CODE,
  DATA,
  DIRECTORY,
  GDT,
  GDT_LIMIT,
  IDT,
  LDT,
  LDT_ENTRIES,
  PADS,
  PAE,
  WATCHED,
  SEL,
  STACKS,
  TABLE,
  TASK,
  VECTORS,
  VECTOR_TABLE,
} from './layout.ts'
import { descriptor, gate } from './pristine.ts'
import { SNIPPETS } from './snippets.ts'
import { ALL_SELECTORS, CODE_SELECTORS, type Mode, PARAGRAPHS, type SystemCase } from './system-case.ts'
import type { Writing } from './transfers.ts'

const MODES: readonly Mode[] = ['real', 'v86', 'protected16', 'protected32', 'protected32']
const MAX_SNIPPETS = 6
const CODE_ROOM = 0x800

/** Handlers that gates may lead to besides the usual ones: code that returns. */
export type Handlers = (name: string) => number

/** Makes cases at random. */
export class CaseMaker {
  #made = 0

  constructor(
    private readonly random: Random,
    private readonly symbol: Handlers,
  ) {}

  next(): SystemCase {
    const { random } = this
    const mode = random.pick(MODES)
    const level = mode === 'real' ? 0 : mode === 'v86' ? 3 : this.#level(mode)
    const test = this.#start(mode, level)
    if (mode !== 'real') {
      this.#descriptors(test)
      this.#gates(test)
      if (test.cr0 & CR0.PG) this.#pages(test)
    } else this.#vectors(test)
    this.#code(test, level)
    return test
  }

  #level(mode: Mode): number {
    const { random } = this
    return mode === 'protected16' ? random.pick([0, 3]) : random.pick([0, 0, 0, 3, 3, 3, 1, 2])
  }

  #start(mode: Mode, level: number): SystemCase {
    const { random } = this
    const paged = mode !== 'real' && random.oneIn(2)
    const pae = paged && random.oneIn(5)
    const task = random.oneIn(12) && mode !== 'v86' ? SEL.wideTask : SEL.mainTask
    const registers = Array.from({ length: 8 }, () => random.value())
    const segmented = mode !== 'protected32'
    const stack = STACKS[level]! - 4 * random.below(8)
    registers[4] = segmented ? stack - BASE : stack
    if (segmented && random.oneIn(3)) registers[4] |= random.word() & ~0xffff
    // Pushes that wrap at the end of the segment.
    const low = mode === 'real' && random.oneIn(8)
    if (low) registers[4] = 8 + 2 * random.below(8)
    return {
      number: ++this.#made,
      mode,
      real: mode === 'real',
      cr0:
        CR0.ET |
        (mode === 'real' ? 0 : CR0.PE) |
        (paged ? CR0.PG : 0) |
        (random.oneIn(3) ? CR0.WP : 0) |
        (random.oneIn(4) ? CR0.NE : 0) |
        (random.oneIn(6) ? CR0.TS : 0) |
        (random.oneIn(6) ? CR0.MP : 0) |
        (random.oneIn(8) ? CR0.EM : 0),
      cr3: pae ? PAE.pointers : DIRECTORY,
      cr4:
        (pae ? CR4.PAE : 0) |
        (random.oneIn(2) ? CR4.PSE : 0) |
        (random.oneIn(2) ? CR4.PGE : 0) |
        (random.oneIn(4) ? CR4.DE : 0) |
        (random.oneIn(6) ? CR4.TSD : 0),
      debug: this.#breakpoints(),
      gdt: { base: GDT, limit: GDT_LIMIT },
      idt:
        mode === 'real'
          ? { base: VECTOR_TABLE, limit: random.oneIn(12) ? 0x5f : 0x3ff }
          : { base: IDT, limit: random.oneIn(12) ? 0x20 * 8 + 3 : VECTORS * 8 - 1 },
      ldt: random.oneIn(6) ? 0 : SEL.ldt,
      task,
      registers,
      eip: segmented ? CODE - BASE : CODE,
      eflags:
        (random.word() & (ARITHMETIC | DIRECTION)) |
        2 |
        (random.below(4) << 12) |
        (random.oneIn(4) ? IF : 0) |
        (mode === 'v86' ? VM : 0) |
        (random.oneIn(12) ? TF : 0) |
        (random.oneIn(12) && mode !== 'v86' ? NT : 0),
      selectors: this.#selectors(mode, level, low),
      patches: pae
        ? [
            [TASK.handler + 28, PAE.pointers],
            [TASK.doubleFault + 28, PAE.pointers],
            [TASK.wide + 28, PAE.pointers],
          ]
        : [],
      code: [],
      names: [],
    }
  }

  #breakpoints(): number[] {
    const { random } = this
    if (!random.oneIn(8)) return [0, 0, 0, 0, 0]
    // Not on code: QEMU stops there for good. Apart from each other: it notes one at a time.
    const addresses = Array.from({ length: 4 }, (_, i) => WATCHED + 16 * i + 4 * random.below(2))
    let control = random.word() & 0xff
    for (let i = 0; i < 4; i++) {
      control |= random.pick([1, 3, 0xd, 0xf, 5, 7]) << (16 + 4 * i)
    }
    return [...addresses, control]
  }

  #selectors(mode: Mode, level: number, low: boolean): number[] {
    const { random } = this
    if (mode === 'real' || mode === 'v86') {
      const data = (): number => (random.oneIn(4) ? random.pick(PARAGRAPHS) : BASE >> 4)
      return [data(), BASE >> 4, low ? 0xc00 : BASE >> 4, data(), data(), data()]
    }
    if (mode === 'protected16') {
      const data = level === 0 ? SEL.data16 : SEL.userData16
      return [data, level === 0 ? SEL.code16 : SEL.userCode16, data, data, random.pick([data, 0]), 0]
    }
    const code = [SEL.handlerCode, SEL.code1, SEL.code2, SEL.userCode][level]!
    const data = [SEL.handlerData, SEL.data1, SEL.data2, SEL.userData][level]!
    return [data, code, data, data, random.pick([data, SEL.userData, 0]), random.pick([data, 0])]
  }

  #put(test: SystemCase, address: number, [low, high]: [number, number]): void {
    test.patches.push([address, low], [address + 4, high])
  }

  /** Gates and random descriptors of the GDT and the LDT. */
  #descriptors(test: SystemCase): void {
    const { random } = this
    for (let i = 0; i < 8; i++) {
      const [selector, offset] = this.#codeTarget([PADS.retf, PADS.retfWide, PADS.stop])
      const type = random.pick([0x84, 0x8c, 0x8c, 0xe4, 0xec, 0xec, 0xec, 0x6c])
      const parameters = random.oneIn(2) ? 0 : random.below(4)
      this.#put(test, GDT + SEL.firstCallGate + i * 8, gate(selector, offset, type, parameters))
    }
    for (let i = 0; i < 4; i++) {
      const selector = random.pick([
        SEL.wideTask,
        SEL.narrowTask,
        SEL.handlerTask,
        SEL.mainTask,
        SEL.userCode,
      ])
      const type = random.pick([0x85, 0xe5, 0xe5, 0x65])
      this.#put(test, GDT + SEL.firstTaskGate + i * 8, gate(selector, 0, type))
    }
    for (let i = 0; i < 12; i++) this.#put(test, GDT + SEL.firstRandom + i * 8, this.#anyDescriptor())
    for (let i = 6; i < LDT_ENTRIES; i++) this.#put(test, LDT + i * 8, this.#anyDescriptor(true))
    if (random.oneIn(4)) this.#task(test)
  }

  /** The task that can be switched to, changed. */
  #task(test: SystemCase): void {
    const { random } = this
    const at = TASK.wide
    for (let n = 1 + random.below(3); n > 0; n--) {
      const [code, offset] = this.#codeTarget([PADS.stop])
      test.patches.push(
        random.pick<[number, number]>([
          [at + 32, offset],
          [at + 36, (random.word() & 0x47fd5) | 2],
          [at + 72, random.pick(ALL_SELECTORS)],
          [at + 76, code],
          [at + 80, random.pick([SEL.handlerData, SEL.userData, SEL.data1, SEL.data2, SEL.data16])],
          [at + 84, random.pick(ALL_SELECTORS)],
          [at + 88, random.pick(ALL_SELECTORS)],
          [at + 92, random.pick(ALL_SELECTORS)],
          [at + 96, random.pick([0, SEL.ldt, SEL.userData])],
          [TASK.main + 8, random.pick([SEL.handlerData, SEL.userData, 0, SEL.data16])],
        ]),
      )
    }
  }

  /** Where a transfer may lead: a selector with an offset at which it finds code. */
  #codeTarget(pads: readonly number[]): [selector: number, offset: number] {
    const { random } = this
    const pad = random.pick(pads)
    // Through a gate QEMU gives a conforming segment the level of its descriptor.
    const code = CODE_SELECTORS.filter((selector) => selector !== SEL.conforming)
    const selector = random.pick(code)
    if (!NARROW.has(selector & 0xfff8)) return [selector, CODE + pad]
    return [selector, CODE - BASE + (pad === PADS.retfWide || pad === PADS.iretWide ? PADS.stop : pad)]
  }

  /** @param segment no system descriptor: a task-state segment in an LDT is #TS for QEMU */
  #anyDescriptor(segment = false): [number, number] {
    const { random } = this
    const base = random.pick([0, 0, BASE, DATA])
    const limit = random.pick([0xfffff, 0xffff, 0x1ffff])
    const access = random.below(256) | (random.oneIn(4) ? 0 : 0x80) | (segment || !random.oneIn(3) ? 0x10 : 0)
    // A segment that has not been accessed is for data here; see docs/conformance.md.
    const code = (access & 0x18) === 0x18 ? 1 : 0
    return descriptor(base, limit, access | code, random.pick([0, 4, 8, 0xc, 0xc]))
  }

  #gates(test: SystemCase): void {
    const { random } = this
    const change = (vector: number): void => {
      // A fault that returns to what made it would never end, nor would the breakpoint there.
      const [selector, offset] = this.#codeTarget(
        vector < 0x20 ? [PADS.stop] : [PADS.iret, PADS.iretWide, PADS.stop],
      )
      const entry = random.pick<[number, number]>([
        gate(SEL.handlerNarrow, this.symbol(`narrow${vector}`), random.pick([0x86, 0x87, 0xe6, 0xe7])),
        gate(SEL.handlerCode, this.symbol(`wide${vector}`), random.pick([0x8e, 0x8f, 0xee, 0xef])),
        // The image of a fault would show RF, see forget_resume.
        vector < 0x20
          ? gate(SEL.handlerTask, 0, 0x85)
          : gate(selector, offset, random.pick([0x8e, 0xee, 0xef, 0xe6, 0xe7])),
        gate(SEL.handlerTask, 0, random.pick([0x85, 0xe5])),
        // QEMU never says that an event from outside met the fault.
        gate(
          SEL.handlerCode,
          this.symbol(`wide${vector}`),
          vector < 0x20 ? 0x8f : random.pick([0x0e, 0x6e, 0xec, 0xe4, 0x00]),
        ),
      ])
      this.#put(test, IDT + vector * 8, entry)
    }
    if (random.oneIn(3)) change(random.pick([0, 1, 4, 5, 6, 7, 10, 11, 12, 13, 14]))
    for (let n = 0; n < 4; n++) change(0x20 + random.below(16))
  }

  #pages(test: SystemCase): void {
    const { random } = this
    const wide = (test.cr4 & CR4.PAE) !== 0
    const entry = (page: number): number => (wide ? PAE.table + page * 8 : TABLE + page * 4)
    for (let n = random.below(4); n > 0; n--) {
      const page = random.pick([0x15, 0x16, 0x16])
      const bits = random.pick([7, 5, 5, 3, 1, 0, 6, 0x67, 0x27, 0x105])
      const to = page === 0x15 && random.oneIn(4) ? 0x1d + random.below(3) : page
      test.patches.push([entry(page), (to << 12) | bits])
    }
    if (random.oneIn(8)) {
      const at = wide ? PAE.directory + 16 : DIRECTORY + 4
      test.patches.push([at, random.pick([0x87, 0x83, 0x85, 0x81, 0x200087, 0x187, 0x86])])
    }
  }

  #vectors(test: SystemCase): void {
    const { random } = this
    for (let n = 0; n < 4; n++) {
      const vector = random.oneIn(5) ? random.pick([0, 1, 4, 5, 6, 7, 12, 13]) : 0x20 + random.below(16)
      const pad = vector < 0x20 ? PADS.stop : random.pick([PADS.iret, PADS.stop])
      test.patches.push([VECTOR_TABLE + vector * 4, (BASE << 12) | (CODE - BASE + pad)])
    }
  }

  #code(test: SystemCase, level: number): void {
    const { random } = this
    const writer = new CodeWriter(test.mode === 'protected32' ? 32 : 16)
    const writing: Writing = {
      random,
      test,
      code: writer,
      level,
      paragraphs: test.real || test.mode === 'v86',
    }
    const snippets = SNIPPETS.filter(({ modes }) => modes.includes(test.mode))
    for (let n = 1 + random.below(MAX_SNIPPETS); n > 0 && writer.bytes.length < CODE_ROOM; n--) {
      const { name, write } = random.pick(snippets)
      test.names.push(name)
      write(writing)
    }
    writer.raw(0xcc)
    test.code = writer.bytes
    while (writer.bytes.length & 3) writer.raw(0xcc)
    for (let i = 0; i < writer.bytes.length; i += 4)
      test.patches.push([
        CODE + i,
        writer.bytes[i]! |
          (writer.bytes[i + 1]! << 8) |
          (writer.bytes[i + 2]! << 16) |
          (writer.bytes[i + 3]! << 24),
      ])
  }
}

const NARROW: ReadonlySet<number> = new Set([SEL.code16, SEL.userCode16].map((s) => s & 0xfff8))

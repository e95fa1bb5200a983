import type { Operand, Semantics } from './semantics.ts'

/** What must be present for an instruction to exist; a CPU model is a set of these. */
export type Feature =
  | '8086'
  /** What only the 8086 does, and only the 286: see early.ts. */
  | 'only-8086'
  | 'only-286'
  | '186'
  | '286'
  | '386'
  | '486'
  /** MOV of the test registers, which the Pentium has no more. */
  | 'test-registers'
  | 'cpuid'
  | 'fpu'
  | 'tsc'
  | 'msr'
  | 'cx8'
  | 'cmov'
  | 'sep'
  | 'mmx'
  | 'fxsr'
  | 'sse'
  | 'sse2'
  | 'p6'
  | 'pmc'

/** Register file that an instruction works on, which decides what CR0.EM and CR0.TS do to it. */
export type Unit = 'integer' | 'x87' | 'x87-control' | 'wait' | 'mmx' | 'sse'

/**
 * Bits of State.FPU_TRAP. 'x87', 'mmx' and 'wait' also wait for a pending exception; 'x87-control' are the
 * instructions that do not (FNINIT, FNSAVE, FXSAVE and the like), which CR0.EM and CR0.TS still stop.
 */
export const UNIT_BIT: Readonly<Record<Unit, number>> = {
  integer: 0,
  x87: 1,
  mmx: 2,
  sse: 4,
  'x87-control': 8,
  wait: 16,
}

export interface Options {
  /** Flags read, of ARITHMETIC; and certainly written. */
  uses?: number
  defines?: number
  /** Written flags that the manual leaves undefined. */
  undefined?: number
  /** Ends a straight run: a branch, or anything that may change what comes next. */
  ends?: boolean
  /** Goes to another place in the same code segment, which must lie within its limit. */
  near?: boolean
  /** Pushes or pops, so that the stack's address size matters. */
  stack?: boolean
  /** Depends on the address size beyond the computation of a memory operand's address. */
  addressSized?: boolean
  /** A string instruction: REP applies. */
  string?: boolean
  /** May have a LOCK prefix when its destination is memory. */
  lockable?: boolean
  /** Classes of an immediate count that deserve own code. */
  split?: (immediate: number) => string
  /** Fixed operand size in bytes, whatever the prefixes. */
  size?: number
  /** Executed seldom: compiled as a function of its own, without forms for flat addressing. */
  rare?: boolean
  unit?: Unit
  feature?: Feature
}

export interface Description extends Options {
  id: number
  name: string
  /**
   * "66 0f d6 /r Wq,Vq": mandatory prefix, escape bytes, opcode (+r: register in the low bits), /digit or /r,
   * operands in the letters of SDM vol. 2, appendix A.
   */
  encodings: string[]
  meaning: (b: Semantics, ...operands: Operand[]) => void
  unit: Unit
  feature: Feature
}

/** Collects descriptions; each file of the instruction set exports a function that adds its own. */
export class InstructionSet {
  readonly descriptions: Description[] = []

  add(name: string, encodings: string, meaning: Description['meaning'], options: Options = {}): void {
    this.descriptions.push({
      unit: 'integer',
      feature: '8086',
      ...options,
      id: this.descriptions.length,
      name,
      encodings: encodings.split(';').map((e) => e.trim()),
      meaning,
    })
  }
}

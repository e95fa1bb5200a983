import { GDT_LIMIT, LDT_ENTRIES, SEL } from './layout.ts'

export type Mode = 'real' | 'v86' | 'protected16' | 'protected32'

/** The state that a case starts in. */
export interface SystemCase {
  /** Counted from 1 for a seed. */
  number: number
  mode: Mode
  real: boolean
  cr0: number
  cr3: number
  cr4: number
  /** DR0 to DR3 and DR7. */
  debug: number[]
  gdt: { base: number; limit: number }
  idt: { base: number; limit: number }
  ldt: number
  task: number
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  registers: number[]
  eip: number
  eflags: number
  /** ES CS SS DS FS GS. */
  selectors: number[]
  /** Words of physical memory that differ from the usual. */
  patches: [address: number, value: number][]
  code: number[]
  /** What was put in, for the report. */
  names: string[]
}

/** Real-mode segments whose 64 KiB lie in the arena. */
export const PARAGRAPHS = [0xc00, 0xd00, 0xf00, 0xfff, 0x1000] as const
export const CODE_SELECTORS: readonly number[] = [
  SEL.handlerCode,
  SEL.handlerCode,
  SEL.userCode,
  SEL.code16,
  SEL.userCode16,
  SEL.code1,
  SEL.code2,
  SEL.conforming,
  SEL.executeOnly,
]
/** One of each kind, and some that are none. */
export const ALL_SELECTORS: readonly number[] = [
  0,
  1,
  ...Object.values(SEL),
  SEL.userData & ~3,
  SEL.handlerData | 3,
  SEL.data16 | 3,
  SEL.conforming | 3,
  SEL.firstTaskGate + 8,
  ...Array.from({ length: 12 }, (_, i) => SEL.firstRandom + i * 8),
  ...Array.from({ length: 8 }, (_, i) => (SEL.firstRandom + i * 8) | 3),
  ...Array.from({ length: 8 }, (_, i) => SEL.firstCallGate + i * 8),
  ...Array.from({ length: 4 }, (_, i) => (SEL.firstCallGate + i * 8) | 3),
  ...Array.from({ length: LDT_ENTRIES }, (_, i) => i * 8 + 7),
  ...Array.from({ length: LDT_ENTRIES }, (_, i) => i * 8 + 4),
  GDT_LIMIT + 1,
  0xfffb,
]

/**
 * The memory and the descriptors of the user-mode process in which random instructions run, the same on the
 * host's processor and on ours. Everything lies below 64 KiB where 16-bit addresses and jumps can reach it,
 * but for one area that they cannot.
 */
export const DATA = 0x3000
export const DATA_END = 0x7000
export const READ_ONLY = 0x8000
export const READ_ONLY_END = 0x9000
export const CODE = 0xa000
export const CODE_END = 0xc000
export const FAR_DATA = 0x20000
export const FAR_DATA_END = 0x22000

export const DATA_AREAS = [
  [DATA, DATA_END],
  [FAR_DATA, FAR_DATA_END],
] as const
/** Areas whose content counts as result, in this order. */
export const RESULT_AREAS = [...DATA_AREAS, [CODE, CODE_END]] as const

/** Where the host's program itself lies, and our descriptor tables: streams must not go there. */
export const RESERVED = 0x60000000
export const RESERVED_END = 0x60100000

/** Selectors of a 32-bit process under a 64-bit Linux kernel. */
export const USER_CODE = 0x23
export const USER_DATA = 0x2b
export const KERNEL_CODE32 = 0x08
export const KERNEL_DATA = 0x18
/** A selector beyond the end of the GDT. */
export const BEYOND_GDT = 0xfffb

export interface LocalSegment {
  base: number
  /** As in the descriptor: pages when `pages` is set. */
  limit: number
  kind: 'data' | 'expand-down' | 'code'
  /** D or B flag. */
  big: boolean
  /** Data that cannot be written, code that cannot be read. */
  restricted?: boolean
  pages?: boolean
  absent?: boolean
}

/** The LDT from entry 1 on. */
export const LOCAL_SEGMENTS: readonly LocalSegment[] = [
  { base: 0x2000, limit: 0xffff, kind: 'code', big: false },
  { base: 0x2000, limit: 0xbfff, kind: 'code', big: true },
  { base: 0, limit: 0xffff, kind: 'code', big: true, restricted: true },
  { base: 0x3000, limit: 0x3fff, kind: 'data', big: true },
  { base: 0x3000, limit: 0x2fff, kind: 'data', big: false },
  { base: 0x3000, limit: 0x3fff, kind: 'data', big: true, restricted: true },
  { base: 0x3000, limit: 0xfff, kind: 'expand-down', big: true },
  { base: 0x3000, limit: 0x7ff, kind: 'expand-down', big: false },
  { base: 0x3000, limit: 0x3fff, kind: 'data', big: true, absent: true },
  { base: 0x1000, limit: 6, kind: 'data', big: true, pages: true },
  { base: 0x4000, limit: 0x7fff, kind: 'code', big: false, restricted: true },
  { base: 0xfffff000, limit: 0xfffff, kind: 'data', big: true, pages: true },
  { base: 0x3100, limit: 3, kind: 'data', big: true },
  { base: 0x3000, limit: 0xffff, kind: 'data', big: false },
  { base: 0x1000, limit: 0xfffff, kind: 'code', big: true, pages: true },
  { base: 0x9000, limit: 0x2eff, kind: 'code', big: true },
  { base: 0x3000, limit: 0x3fff, kind: 'expand-down', big: false, restricted: true },
  { base: 0x2000, limit: 0xffff, kind: 'code', big: true, absent: true },
]

export const localSelector = (entry: number): number => entry * 8 + 7
const entries = LOCAL_SEGMENTS.map((segment, i) => ({ segment, selector: localSelector(i + 1) }))
/** Code selectors that a stream may go on in. */
export const CODE_SELECTORS = [
  USER_CODE,
  ...entries.filter(({ segment: s }) => s.kind === 'code' && !s.absent).map((e) => e.selector),
]
export const STACK_SELECTORS = [
  USER_DATA,
  ...entries
    .filter(({ segment: s }) => s.kind !== 'code' && !s.absent && !s.restricted && s.limit > 3)
    .map((e) => e.selector),
]
export const ALL_SELECTORS = [
  0,
  USER_CODE,
  USER_DATA,
  KERNEL_CODE32,
  KERNEL_DATA,
  KERNEL_DATA | 3,
  BEYOND_GDT,
  localSelector(0),
  localSelector(LOCAL_SEGMENTS.length + 1),
  ...entries.map((e) => e.selector),
  ...entries.map((e) => e.selector & ~3),
]

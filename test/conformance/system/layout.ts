/**
 * Where things lie in the memory of the cases (see harness.asm). The arena is set up anew for each; its part
 * from BASE on is what 16-bit segments of base BASE see.
 */
export const ARENA = 0xc000
export const ARENA_BYTES = 0x14000
export const BASE = 0x10000
export const PRISTINE = 0x200000
export const CASES = 0x220000
export const RAM_MIB = 16

export const GDT = 0x10000
export const GDT_LIMIT = 64 * 8 - 1
export const IDT = 0x10400
export const VECTORS = 0x30
export const LDT = 0x10800
export const LDT_ENTRIES = 16
export const TASK = { main: 0x11000, wide: 0x11200, narrow: 0x11400, handler: 0x11600, doubleFault: 0x11800 }
export const MAIN_TASK_LIMIT = 0x88
export const DIRECTORY = 0x12000
export const TABLE = 0x13000
export const STACKS = [0x14400, 0x14600, 0x14800, 0x14c00] as const
/** Data that instructions of the cases work on. */
export const DATA = 0x15000
export const CODE = 0x17000
/** Where data breakpoints lie. */
export const WATCHED = 0x1e000
/** Code that transfers lead to: what it does by offset in its page. */
export const PADS = { retf: 0x900, retfWide: 0x904, iret: 0x908, iretWide: 0x90c, stop: 0x910 }
/** Page tables with 64-bit entries. */
export const PAE = { pointers: 0x18000, directory: 0x19000, table: 0x1a000 }
export const HANDLER_STACKS = { task: 0x1b800, doubleFault: 0x1bc00 }
/** Vectors of real mode. */
export const VECTOR_TABLE = 0x1c000

/** Selectors of the GDT. */
export const SEL = {
  handlerCode: 0x08,
  handlerData: 0x10,
  handlerNarrow: 0x18,
  data16: 0x20,
  mainTask: 0x28,
  wideTask: 0x30,
  narrowTask: 0x38,
  handlerTask: 0x40,
  doubleFaultTask: 0x48,
  ldt: 0x50,
  userCode: 0x5b,
  userData: 0x63,
  code16: 0x68,
  userCode16: 0x73,
  userData16: 0x7b,
  code1: 0x81,
  data1: 0x89,
  code2: 0x92,
  data2: 0x9a,
  conforming: 0xa0,
  executeOnly: 0xa8,
  readOnly: 0xb3,
  expandDown: 0xbb,
  firstCallGate: 0xc0,
  firstTaskGate: 0x100,
  firstRandom: 0x120,
} as const

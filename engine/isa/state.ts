/**
 * Addresses of the processor's state in the linear memory (see memory/layout.ts). Interpreter, translator,
 * system instructions and the FPU module all use this one list; 32-bit little-endian words unless said.
 */
export const State = {
  /** EAX ECX EDX EBX ESP EBP ESI EDI, 8 bytes each so that they can grow to 64 bits. */
  GPR: 0x40,
  /** Always zero: the base or index of an address that has none. */
  ZERO: 0x80,
  /** Lazy flags: result and carry vector (see flags.ts). */
  FLAGS_RESULT: 0x88,
  FLAGS_AUX: 0x8c,
  /** 1 or -1: the direction flag as a step. */
  DF: 0x90,
  /** EFLAGS without the six arithmetic flags and DF. */
  EFLAGS_SYSTEM: 0x94,
  /** Instruction pointer, valid whenever no generated code runs. */
  EIP: 0x98,
  /** Instructions left in this run; stored by generated code before it calls out or returns. */
  BUDGET: 0x9c,
  CPL: 0xa0,
  /** TLB permission bits that the current privilege level needs (see Tlb). */
  READ_BIT: 0xa4,
  WRITE_BIT: 0xa8,
  /** High word of the jump cache's tag: code segment, mode and translation generation. */
  JUMP_KEY: 0xac,
  /** Record being executed, and the first of its straight run; stored when generated code calls out. */
  RECORD: 0xb0,
  RUN_START: 0xb4,
  /** EIP of offset 0 of the page that the current record was decoded from. */
  EIP_BASE: 0xb8,
  /** Non-zero while x87, MMX or SSE instructions must take the slow way, by unit (see UNIT_BIT). */
  FPU_TRAP: 0xbc,
  CR0: 0xc0,
  CR2: 0xc4,
  CR3: 0xc8,
  CR4: 0xcc,
  /** Bit 0: the instruction just finished blocks interrupts for one more (STI, MOV SS, POP SS). */
  SHADOW: 0xd0,
  /** What must be looked at before the next instruction, of Attention: generated code takes no shortcuts then. */
  ATTENTION: 0xd4,
  /** Non-zero in system management mode; SMBASE less what a RESET leaves there. */
  SMM: 0xd8,
  SMBASE: 0xdc,
  /** IA32_SYSENTER_CS, _ESP and _EIP. */
  SYSENTER_CS: 0xe0,
  SYSENTER_ESP: 0xe4,
  SYSENTER_EIP: 0xe8,
  /** Non-zero when segments or privilege have changed since JUMP_KEY was last derived from them. */
  MODE_STALE: 0xec,
  /** JUMP_KEY at privilege level 3 in flat 32-bit mode, in the address space that CR3 points at. */
  FLAT_USER_KEY: 0xf0,

  /** ES CS SS DS FS GS LDTR TR: SEGMENT_BYTES each, laid out by Segment. */
  SEGMENTS: 0x100,
  GDTR: 0x200,
  IDTR: 0x208,
  /** DR0-DR7. */
  DEBUG: 0x220,

  /** x87: eight physical registers of 16 bytes (significand u64, sign and exponent u16), then control, status, tag. */
  FPU: 0x400,
  FPU_CONTROL: 0x480,
  FPU_STATUS: 0x484,
  /** Full tag word, two bits a register, 3 = empty. */
  FPU_TAG: 0x488,
  FPU_IP: 0x48c,
  FPU_CS: 0x490,
  FPU_DP: 0x494,
  FPU_DS: 0x498,
  FPU_OPCODE: 0x49c,
  /**
   * What came of a function on values in hand (fpu/assembly/values.ts): sign and exponent of its result, from bit 16 on
   * the exceptions, SF and C1, and bit 31 when one of the exceptions is not masked.
   */
  FPU_OUTCOME: 0x4a0,
  /** Scratch for memory operands of FPU and SSE helpers, 512 bytes. */
  FPU_SCRATCH: 0x4c0,

  /** XMM0-7 (room for 16), 16 bytes each. */
  XMM: 0x800,
  MXCSR: 0x900,

  /** Bounce buffers for accesses that one direct load or store cannot do, 32 bytes each. */
  BOUNCE: 0xa00,
  /** Everything that a snapshot of the processor holds lies below. */
  END: 0x1000,
} as const

/** Bits of State.ATTENTION. */
export const Attention = {
  /** An interrupt is requested, whether the processor takes it or not. */
  INTERRUPT: 1,
  NMI: 2,
  /** The run is to end. */
  STOP: 4,
  /** A debug trap is pending. */
  DEBUG: 8,
  /** One instruction is run by itself. */
  STEP: 16,
  /** An SMI waits. */
  SMI: 32,
  /** An NMI has been delivered: others wait for IRET, which must not take a shortcut. */
  NMI_BLOCKED: 64,
} as const

/**
 * The low half of JUMP_KEY below privilege level 3 while CS, SS, DS and ES all reach 4 GiB from 0, 32 bits wide. Every
 * other mode has a number of its own above this; at level 3 so has every address space.
 */
export const FLAT_SUPERVISOR = 1
/** Mask of the half of JUMP_KEY that counts changes of translations. */
export const KEY_GENERATION = 0xffff0000 | 0

/** Interrupts and exceptions delivered, by vector: 256 words. */
export const INTERRUPT_COUNTS = 0x1000
/** What translated regions count, 64 bits each: instructions retired, and exits by reason (translator/exit-reason.ts). */
export const REGION_RETIRED = 0x1400
export const REGION_EXITS = 0x1408
/** How often code that is translated, or its place, has turned out to be another: a region that calls a device looks here. */
export const REGIONS_DROPPED = 0x14e0
/** Non-zero while MXCSR is quiet (see isa/sse-native.ts): of regions alone, each of which finds it out for itself. */
export const QUIET_NOW = 0x14e4

/**
 * JUMP_KEYs of the code segments that far transfers between paragraphs led to lately, direct-mapped by their base: base,
 * stamp, key. An entry holds while its stamp is the one of the moment, which changes with all else that a key stands for.
 */
export const CODE_KEYS = {
  STAMP: 0x14f0,
  ENTRIES: 0x1500,
  COUNT: 32,
  BYTES: 16,
} as const

/** What the page walks of Mmu and of generated code (interpreter/page-walk.ts) share; none of it is saved. */
export const Walk = {
  /** Non-zero while only Mmu may fill the TLB: accesses are watched, or address line 20 is closed. */
  BLOCKED: 0x1800,
  /** Entries of TLB_FILLED and TLB_GLOBALS. */
  FILLED_COUNT: 0x1804,
  GLOBALS_COUNT: 0x1808,
  /** Accesses that the TLB did not answer. */
  MISSES: 0x180c,
  /** Non-zero once generated code has met a page fault, whose address is in CR2, until that is delivered. */
  FAULTED: 0x1810,
  /** Its error code. */
  ERROR_CODE: 0x1814,
  /** Writes of the current instruction that wait in bounce buffers. */
  PENDING_WRITES: 0x1818,
} as const

/** Linear page numbers of TLB entries in use, those of global pages apart; what did not fit in is not listed. */
export const TLB_FILLED = 0x20000
export const MAX_FILLED = 1 << 16
export const TLB_GLOBALS = 0x60000
export const MAX_GLOBALS = 1 << 15

/** By place of a region in the table of functions: when it was entered last, in units of 65,536 instructions retired in regions. */
export const REGION_ENTERED = 0x80000
/** Places that there can be. */
export const MAX_SLOTS = 0x20000

/** FXSAVE alone needs 36. */
export const BOUNCE_SLOTS = 48
export const BOUNCE_BYTES = 32

/** Generated code takes an address below this for a bounce buffer. */
export const BOUNCE_LIMIT = 0x8000

export const SEGMENT_BYTES = 32
/** Fields of a segment cache. */
export const Segment = {
  BASE: 0,
  /**
   * Effective addresses below these may be read or written without another check, whatever the operand's
   * size (up to 16 bytes); 0 sends every access the exact, slow way (null, expand-down, tiny segments).
   */
  READ_COUNT: 4,
  WRITE_COUNT: 8,
  /** Highest offset, in bytes, granularity applied. */
  LIMIT: 12,
  /** Descriptor bits 40-47 and 52-55 as access | flags << 8; 0 when null. */
  ACCESS: 16,
  SELECTOR: 20,
} as const

export const ES = 0
export const CS = 1
export const SS = 2
export const DS = 3
export const FS = 4
export const GS = 5
export const LDTR = 6
export const TR = 7

export const segmentAt = (index: number): number => State.SEGMENTS + index * SEGMENT_BYTES

/** Byte address of a general register; sizes 1 counts AL CL DL BL AH CH DH BH. */
export const gprAt = (index: number, size: number): number =>
  size === 1 && index >= 4 ? State.GPR + (index - 4) * 8 + 1 : State.GPR + index * 8

export const EAX = 0
export const ECX = 1
export const EDX = 2
export const EBX = 3
export const ESP = 4
export const EBP = 5
export const ESI = 6
export const EDI = 7

/** Static data (tables) of the FPU module, 96 KiB. */
export const FPU_DATA = 0x8000

/**
 * One word per page of linear address space: linear-memory page minus linear page, with the permissions
 * in the low bits. Zero: not known.
 */
export const TLB = 0x100000
export const TLB_BYTES = 0x400000
export const Tlb = { READ_SUPERVISOR: 1, WRITE_SUPERVISOR: 2, READ_USER: 4, WRITE_USER: 8 } as const
/** A permission to write shifted by this: it holds, but the page has decoded code, so each write is checked. */
export const TLB_CHECKED_SHIFT = 4

/**
 * Two ways by EIP and JUMP_KEY, laid out by JumpEntry, the later one first: those of a set share a cache line. A hit proves
 * that the target lies within the code segment, is mapped, executable and decoded. Programs of one file that take turns
 * have the same EIPs under several keys; a kernel has thousands of targets.
 */
export const JUMP_CACHE = 0x500000
export const JUMP_CACHE_SETS = 16384
export const JUMP_SET_SHIFT = 6
export const JUMP_ENTRY_SHIFT = 5
export const JUMP_ENTRY_BYTES = 1 << JUMP_ENTRY_SHIFT
export const JUMP_CACHE_BYTES = JUMP_CACHE_SETS << JUMP_SET_SHIFT
/** Words of an entry. EIP and KEY are compared as one number too. */
export const JumpEntry = {
  EIP: 0,
  KEY: 4,
  RECORD: 8,
  EIP_BASE: 12,
  /** Place of the record's region in the table of functions; 0 while that is not known, or there is none. */
  SLOT: 16,
} as const
/** Left shift of JUMP_KEY in the index: what tells address spaces apart stays, generations do not. */
export const JUMP_CACHE_KEY_SHIFT = 7

/** Decoded instructions, see interpreter/record.ts. */
export const RECORDS = 0x600000

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
  EIP: 0x98,
  /** Instructions left in this run. */
  BUDGET: 0x9c,
  CPL: 0xa0,

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
  /** Scratch for memory operands of FPU and SSE helpers, 512 bytes. */
  FPU_SCRATCH: 0x4c0,

  /** XMM0-7 (room for 16), 16 bytes each. */
  XMM: 0x800,
  MXCSR: 0x900,
} as const

/** Static data (tables) of the FPU module, 96 KiB. */
export const FPU_DATA = 0x8000
export const FPU_DATA_BYTES = 0x18000

/**
 * Operations on the whole processor that generated code hands to TypeScript: mode, memory management,
 * control transfers through descriptors, input and output. Two i32 arguments each, meaning in the comment.
 */
export const SystemOp = {
  /** Load a segment register: index, selector. */
  LOAD_SEGMENT: 0,
  /** Far jump: offset, selector; operand size in State.RECORD's form is passed as bit 16 of the selector (1 = 32 bit). */
  JMP_FAR: 1,
  CALL_FAR: 2,
  /** Bytes to release, operand size. */
  RET_FAR: 3,
  /** Operand size. */
  IRET: 4,
  /** Vector. */
  INT: 5,
  INT1: 6,
  INT3: 7,
  INTO: 8,
  HLT: 9,
  CLI: 10,
  STI: 11,
  /** Operand size. */
  PUSHF: 12,
  POPF: 13,
  /** Port, size. */
  IN: 14,
  OUT: 15,
  /** Size | address size << 8 | repeat << 16, segment cache address. */
  INS: 16,
  OUTS: 17,
  /** Register number | general register << 8. */
  MOV_FROM_CR: 18,
  MOV_TO_CR: 19,
  MOV_FROM_DR: 20,
  MOV_TO_DR: 21,
  MOV_FROM_TR: 22,
  MOV_TO_TR: 23,
  /** Effective address, segment cache address | operand size in the low bits (2 or 4). */
  LGDT: 24,
  LIDT: 25,
  SGDT: 26,
  SIDT: 27,
  /** Selector or value. */
  LLDT: 28,
  LTR: 29,
  LMSW: 30,
  CLTS: 31,
  /** Selector, state address of the destination register | size << 16. */
  LAR: 32,
  LSL: 33,
  VERR: 34,
  VERW: 35,
  /** Destination value, source selector: sets ZF; the adjusted value goes to State.FPU_SCRATCH. */
  ARPL: 36,
  INVLPG: 37,
  CACHE: 38,
  CPUID: 39,
  RDTSC: 40,
  RDMSR: 41,
  WRMSR: 42,
  RDPMC: 43,
  SYSENTER: 44,
  SYSEXIT: 45,
  /** Load a far pointer: state address of the general register | size << 16, segment index | selector << 8 with the offset in FPU_SCRATCH. */
  LOAD_FAR_POINTER: 46,
  /** Frame bytes | nesting << 16, operand size. */
  ENTER: 47,
  PUSHA: 48,
  POPA: 49,
  /** Effective address, segment cache address | operand size. */
  BOUND: 50,
  /** Vector of an exception without error code. */
  RAISE: 51,
  /** Bit of the unit (see UNIT_BIT): decides between #UD, #NM and a pending FPU error. */
  FPU_TRAP: 52,
  /** Segment register index, operand size: POP to a segment register. */
  POP_SEGMENT: 53,
  LOADALL286: 54,
  RSM: 55,
  /** Generated code has loaded CS and State.EIP: goes on there. */
  ENTER_CODE: 56,
  /** Bulk repetition: size | address size << 8 | repeat << 16. */
  BULK_MOVS: 64,
  BULK_STOS: 65,
  BULK_SCAS: 66,
  BULK_CMPS: 67,
} as const
export type SystemOp = (typeof SystemOp)[keyof typeof SystemOp]

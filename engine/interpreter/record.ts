import { RECORDS } from '../isa/state.ts'

/**
 * A decoded instruction, 32 bytes in the linear memory at State's RECORDS and up. The interpreter runs
 * straight from one to the next. Field offsets:
 */
export const Record = {
  /** u16: which handler runs. */
  HANDLER: 0,
  /** u8: bytes of code. */
  LENGTH: 2,
  /** u8: left shift of the index register. */
  SCALE: 3,
  /** u16: state addresses of up to three register operands. */
  REGISTERS: [4, 6, 26] as const,
  /** u16: state addresses of a memory operand's base and index. */
  BASE: 8,
  INDEX: 10,
  /** i32 */
  DISPLACEMENT: 12,
  /** i32: an immediate; for branches the target's distance from the start of the page. */
  IMMEDIATE: 16,
  /** i32: for branches the record to go on with; for memory operands the mask of the address size; else a second immediate. */
  LINK: 20,
  /** u16: offset of the instruction in its page. */
  PAGE_OFFSET: 24,
  /** u16: state address of the segment cache of the memory operand or of a string's source. */
  SEGMENT: 28,
  /** i32, heads of regions over several pages: EIP_BASE and JUMP_KEY under which the pages are where they should be. */
  GUARD_BASE: 4,
  GUARD_KEY: 12,
  /** i32, heads that count: since when, in ms of the host's time. */
  COUNTED_SINCE: 4,
  /** i32, heads of regions: exits by ways that could be part of it until it is made again. */
  UNTIL_GROWN: 28,
  /** u32, relative branches: how often regions have been left by them. */
  EXITS: 8,
  /** u32 and u16, computed jumps: where most of the exits by them have led, and by how many these are more than the rest. */
  USUAL_TARGET: 16,
  USUAL_LEAD: 26,
} as const

export const RECORD_BYTES = 32
export const RECORD_SHIFT = 5

/** Key of a crossing or a guard that must be looked at again; never a JUMP_KEY. */
export const NO_KEY = -1

/** The record that unresolved links point at. */
export const LINK_STUB = RECORDS

/** Handlers that are not instructions. */
export const Handler = {
  /** Stands at the end of an unresolved link: the runtime finds where the branch at FROM leads. */
  LINK: 0,
  /** Goes to EIP_BASE + immediate, masked with the displacement, through the jump cache. Not an instruction. */
  GOTO: 1,
  /** No longer what the memory says: decode again. */
  STALE: 2,
  /** The end of what could be decoded in this page: the runtime does the next instruction by itself. */
  ESCAPE: 3,
  /** Goes on at the linked record. Not an instruction. */
  CONTINUE: 4,
  /** Stands before an instruction that lies in two pages, which follows it: valid while JUMP_KEY is the immediate. Not an instruction. */
  CROSS: 5,
  /** Stands before a place that may be worth translating: counts the immediate down, then goes on at the link. Not an instruction. */
  HEAD: 6,
  /** A head that has been translated: calls the function whose number in the table is the immediate. Not an instruction. */
  REGION: 7,
  FIRST_INSTRUCTION: 8,
} as const

/** Why generated code came back. */
export const Why = {
  /** Cold handlers only: go on with the next record. */
  NEXT: 0,
  LINK: 1,
  /** State.EIP is not in the jump cache. */
  JUMP: 2,
  /** The budget is used up; State.RECORD is the next instruction. */
  BUDGET: 3,
  STALE: 4,
  ESCAPE: 5,
  /** A memory access faulted; the runtime knows how. State.RECORD is the instruction. */
  FAULT: 6,
  /** A system operation has set State.EIP. */
  SYSTEM: 7,
  /** A head has been entered often. */
  HOT: 8,
  /** Cold handlers only: a system operation has set State.EIP, and perhaps the mode; go on there. */
  ENTER: 9,
  /** A region over several pages was entered while its guard does not hold; State.RECORD is its head. */
  GUARD: 10,
  /** Cold handlers only: go on at the record's link. */
  FOLLOW: 11,
  /** Cold handlers only: the same record once more, if the budget lasts. */
  AGAIN: 12,
  /** Plus the vector: an exception without error code. */
  RAISE: 0x100,
} as const

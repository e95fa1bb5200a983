import {
  type Expr,
  add,
  and,
  eq,
  eqz,
  geU,
  gtU,
  i32,
  leU,
  load,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  xor,
} from '../../wasm/expression.ts'
import { AC, ID, IF, IOPL, NT, RF, TF, VIF, VIP, VM } from '../flags.ts'
import type { Semantics } from '../semantics.ts'
import {
  CS,
  DS,
  ECX,
  EDX,
  ES,
  ESP,
  FLAT_SUPERVISOR,
  FS,
  GS,
  KEY_GENERATION,
  SS,
  Segment,
  State,
  TR,
  Tlb,
  segmentAt,
} from '../state.ts'
import { both, countInterrupt, flagsImage, setFlagsImage, undisturbed, unstepped } from './flags.ts'

/**
 * Shortcuts of protected mode: data segments whose descriptors need no second look, and the ways between a flat ring 3
 * and a flat ring 0 that system calls take. Everything else is in vcpu/, with the rules (SDM vol. 3, chapters 5 and 6).
 */

/** Access bytes and flags of a segment cache that covers 4 GiB from 0, accessed, 32 bits wide; plus the level << 5. */
const FLAT_CODE = 0xc09b
const FLAT_DATA = 0xc093
/** The same as the high word of a descriptor, whose low word is then FLAT_LOW. */
const FLAT_CODE_HIGH = 0x00cf9b00
const FLAT_DATA_HIGH = 0x00cf9300
const FLAT_LOW = 0xffff
/** Offsets below this need no other check in a segment of 4 GiB: see Segment. */
const FLAT_COUNT = 0xfffffff1
const DPL_SHIFT = 5
const GATE_32 = 0x0e00
const TASK_32_BUSY = 0x0b
/** Vector of the page fault. */
const PAGE_FAULT = 14

const flatSupervisorKey = (b: Semantics): Expr =>
  or(and(b.word(State.JUMP_KEY), i32(KEY_GENERATION)), i32(FLAT_SUPERVISOR))

/** ES, CS, SS and DS reach 4 GiB from 0, at level 0; nothing waits. */
const inRing0 = (b: Semantics): Expr =>
  both(undisturbed(b), eqz(b.word(State.CPL)), eq(b.word(State.JUMP_KEY), flatSupervisorKey(b)))

/** The same at level 3. */
const inRing3 = (b: Semantics): Expr =>
  both(undisturbed(b), eq(b.word(State.CPL), i32(3)), eq(b.word(State.JUMP_KEY), b.word(State.FLAT_USER_KEY)))

const inProtectedMode = (b: Semantics): Expr =>
  both(unstepped(b), and(b.word(State.CR0), i32(1)), eqz(and(b.word(State.EFLAGS_SYSTEM), i32(VM))))

// Descriptors.

/** A descriptor of the global table, as its two words. The selector is not null. */
function descriptor(b: Semantics, selector: Expr): { low: Expr; high: Expr } {
  const offset = b.let(and(selector, i32(0xfff8)))
  b.require(eqz(and(selector, i32(4))))
  b.require(leU(add(offset, i32(7)), b.word(State.GDTR + 4)))
  const host = b.systemMemory(add(b.word(State.GDTR), offset), 8, false)
  return { low: b.load(host, 4), high: b.let(load(host, 4, 4)) }
}

/** Requires that a selector names a flat segment of a level, and has that level itself. */
function requireFlat(b: Semantics, selector: Expr, high: number, level: number): void {
  b.require(and(selector, i32(0xfffc)))
  b.require(eq(and(selector, i32(3)), i32(level)))
  const entry = descriptor(b, selector)
  b.require(eq(entry.low, i32(FLAT_LOW)))
  b.require(eq(entry.high, i32(high | (level << (DPL_SHIFT + 8)))))
}

/** Sets CS and SS to flat segments of a level. */
function setFlat(b: Semantics, code: Expr, stack: Expr, level: number): void {
  const put = (index: number, selector: Expr, access: number, writable: boolean): void => {
    const at = segmentAt(index)
    b.setWord(at + Segment.SELECTOR, selector)
    b.setWord(at + Segment.BASE, i32(0))
    b.setWord(at + Segment.LIMIT, i32(-1))
    b.setWord(at + Segment.ACCESS, i32(access | (level << DPL_SHIFT)))
    b.setWord(at + Segment.READ_COUNT, i32(FLAT_COUNT))
    b.setWord(at + Segment.WRITE_COUNT, i32(writable ? FLAT_COUNT : 0))
  }
  put(CS, code, FLAT_CODE, false)
  put(SS, stack, FLAT_DATA, true)
}

/** Level 3 without alignment checks: with them no entry of the TLB may answer there. */
const requireUnaligned = (b: Semantics): void => b.require(eqz(and(b.word(State.EFLAGS_SYSTEM), i32(AC))))

/** Goes on at another level, in the flat mode that this one is as well. */
function enterLevel(b: Semantics, level: number, eip: Expr): void {
  const user = level === 3
  b.setWord(State.CPL, i32(level))
  b.setWord(State.READ_BIT, i32(user ? Tlb.READ_USER : Tlb.READ_SUPERVISOR))
  b.setWord(State.WRITE_BIT, i32(user ? Tlb.WRITE_USER : Tlb.WRITE_SUPERVISOR))
  b.setWord(State.JUMP_KEY, user ? b.word(State.FLAT_USER_KEY) : flatSupervisorKey(b))
  b.setWord(State.MODE_STALE, i32(1))
  b.resumeAt(eip)
}

// Data segments.

/** Rights of a code segment, and of a data segment that expands down or cannot be written, are looked at elsewhere. */
const isFlatData = (base: Expr, limit: Expr, access: Expr): Expr =>
  both(eqz(base), eq(limit, i32(-1)), eq(and(access, i32(0x1e)), i32(0x12)))

/**
 * Queues the load of a data segment register from a descriptor that is present, accessed and of a sufficient level, or
 * the load of a null selector. SS, conforming code and expand-down data are left out, and what would make the mode of
 * decoded code another.
 * @param cache state address of the segment's cache
 */
function loadData(b: Semantics, cache: Expr, selector: Expr): void {
  b.require(ne(cache, i32(segmentAt(SS))))
  const isNull = b.let(eqz(and(selector, i32(0xfffc))))
  const { low, high } = descriptor(b, selector)
  const access = b.let(and(shrU(high, i32(8)), i32(0xf0ff)))
  const level = b.let(and(shrU(access, i32(DPL_SHIFT)), i32(3)))
  const usable = both(
    // Present, a segment, accessed, neither conforming nor expand-down; code must be readable.
    eq(and(access, i32(0x95)), i32(0x91)),
    ne(and(access, i32(0x0a)), i32(8)),
    geU(level, b.word(State.CPL)),
    geU(level, and(selector, i32(3))),
  )
  b.require(or(isNull, usable))
  const field = (offset: number): Expr => b.load(add(cache, i32(offset)), 4)
  const raw = or(and(low, i32(0xffff)), and(high, i32(0xf0000)))
  const pages = or(shl(raw, i32(12)), i32(0xfff))
  const limit = b.let(select(isNull, i32(0), select(and(high, i32(0x800000)), pages, raw)))
  const base = or(shrU(low, i32(16)), or(shl(and(high, i32(0xff)), i32(16)), and(high, i32(0xff000000 | 0))))
  const newBase = b.let(select(isNull, field(Segment.BASE), base))
  const newAccess = b.let(select(isNull, i32(0), access))
  // FS and GS have no part in the mode.
  const wasFlat = isFlatData(field(Segment.BASE), field(Segment.LIMIT), field(Segment.ACCESS))
  const isFlat = isFlatData(newBase, limit, newAccess)
  b.require(or(geU(cache, i32(segmentAt(FS))), eq(wasFlat, isFlat)))
  const count = b.let(select(both(ne(newAccess, i32(0)), gtU(limit, i32(14))), sub(limit, i32(14)), i32(0)))
  const writable = eq(and(newAccess, i32(0x0a)), i32(2))
  const put = (offset: number, value: Expr): void => b.later(value, (v) => b.fn.store(cache, v, 4, offset))
  put(Segment.SELECTOR, selector)
  put(Segment.BASE, newBase)
  put(Segment.LIMIT, limit)
  put(Segment.ACCESS, newAccess)
  put(Segment.READ_COUNT, count)
  put(Segment.WRITE_COUNT, select(writable, count, i32(0)))
}

/** @param cache state address of the segment's cache */
export function loadSelector(
  b: Semantics,
  cache: Expr,
  selector: Expr,
  andAlso: () => void = () => {},
): void {
  b.shortcut(inProtectedMode(b), () => {
    loadData(b, cache, selector)
    andAlso()
  })
}

export function popSelector(b: Semantics, index: number): void {
  if (index === SS) return
  b.shortcut(inProtectedMode(b), () => {
    loadData(b, i32(segmentAt(index)), b.peek(2))
    b.setStackPointer(add(b.stackPointer(), i32(b.size)))
  })
}

// Between rings.

/**
 * Queues the way through a 32-bit gate to a flat ring 0.
 * @param fromLevel 3 takes the inner stack, 0 stays on the one in use
 * @param gateLevel what the gate's level must be; null for exceptions, to which it does not matter
 * @param frame from the error code, if there is one, to the flags
 */
function throughGate(
  b: Semantics,
  vector: Expr,
  { fromLevel, gateLevel, frame }: { fromLevel: 0 | 3; gateLevel: number | null; frame: readonly Expr[] },
): void {
  const at = b.let(shl(vector, i32(3)))
  b.require(leU(add(at, i32(7)), b.word(State.IDTR + 4)))
  const gate = b.systemMemory(add(b.word(State.IDTR), at), 8, false)
  const [low, high] = [b.load(gate, 4), b.let(load(gate, 4, 4))]
  // Present; bit 8 tells a trap gate from an interrupt gate.
  if (gateLevel === null) b.require(eq(and(high, i32(0x9e00)), i32(0x8000 | GATE_32)))
  else b.require(eq(and(high, i32(0xfe00)), i32(0x8000 | (gateLevel << (DPL_SHIFT + 8)) | GATE_32)))
  const selector = b.let(and(shrU(low, i32(16)), i32(0xfffc)))
  requireFlat(b, selector, FLAT_CODE_HIGH, 0)
  const inner = fromLevel === 3 ? innerStack(b) : null
  const values = inner ? [...frame, b.register(ESP, 4), b.word(segmentAt(SS) + Segment.SELECTOR)] : [...frame]
  const top = b.let(sub(inner ? inner.pointer : b.register(ESP, 4), i32(4 * values.length)))
  const to = b.systemMemory(top, 4 * values.length, true)
  values.forEach((value, i) => b.fn.store(to, value, 4, 4 * i))
  const masked = select(and(high, i32(0x100)), i32(0), i32(IF))
  const cleared = or(i32(TF | NT | RF | VM), masked)
  b.setWord(State.EFLAGS_SYSTEM, and(b.word(State.EFLAGS_SYSTEM), xor(cleared, i32(-1))))
  countInterrupt(b, vector)
  b.setRegister(ESP, 4, top)
  const eip = or(and(high, i32(0xffff0000 | 0)), and(low, i32(0xffff)))
  if (inner) {
    setFlat(b, selector, inner.stack, 0)
    enterLevel(b, 0, eip)
  } else {
    b.setWord(segmentAt(CS) + Segment.SELECTOR, selector)
    b.resumeAt(eip)
  }
}

/** The stack of ring 0 that a 32-bit task segment names. */
function innerStack(b: Semantics): { pointer: Expr; stack: Expr } {
  const task = segmentAt(TR)
  b.require(eq(and(b.word(task + Segment.ACCESS), i32(0x1f)), i32(TASK_32_BUSY)))
  b.require(gtU(b.word(task + Segment.LIMIT), i32(8)))
  const inner = b.systemMemory(add(b.word(task + Segment.BASE), i32(4)), 6, false)
  const pointer = b.load(inner, 4)
  const stack = b.let(load(inner, 2, 4))
  requireFlat(b, stack, FLAT_DATA_HIGH, 0)
  return { pointer, stack }
}

/** INT n from ring 3 through a 32-bit gate to ring 0. */
export function interruptProtected(b: Semantics, vector: Expr): void {
  b.shortcut(inRing3(b), () => {
    const frame = [b.nextEip(), b.word(segmentAt(CS) + Segment.SELECTOR), flagsImage(b)]
    throughGate(b, vector, { fromLevel: 3, gateLevel: 3, frame })
  })
}

/** A page fault in ring 3 or ring 0, whose address is in CR2, through a 32-bit gate to ring 0. */
export function deliverPageFault(b: Semantics, errorCode: Expr): void {
  for (const fromLevel of [3, 0] as const)
    b.shortcut(fromLevel === 3 ? inRing3(b) : inRing0(b), () => {
      const flags = b.let(or(flagsImage(b), i32(RF)))
      const frame = [errorCode, b.thisEip(), b.word(segmentAt(CS) + Segment.SELECTOR), flags]
      throughGate(b, i32(PAGE_FAULT), { fromLevel, gateLevel: null, frame })
    })
}

/** Flags that a return leaves alone where it takes the shortcut. */
const SAME = TF | NT | IOPL | AC | ID | VIF | VIP | VM

/** IRET in ring 0, to ring 3 or within. RF ends with the instruction that follows: nothing sees it where no breakpoint is. */
export function interruptReturnProtected(b: Semantics): void {
  if (b.size !== 4) return
  for (const level of [3, 0])
    b.shortcut(inRing0(b), () => {
      const bytes = level === 3 ? 20 : 12
      const frame = b.systemMemory(b.register(ESP, 4), bytes, false)
      const field = (index: number, size = 4): Expr => b.let(load(frame, size, 4 * index))
      const [eip, code, image] = [field(0), field(1, 2), field(2)]
      const system = b.word(State.EFLAGS_SYSTEM)
      b.require(eqz(or(and(xor(image, system), i32(SAME)), and(system, i32(TF | NT | VM)))))
      requireFlat(b, code, FLAT_CODE_HIGH, level)
      setFlagsImage(b, image)
      b.setWord(State.EFLAGS_SYSTEM, or(and(system, i32(~(IF | RF))), and(image, i32(IF))))
      if (level === 0) {
        b.setWord(segmentAt(CS) + Segment.SELECTOR, code)
        b.setRegister(ESP, 4, add(b.register(ESP, 4), i32(bytes)))
        return b.resumeAt(eip)
      }
      const stack = field(4, 2)
      requireUnaligned(b)
      requireFlat(b, stack, FLAT_DATA_HIGH, 3)
      for (const index of [ES, DS, FS, GS]) {
        const access = b.word(segmentAt(index) + Segment.ACCESS)
        b.require(or(eqz(access), eq(and(access, i32(3 << DPL_SHIFT)), i32(3 << DPL_SHIFT))))
      }
      setFlat(b, code, stack, 3)
      b.setRegister(ESP, 4, field(3))
      enterLevel(b, 3, eip)
    })
}

/** SYSENTER from ring 3. */
export function enterSystem(b: Semantics): void {
  b.shortcut(inRing3(b), () => {
    const selector = b.let(and(b.word(State.SYSENTER_CS), i32(0xfffc)))
    b.require(selector)
    b.setWord(State.EFLAGS_SYSTEM, and(b.word(State.EFLAGS_SYSTEM), i32(~(VM | IF | RF))))
    setFlat(b, selector, b.let(add(selector, i32(8))), 0)
    b.setRegister(ESP, 4, b.word(State.SYSENTER_ESP))
    enterLevel(b, 0, b.word(State.SYSENTER_EIP))
  })
}

/** SYSEXIT in ring 0. */
export function exitSystem(b: Semantics): void {
  b.shortcut(inRing0(b), () => {
    const selector = b.let(and(b.word(State.SYSENTER_CS), i32(0xfffc)))
    b.require(selector)
    requireUnaligned(b)
    setFlat(b, b.let(or(add(selector, i32(16)), i32(3))), b.let(or(add(selector, i32(24)), i32(3))), 3)
    b.setRegister(ESP, 4, b.register(ECX, 4))
    enterLevel(b, 3, b.register(EDX, 4))
  })
}

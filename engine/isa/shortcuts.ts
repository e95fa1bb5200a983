import {
  type Expr,
  add,
  and,
  eq,
  eqz,
  geU,
  i32,
  ltU,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  xor,
} from '../wasm/expression.ts'
import { AC, DIRECTION, ID, IF, IOPL, NT, RF, TF, VM, arithmeticFlags, zeroExtend } from './flags.ts'
import type { Semantics } from './semantics.ts'
import { CS, INTERRUPT_COUNTS, Segment, State, segmentAt } from './state.ts'

/**
 * What generated code does by itself of instructions that concern the whole processor: the cases that
 * programs meet all the time and that neither fault nor change the mode. vcpu/ has all cases, with the rules.
 */

/** Access bytes that real mode gives CS, and virtual-8086 mode gives all segments. */
const REAL_CODE = 0x93
const V86_ACCESS = 0xf3
/** Paragraph segments reach this far. */
const PARAGRAPH_LIMIT = 0xffff
/** The linear address space as a segment, for Semantics.memory. */
const LINEAR = i32(0)

const both = (...conditions: Expr[]): Expr => conditions.reduce((a, b) => and(a, b))
const supervisor = (b: Semantics): Expr => eqz(b.word(State.CPL))
/** No interrupt, trap or stop is waiting. */
const undisturbed = (b: Semantics): Expr => eqz(b.word(State.ATTENTION))
const realMode = (b: Semantics): Expr => eqz(and(b.word(State.CR0), i32(1)))
const inVirtual8086 = (b: Semantics): Expr => ne(and(b.word(State.EFLAGS_SYSTEM), i32(VM)), i32(0))

export function clearInterrupts(b: Semantics): void {
  b.shortcut(supervisor(b), () => b.setWord(State.EFLAGS_SYSTEM, and(b.word(State.EFLAGS_SYSTEM), i32(~IF))))
}

/** The shadow of STI matters only while an interrupt waits. */
export function setInterrupts(b: Semantics): void {
  b.shortcut(both(supervisor(b), undisturbed(b)), () =>
    b.setWord(State.EFLAGS_SYSTEM, or(b.word(State.EFLAGS_SYSTEM), i32(IF))),
  )
}

/** EFLAGS as pushed, but for VM, which is clear. */
function flagsImage(b: Semantics): Expr {
  const system = and(b.word(State.EFLAGS_SYSTEM), i32(~RF))
  const direction = and(b.word(State.DF), i32(DIRECTION))
  return b.let(or(or(arithmeticFlags(b.flags()), direction), or(system, i32(2))))
}

/** True when an image changes none but the arithmetic flags, DF and IF. */
function plainFlags(b: Semantics, image: Expr): Expr {
  const system = b.word(State.EFLAGS_SYSTEM)
  const same = TF | NT | IOPL | (b.size === 4 ? AC | ID : 0)
  return eqz(or(and(xor(image, system), i32(same)), and(system, i32(VM | RF | TF))))
}

function setPlainFlags(b: Semantics, image: Expr): void {
  b.setEflags(image)
  b.setWord(State.DF, select(and(image, i32(DIRECTION)), i32(-1), i32(1)))
  b.setWord(State.EFLAGS_SYSTEM, or(and(b.word(State.EFLAGS_SYSTEM), i32(~IF)), and(image, i32(IF))))
}

export function pushFlags(b: Semantics): void {
  b.shortcut(eqz(inVirtual8086(b)), () => b.push(flagsImage(b), b.size))
}

export function popFlags(b: Semantics): void {
  b.shortcut(both(supervisor(b), undisturbed(b)), () => {
    const image = b.let(b.pop(b.size))
    setPlainFlags(b, image)
    return plainFlags(b, image)
  })
}

// Paragraph segments.

/** True when loading a data segment (by its cache's address) changes nothing but its base and selector. */
function loadsParagraph(b: Semantics, cache: Expr): Expr {
  const access = b.load(add(cache, i32(Segment.ACCESS)), 4)
  const limit = b.load(add(cache, i32(Segment.LIMIT)), 4)
  // A segment of 4 GiB may be a flat one.
  const real = both(ne(access, i32(0)), ne(limit, i32(-1)))
  return both(undisturbed(b), select(realMode(b), real, asVirtual8086(b, access, limit)))
}

/** The same for CS, to which real mode gives limit and rights back. */
function entersParagraph(b: Semantics): Expr {
  const access = b.word(segmentAt(CS) + Segment.ACCESS)
  const limit = b.word(segmentAt(CS) + Segment.LIMIT)
  const real = both(eq(access, i32(REAL_CODE)), eq(limit, i32(PARAGRAPH_LIMIT)))
  return both(undisturbed(b), select(realMode(b), real, asVirtual8086(b, access, limit)))
}

const asVirtual8086 = (b: Semantics, access: Expr, limit: Expr): Expr =>
  both(inVirtual8086(b), eq(access, i32(V86_ACCESS)), eq(limit, i32(PARAGRAPH_LIMIT)))

function setParagraph(b: Semantics, cache: Expr, selector: Expr): void {
  b.later(selector, (value) => b.fn.store(cache, value, 4, Segment.SELECTOR))
  b.later(shl(selector, i32(4)), (value) => b.fn.store(cache, value, 4, Segment.BASE))
}

/** @param cache state address of the segment's cache */
export function loadSegment(b: Semantics, cache: Expr, selector: Expr, andAlso: () => void = () => {}): void {
  b.shortcut(loadsParagraph(b, cache), () => {
    setParagraph(b, cache, selector)
    andAlso()
  })
}

export function popSegment(b: Semantics, index: number): void {
  const cache = i32(segmentAt(index))
  b.shortcut(loadsParagraph(b, cache), () => {
    setParagraph(b, cache, b.peek(2))
    b.setStackPointer(add(b.stackPointer(), i32(b.size)))
  })
}

// Far transfers.

/** Pushes values from the first to the last, none before all are known not to fault. */
function pushAll(b: Semantics, size: number, ...values: Expr[]): void {
  const pointer = b.stackPointer()
  const down = (i: number): Expr => zeroExtend(sub(pointer, i32((i + 1) * size)), b.stackSize)
  const places = values.map((_, i) => b.stack(down(i), size, true))
  values.forEach((value, i) => b.fn.store(places[i]!, value, size))
  b.setStackPointer(down(values.length - 1))
}

const enter = (b: Semantics, selector: Expr, eip: Expr): void =>
  b.enterCode(selector, shl(selector, i32(4)), eip)
const inside = (eip: Expr): Expr => ltU(eip, i32(PARAGRAPH_LIMIT + 1))

export function jumpFar(b: Semantics, selector: Expr, eip: Expr): void {
  b.shortcut(both(entersParagraph(b), inside(eip)), () => enter(b, selector, eip))
}

export function callFar(b: Semantics, selector: Expr, eip: Expr): void {
  b.shortcut(both(entersParagraph(b), inside(eip)), () => {
    pushAll(b, b.size, b.word(segmentAt(CS) + Segment.SELECTOR), b.nextEip())
    enter(b, selector, eip)
  })
}

export function returnFar(b: Semantics, release: Expr): void {
  let eip: Expr
  let selector: Expr
  b.shortcut(
    entersParagraph(b),
    () => {
      eip = b.peek(b.size)
      selector = b.let(and(b.peek(b.size, b.size), i32(0xffff)))
      b.setStackPointer(add(b.stackPointer(), add(release, i32(2 * b.size))))
      return inside(eip)
    },
    () => enter(b, selector, eip),
  )
}

/** INT n of real mode, through the vector table. */
export function interrupt(b: Semantics, vector: Expr): void {
  const within = geU(b.word(State.IDTR + 4), add(shl(vector, i32(2)), i32(3)))
  b.shortcut(both(entersParagraph(b), realMode(b), within), () => {
    const at = add(b.word(State.IDTR), shl(vector, i32(2)))
    const entry = b.load(b.memory(LINEAR, at, 4, false), 4)
    pushAll(b, 2, flagsImage(b), b.word(segmentAt(CS) + Segment.SELECTOR), b.nextEip())
    b.setWord(State.EFLAGS_SYSTEM, and(b.word(State.EFLAGS_SYSTEM), i32(~(IF | TF | AC | RF))))
    const count = b.let(add(shl(vector, i32(2)), i32(INTERRUPT_COUNTS)))
    b.fn.store(count, add(b.load(count, 4), i32(1)), 4)
    enter(b, shrU(entry, i32(16)), and(entry, i32(0xffff)))
  })
}

/** IRET of real mode. */
export function interruptReturn(b: Semantics): void {
  if (b.size !== 2) return
  let eip: Expr
  let selector: Expr
  b.shortcut(
    both(entersParagraph(b), realMode(b)),
    () => {
      eip = b.peek(2)
      selector = b.peek(2, 2)
      const image = b.peek(2, 4)
      b.setStackPointer(add(b.stackPointer(), i32(6)))
      setPlainFlags(b, image)
      return plainFlags(b, image)
    },
    () => enter(b, selector, eip),
  )
}

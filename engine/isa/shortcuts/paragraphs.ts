import { type Expr, add, and, eq, geU, i32, ltU, ne, select, shl, shrU, sub } from '../../wasm/expression.ts'
import { AC, IF, RF, TF, zeroExtend } from '../flags.ts'
import type { Semantics } from '../semantics.ts'
import { CS, Segment, State, segmentAt } from '../state.ts'
import {
  both,
  countInterrupt,
  flagsImage,
  inVirtual8086,
  plainFlags,
  realMode,
  setPlainFlags,
  undisturbed,
} from './flags.ts'

/** Shortcuts of real and virtual-8086 mode, where a selector is the number of a paragraph. */

/** Access bytes that real mode gives CS, and virtual-8086 mode gives all segments. */
const REAL_CODE = 0x93
const V86_ACCESS = 0xf3
/** Paragraph segments reach this far. */
const PARAGRAPH_LIMIT = 0xffff
/** The linear address space as a segment, for Semantics.memory. */
const LINEAR = i32(0)

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
export function loadParagraph(
  b: Semantics,
  cache: Expr,
  selector: Expr,
  andAlso: () => void = () => {},
): void {
  b.shortcut(loadsParagraph(b, cache), () => {
    setParagraph(b, cache, selector)
    andAlso()
  })
}

export function popParagraph(b: Semantics, index: number): void {
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
/** Before the first effect of a transfer. */
const requireParagraph = (b: Semantics, selector: Expr): void => b.requireCode(b.let(shl(selector, i32(4))))
const inside = (eip: Expr): Expr => ltU(eip, i32(PARAGRAPH_LIMIT + 1))

export function jumpFar(b: Semantics, selector: Expr, eip: Expr): void {
  b.shortcut(both(entersParagraph(b), inside(eip)), () => {
    requireParagraph(b, selector)
    enter(b, selector, eip)
  })
}

export function callFar(b: Semantics, selector: Expr, eip: Expr): void {
  b.shortcut(both(entersParagraph(b), inside(eip)), () => {
    requireParagraph(b, selector)
    pushAll(b, b.size, b.word(segmentAt(CS) + Segment.SELECTOR), b.nextEip())
    enter(b, selector, eip)
  })
}

export function returnFar(b: Semantics, release: Expr): void {
  b.shortcut(entersParagraph(b), () => {
    const eip = b.peek(b.size)
    const selector = b.let(and(b.peek(b.size, b.size), i32(0xffff)))
    b.require(inside(eip))
    requireParagraph(b, selector)
    b.setStackPointer(add(b.stackPointer(), add(release, i32(2 * b.size))))
    enter(b, selector, eip)
  })
}

/** INT n of real mode, through the vector table. */
export function interruptReal(b: Semantics, vector: Expr): void {
  const within = geU(b.word(State.IDTR + 4), add(shl(vector, i32(2)), i32(3)))
  b.shortcut(both(entersParagraph(b), realMode(b), within), () => {
    const at = add(b.word(State.IDTR), shl(vector, i32(2)))
    const entry = b.load(b.memory(LINEAR, at, 4, false), 4)
    requireParagraph(b, shrU(entry, i32(16)))
    pushAll(b, 2, flagsImage(b), b.word(segmentAt(CS) + Segment.SELECTOR), b.nextEip())
    b.setWord(State.EFLAGS_SYSTEM, and(b.word(State.EFLAGS_SYSTEM), i32(~(IF | TF | AC | RF))))
    countInterrupt(b, vector)
    enter(b, shrU(entry, i32(16)), and(entry, i32(0xffff)))
  })
}

/** IRET of real mode. */
export function interruptReturnReal(b: Semantics): void {
  if (b.size !== 2) return
  b.shortcut(both(entersParagraph(b), realMode(b)), () => {
    const eip = b.peek(2)
    const selector = b.peek(2, 2)
    const image = b.peek(2, 4)
    b.require(plainFlags(b, image))
    requireParagraph(b, selector)
    b.setStackPointer(add(b.stackPointer(), i32(6)))
    setPlainFlags(b, image)
    enter(b, selector, eip)
  })
}

import { ARITHMETIC, DIRECTION, IF, NT, TF, VM } from '../../../engine/isa/flags.ts'
import type { Random } from '../cpu/random.ts'
import { ALL_SELECTORS, CODE_SELECTORS, PARAGRAPHS, type SystemCase } from './system-case.ts'
import type { CodeWriter } from './code.ts'
import { BASE, CODE, DATA, PADS, SEL, STACKS } from './layout.ts'

/** A case while its code is written. */
export interface Writing {
  random: Random
  test: SystemCase
  code: CodeWriter
  level: number
  /** Real or virtual-8086 mode. */
  paragraphs: boolean
}

/** Operand size of a transfer: as a rule that of the code. */
const usual = ({ random, code }: Writing): 2 | 4 =>
  (random.oneIn(5) ? 6 - code.bits / 8 : code.bits / 8) as 2 | 4
/** Scratch words of the arena that a case gives values to. */
export function scratch({ test }: Writing, ...words: number[]): number {
  const used = test.patches.filter(([at]) => at >= SCRATCH && at < SCRATCH + 0x100).length
  const at = SCRATCH + used * 4
  words.forEach((word, i) => test.patches.push([at + i * 4, word]))
  return at
}
const SCRATCH = DATA + 0x1f00
/**
 * Code that fits a transfer: what has pushed a frame may be returned from. In 16-bit code a 32-bit return would find a
 * 16-bit frame, and an offset that QEMU does not hold against the limit.
 */
const PADS_FOR = { jump: [PADS.stop], call: [PADS.retf, PADS.stop], return: [PADS.stop] }

/** A far pointer: mostly to code that is there. */
function pointer(
  w: Writing,
  way: keyof typeof PADS_FOR,
): { selector: number; offset: number; goesOn: boolean } {
  const { random, paragraphs, level } = w
  const pad = random.pick(PADS_FOR[way])
  if (paragraphs) return { selector: BASE >> 4, offset: CODE - BASE + pad, goesOn: random.oneIn(2) }
  const kind = random.below(8)
  if (kind < 2) return { selector: random.pick(ALL_SELECTORS), offset: CODE - BASE + pad, goesOn: false }
  if (kind < 4)
    return {
      selector: SEL.firstCallGate + 8 * random.below(8) + random.pick([0, 3]),
      offset: random.word(),
      goesOn: false,
    }
  if (kind < 5)
    return {
      selector: random.pick([SEL.wideTask, SEL.narrowTask, SEL.firstTaskGate, SEL.firstTaskGate + 8]),
      offset: 0,
      goesOn: false,
    }
  const own =
    w.code.bits === 32
      ? [SEL.handlerCode, SEL.code1, SEL.code2, SEL.userCode]
      : [SEL.code16, SEL.code16, SEL.userCode16, SEL.userCode16]
  const selector = random.oneIn(4) ? random.pick(CODE_SELECTORS) : own[level]!
  // QEMU names the selector, not 0, when an offset lies beyond the limit.
  return {
    selector,
    offset: (FLAT_CODE.has(selector) ? CODE : CODE - BASE) + pad,
    goesOn: selector === own[level] && random.oneIn(2),
  }
}

export function flagsImage({ random }: Writing): number {
  return (
    (random.word() & (ARITHMETIC | DIRECTION)) |
    2 |
    (random.below(4) << 12) |
    (random.oneIn(3) ? IF : 0) |
    (random.oneIn(10) ? TF : 0) |
    (random.oneIn(10) ? NT : 0) |
    (random.oneIn(8) ? 0x40000 : 0) |
    (random.oneIn(6) ? 0x200000 : 0)
  )
}

/** Pointers are found through CS where DS may be anywhere. */
export const throughCode = ({ paragraphs }: Writing): number[] => (paragraphs ? [0x2e] : [])

export function farThroughMemory(w: Writing, digit: number): void {
  const { code } = w
  const bytes = usual(w)
  const { selector, offset } = pointer(w, digit === 3 ? 'call' : 'jump')
  const at = bytes === 4 ? scratch(w, offset, selector) : scratch(w, (offset & 0xffff) | (selector << 16))
  code
    .raw(...throughCode(w))
    .sized(bytes, 0xff)
    .memory(digit, at)
}

export function farDirect(w: Writing, opcode: number): void {
  const { code, random } = w
  const bytes = usual(w)
  const { selector, offset, goesOn } = pointer(w, opcode === 0x9a ? 'call' : 'jump')
  const prefix = (bytes === 4) === (code.bits === 32) ? 0 : 1
  const target = goesOn ? code.next(prefix + 1 + bytes + 2) : offset
  code
    .sized(bytes, opcode)
    .immediate(random.oneIn(30) && opcode === 0xea && !w.paragraphs ? 0x24345 : target, bytes)
    .immediate(selector, 2)
}

const FLAT_CODE: ReadonlySet<number> = new Set([
  SEL.handlerCode,
  SEL.code1,
  SEL.code2,
  SEL.userCode,
  SEL.conforming,
  SEL.executeOnly,
])

/** Pushes a frame and returns through it. */
export function farReturn(w: Writing, kind: 'retf' | 'iret'): void {
  const { code, random, level, paragraphs } = w
  const bytes = usual(w)
  const target = pointer(w, 'return')
  const stackOf = [SEL.handlerData, SEL.data1, SEL.data2, SEL.userData]
  const toVirtual = kind === 'iret' && level === 0 && !paragraphs && bytes === 4 && random.oneIn(6)
  let { selector, offset } = target
  if (!paragraphs && random.oneIn(3))
    selector = code.bits === 32 ? random.pick([SEL.userCode, SEL.code1, SEL.code2]) : SEL.userCode16
  // QEMU does not hold the offset of a return against the limit.
  if (!FLAT_CODE.has(selector)) offset = CODE - BASE + PADS.stop
  else if (offset >>> 0 < CODE || offset >>> 0 > CODE + 0xfff) offset = CODE + PADS.stop
  if (toVirtual) {
    for (let i = 0; i < 4; i++) code.push(random.pick(PARAGRAPHS), 4)
    code.push(BASE >> 4, 4).push(STACKS[3] - BASE, 4)
    code
      .push(flagsImage(w) | VM, 4)
      .push(BASE >> 4, 4)
      .push(CODE - BASE + PADS.stop, 4)
  } else {
    if (!paragraphs && (selector & 3) > level) {
      const narrow = (selector & 0xfff8) === (SEL.userCode16 & 0xfff8)
      code.push(
        random.oneIn(8) ? random.pick(ALL_SELECTORS) : narrow ? SEL.userData16 : stackOf[selector & 3]!,
        bytes,
      )
      code.push(narrow || bytes === 2 ? STACKS[3] - BASE : STACKS[selector & 3]!, bytes)
    }
    if (kind === 'iret') code.push(flagsImage(w), bytes)
    code.push(selector, bytes)
    const goesOn = target.goesOn && selector === target.selector
    const push = ((bytes === 4) === (code.bits === 32) ? 1 : 2) + bytes
    code.push(goesOn ? code.next(push + ((bytes === 4) === (code.bits === 32) ? 1 : 2)) : offset, bytes)
  }
  code.sized(bytes, kind === 'iret' ? 0xcf : 0xcb)
}

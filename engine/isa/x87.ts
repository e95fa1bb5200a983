import { type Expr, add, and, eqz, i32, load, or, select } from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import { ARITHMETIC, CONDITION_USES, VM, condition } from './flags.ts'
import { type Operand, type Semantics, isFlatSegment } from './semantics.ts'
import { CS, DS, EAX, Segment, State, segmentAt } from './state.ts'
import * as InHand from './x87-in-hand.ts'
import type { X87Stack } from './x87-stack.ts'

const SCRATCH = i32(State.FPU_SCRATCH)

const WAITING: Options = { unit: 'x87', feature: 'fpu' }
const RARE: Options = { ...WAITING, rare: true }
const CONTROL: Options = { unit: 'x87-control', feature: 'fpu', rare: true }

/** x87 instructions: SDM vol. 2; what they compute is in fpu/. */
export function describeX87(isa: InstructionSet): void {
  describeArithmetic(isa)
  describeTransfers(isa)
  describeFunctions(isa)
  describeControl(isa)
}

/** First opcode byte and /digit or whole ModRM byte as the last-opcode register holds them. */
const opcodeWord = (escape: number, modrm: number): Expr => i32(((escape & 7) << 8) | modrm)

/**
 * Remembers the instruction for exception handlers, as every instruction but control ones does. The opcode of
 * a memory form lacks its addressing mode.
 */
function remember(b: Semantics, opcode: Expr, memory?: { operand: Operand; address: Expr }): void {
  const stack = b.x87Stack()
  if (stack) {
    const place = memory && { address: memory.address, segment: usualSegment(memory.operand) }
    return stack.remember(b.thisEip(), opcode, place)
  }
  const keep = (to: number, value: Expr): void => b.fn.store(i32(to), value, 4)
  keep(State.FPU_IP, b.thisEip())
  keep(State.FPU_CS, load(i32(segmentAt(CS) + Segment.SELECTOR), 4))
  keep(State.FPU_OPCODE, opcode)
  if (!memory) return
  keep(State.FPU_DP, memory.address)
  keep(State.FPU_DS, load(add(usualSegment(memory.operand), i32(Segment.SELECTOR)), 4))
}

/** Flat accesses do not say which segment they went through; the usual one stands for it. */
function usualSegment(operand: Operand): Expr {
  const segment = operand.segment()
  return isFlatSegment(segment) ? i32(segmentAt(DS)) : segment
}

/** Reads an operand of up to 8 bytes. */
function fetch(b: Semantics, operand: Operand, opcode: Expr): Expr {
  const address = b.let(operand.address())
  const { size } = operand
  const value = b.load(b.memory(operand.segment(), address, size, false), size)
  remember(b, opcode, { operand, address })
  return value
}

/**
 * Stores a result in memory that is known to be writable before anything changes: what `inHand` gives, or what a
 * helper leaves in the scratch area.
 */
function storeResult(
  b: Semantics,
  operand: Operand,
  opcode: Expr,
  helper: string,
  inHand: InHand.Store | null,
): void {
  const address = b.let(operand.address())
  const { size } = operand
  const pieces = size === 10 ? [8, 2] : [size]
  const hosts = pieces.map((bytes, i) => b.memory(operand.segment(), add(address, i32(i * 8)), bytes, true))
  remember(b, opcode, { operand, address })
  const stack = b.x87Stack()
  if (stack && inHand) {
    const values = inHand(stack)
    pieces.forEach((bytes, i) => b.fn.store(hosts[i]!, values[i]!, bytes))
    return
  }
  const withheld = b.helper(`${helper}/0`)
  b.fn.if(eqz(withheld))
  pieces.forEach((bytes, i) => b.fn.store(hosts[i]!, load(i32(State.FPU_SCRATCH + i * 8), bytes), bytes))
  b.fn.else()
  // A write that goes through a buffer takes place in any case: with what is there.
  pieces.forEach((bytes, i) => {
    const at = b.memory(operand.segment(), add(address, i32(i * 8)), bytes, false)
    b.fn.store(hosts[i]!, load(at, bytes), bytes)
  })
  b.fn.end()
}

const hex = (n: number): string => n.toString(16).padStart(2, '0')

function fromMemory(
  isa: InstructionSet,
  name: string,
  escape: number,
  digit: number,
  size: string,
  helper: string,
  inHand: InHand.Load | null,
  options = WAITING,
): void {
  isa.add(
    name,
    `${hex(escape)} /${digit} M${size}`,
    (b, operand) => {
      const value = fetch(b, operand, opcodeWord(escape, digit << 3))
      const stack = b.x87Stack()
      if (stack && inHand) return inHand(stack, value)
      b.fn.store(SCRATCH, value, operand.size)
      b.helper(`${helper}/0`)
    },
    options,
  )
}

function toMemory(
  isa: InstructionSet,
  name: string,
  escape: number,
  digit: number,
  size: string,
  helper: string,
  inHand: InHand.Store | null,
  options = WAITING,
): void {
  isa.add(
    name,
    `${hex(escape)} /${digit} M${size}`,
    (b, operand) => storeResult(b, operand, opcodeWord(escape, digit << 3), helper, inHand),
    options,
  )
}

/** An instruction on ST(i): one or more encodings "escape modrm" of its first register. */
function onStack(
  isa: InstructionSet,
  name: string,
  encodings: [escape: number, modrm: number][],
  helper: string,
  inHand: InHand.OnStack | null,
  options = WAITING,
): void {
  for (const [escape, modrm] of encodings)
    isa.add(
      name,
      `${hex(escape)} ${hex(modrm)}+i ST`,
      (b, i) => {
        const index = i.read()
        remember(b, or(opcodeWord(escape, modrm), index))
        const stack = b.x87Stack()
        if (stack && inHand) return inHand(stack, index.value)
        b.helper(`${helper}/1`, index)
      },
      options,
    )
}

function plain(
  isa: InstructionSet,
  name: string,
  escape: number,
  modrm: number,
  helper: string,
  inHand: ((stack: X87Stack) => void) | null = null,
  options = RARE,
): void {
  isa.add(
    name,
    `${hex(escape)} ${hex(modrm)}`,
    (b) => {
      remember(b, opcodeWord(escape, modrm))
      const stack = b.x87Stack()
      if (stack && inHand) return inHand(stack)
      b.helper(`${helper}/0`)
    },
    options,
  )
}

function describeArithmetic(isa: InstructionSet): void {
  const names = ['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr'] as const
  names.forEach((op, digit) => {
    const name = `F${op.toUpperCase()}`
    const integer = `FI${op.toUpperCase()}`
    const onMemory = (kind: InHand.Memory): InHand.Load =>
      op === 'com' || op === 'comp'
        ? InHand.compareMemory(kind, op === 'comp' ? 1 : 0)
        : InHand.arithmeticMemory(op, kind)
    fromMemory(isa, name, 0xd8, digit, 'd', `f${op}M32`, onMemory('Single'))
    fromMemory(isa, integer, 0xda, digit, 'd', `fi${op}M32`, onMemory('Integer'))
    fromMemory(isa, name, 0xdc, digit, 'q', `f${op}M64`, onMemory('Double'))
    fromMemory(isa, integer, 0xde, digit, 'w', `fi${op}M16`, InHand.widened(onMemory('Integer')), RARE)
    const column = 0xc0 | (digit << 3)
    if (op === 'com')
      onStack(
        isa,
        name,
        [
          [0xd8, column],
          [0xdc, column],
        ],
        'fcom',
        InHand.compare(false, 0),
      )
    else if (op === 'comp')
      onStack(
        isa,
        name,
        [
          [0xd8, column],
          [0xdc, column],
          [0xde, 0xd0],
        ],
        'fcomp',
        InHand.compare(false, 1),
      )
    else {
      onStack(isa, name, [[0xd8, column]], `f${op}`, InHand.arithmetic(op))
      // With ST(i) as destination SUB and SUBR, DIV and DIVR have changed places.
      const other = digit < 4 ? column : column ^ 8
      onStack(isa, name, [[0xdc, other]], `f${op}To`, InHand.arithmeticTo(op, 0))
      onStack(isa, `${name}P`, [[0xde, other]], `f${op}Pop`, InHand.arithmeticTo(op, 1))
    }
  })
  onStack(isa, 'FUCOM', [[0xdd, 0xe0]], 'fucom', InHand.compare(true, 0))
  onStack(isa, 'FUCOMP', [[0xdd, 0xe8]], 'fucomp', InHand.compare(true, 1))
  plain(isa, 'FCOMPP', 0xde, 0xd9, 'fcompp', (stack) => InHand.compare(false, 2)(stack, 1), WAITING)
  plain(isa, 'FUCOMPP', 0xda, 0xe9, 'fucompp', (stack) => InHand.compare(true, 2)(stack, 1), WAITING)
  const toFlags: [name: string, escape: number, modrm: number][] = [
    ['fucomi', 0xdb, 0xe8],
    ['fcomi', 0xdb, 0xf0],
    ['fucomip', 0xdf, 0xe8],
    ['fcomip', 0xdf, 0xf0],
  ]
  for (const [helper, escape, modrm] of toFlags)
    isa.add(
      helper.toUpperCase(),
      `${hex(escape)} ${hex(modrm)}+i ST`,
      (b, i) => {
        const index = i.read()
        remember(b, or(opcodeWord(escape, modrm), index))
        const stack = b.x87Stack()
        b.setEflags(
          stack ? InHand.compareToFlags(helper)(stack, index.value) : b.helper(`${helper}/1`, index),
        )
      },
      { ...WAITING, feature: 'cmov', defines: ARITHMETIC },
    )
}

function describeTransfers(isa: InstructionSet): void {
  fromMemory(isa, 'FLD', 0xd9, 0, 'd', 'fldM32', InHand.loadReal('Single'))
  fromMemory(isa, 'FLD', 0xdd, 0, 'q', 'fldM64', InHand.loadReal('Double'))
  fromMemory(isa, 'FILD', 0xdb, 0, 'd', 'fildM32', InHand.loadInteger(4))
  fromMemory(isa, 'FILD', 0xdf, 0, 'w', 'fildM16', InHand.loadInteger(2))
  fromMemory(isa, 'FILD', 0xdf, 5, 'q', 'fildM64', InHand.loadInteger(8))
  toMemory(isa, 'FST', 0xd9, 2, 'd', 'fstM32', InHand.storeReal('Single', 0))
  toMemory(isa, 'FSTP', 0xd9, 3, 'd', 'fstpM32', InHand.storeReal('Single', 1))
  toMemory(isa, 'FST', 0xdd, 2, 'q', 'fstM64', InHand.storeReal('Double', 0))
  toMemory(isa, 'FSTP', 0xdd, 3, 'q', 'fstpM64', InHand.storeReal('Double', 1))
  toMemory(isa, 'FIST', 0xdb, 2, 'd', 'fistM32', InHand.storeInteger(32, 0))
  toMemory(isa, 'FISTP', 0xdb, 3, 'd', 'fistpM32', InHand.storeInteger(32, 1))
  toMemory(isa, 'FIST', 0xdf, 2, 'w', 'fistM16', InHand.storeInteger(16, 0))
  toMemory(isa, 'FISTP', 0xdf, 3, 'w', 'fistpM16', InHand.storeInteger(16, 1))
  toMemory(isa, 'FISTP', 0xdf, 7, 'q', 'fistpM64', InHand.storeInteger(64, 1))
  toMemory(isa, 'FSTP', 0xdb, 7, 't', 'fstpM80', InHand.storeWhole, RARE)
  toMemory(isa, 'FBSTP', 0xdf, 6, 't', 'fbstp', null, RARE)
  const tenBytes = (
    name: string,
    escape: number,
    digit: number,
    helper: string,
    inHand: ((stack: X87Stack) => void) | null,
  ): void =>
    isa.add(
      name,
      `${hex(escape)} /${digit} Mt`,
      (b, operand) => {
        b.copyIn(operand, State.FPU_SCRATCH, 10)
        remember(b, opcodeWord(escape, digit << 3), { operand: operand, address: b.let(operand.address()) })
        const stack = b.x87Stack()
        if (stack && inHand) return inHand(stack)
        b.helper(`${helper}/0`)
      },
      RARE,
    )
  tenBytes('FLD', 0xdb, 5, 'fldM80', InHand.loadWhole)
  tenBytes('FBLD', 0xdf, 4, 'fbld', null)

  onStack(isa, 'FLD', [[0xd9, 0xc0]], 'fld', InHand.duplicate)
  onStack(
    isa,
    'FXCH',
    [
      [0xd9, 0xc8],
      [0xdd, 0xc8],
      [0xdf, 0xc8],
    ],
    'fxch',
    InHand.exchange,
  )
  onStack(isa, 'FST', [[0xdd, 0xd0]], 'fst', InHand.copy(0))
  onStack(
    isa,
    'FSTP',
    [
      [0xdd, 0xd8],
      [0xd9, 0xd8],
      [0xdf, 0xd0],
      [0xdf, 0xd8],
    ],
    'fstp',
    InHand.copy(1),
  )
  onStack(isa, 'FFREE', [[0xdd, 0xc0]], 'ffree', null)
  onStack(isa, 'FFREEP', [[0xdf, 0xc0]], 'ffreep', null)
  const moves: [name: string, code: number][] = [
    ['B', 2],
    ['E', 4],
    ['BE', 6],
    ['U', 10],
  ]
  moves.forEach(([name, code], row) => {
    for (const negated of [0, 1]) {
      const [escape, modrm] = [0xda + negated, 0xc0 | (row << 3)]
      isa.add(
        `FCMOV${negated ? 'N' : ''}${name}`,
        `${hex(escape)} ${hex(modrm)}+i ST`,
        (b, i) => {
          const index = i.read()
          remember(b, or(opcodeWord(escape, modrm), index))
          const taken = condition(b.flags(), code + negated)
          const stack = b.x87Stack()
          if (stack) return InHand.move(stack, index.value, b.let(taken))
          b.helper('fcmov/2', index, taken)
        },
        { ...WAITING, feature: 'cmov', uses: CONDITION_USES[code >> 1]! },
      )
    }
  })
}

function describeFunctions(isa: InstructionSet): void {
  const constants = ['FLD1', 'FLDL2T', 'FLDL2E', 'FLDPI', 'FLDLG2', 'FLDLN2', 'FLDZ']
  constants.forEach((name, which) => {
    isa.add(
      name,
      `d9 ${hex(0xe8 + which)}`,
      (b) => {
        remember(b, opcodeWord(0xd9, 0xe8 + which))
        const stack = b.x87Stack()
        if (stack && InHand.isPlainConstant(name)) return InHand.pushConstant(stack, name)
        b.helper('fldConstant/1', i32(which))
      },
      WAITING,
    )
  })
  const often: [name: string, modrm: number, inHand: ((stack: X87Stack) => void) | null][] = [
    ['fchs', 0xe0, InHand.changeSign],
    ['fabs', 0xe1, InHand.clearSign],
    ['ftst', 0xe4, InHand.compareWithZero],
    ['fxam', 0xe5, null],
    ['fsqrt', 0xfa, InHand.squareRoot],
    ['frndint', 0xfc, null],
  ]
  for (const [helper, modrm, inHand] of often)
    plain(isa, helper.toUpperCase(), 0xd9, modrm, helper, inHand, WAITING)
  const seldom: [name: string, modrm: number][] = [
    ['f2xm1', 0xf0],
    ['fyl2x', 0xf1],
    ['fptan', 0xf2],
    ['fpatan', 0xf3],
    ['fxtract', 0xf4],
    ['fprem1', 0xf5],
    ['fdecstp', 0xf6],
    ['fincstp', 0xf7],
    ['fprem', 0xf8],
    ['fyl2xp1', 0xf9],
    ['fsincos', 0xfb],
    ['fscale', 0xfd],
    ['fsin', 0xfe],
    ['fcos', 0xff],
  ]
  for (const [helper, modrm] of seldom) plain(isa, helper.toUpperCase(), 0xd9, modrm, helper)
  isa.add('FNOP', 'd9 d0', (b) => remember(b, opcodeWord(0xd9, 0xd0)), RARE)
}

/** Format number of the images: see fpu/assembly/images.ts. */
function format(b: Semantics): Expr {
  const real = or(eqz(and(b.word(State.CR0), i32(1))), and(b.word(State.EFLAGS_SYSTEM), i32(VM)))
  return or(i32(b.size === 4 ? 2 : 0), select(real, i32(0), i32(1)))
}

function describeControl(isa: InstructionSet): void {
  isa.add('WAIT', '9b', () => {}, { unit: 'wait' })
  isa.add('FNINIT', 'db e3', (b) => void b.helper('fninit/0'), CONTROL)
  isa.add('FNCLEX', 'db e2', (b) => void b.helper('fnclex/0'), CONTROL)
  // What the 8087 and the 80287 did with these is not needed any more.
  for (const [name, modrm] of [
    ['FNENI', 'e0'],
    ['FNDISI', 'e1'],
    ['FNSETPM', 'e4'],
  ] as const)
    isa.add(name, `db ${modrm}`, () => {}, CONTROL)
  isa.add(
    'FLDCW',
    'd9 /5 Mw',
    (b, operand) => {
      b.fn.store(SCRATCH, operand.read(), 2)
      b.helper('fldcw/0')
    },
    WAITING,
  )
  isa.add('FNSTCW', 'd9 /7 Mw', (b, operand) => operand.write(b.word(State.FPU_CONTROL)), {
    ...CONTROL,
    rare: false,
  })
  isa.add('FNSTSW', 'dd /7 Mw', (b, operand) => operand.write(b.word(State.FPU_STATUS)), {
    ...CONTROL,
    rare: false,
  })
  isa.add('FNSTSW', 'df e0', (b) => b.setRegister(EAX, 2, b.word(State.FPU_STATUS)), {
    ...CONTROL,
    rare: false,
  })

  const environment = (b: Semantics): number => (b.size === 4 ? 28 : 14)
  isa.add(
    'FNSTENV',
    'd9 /6 M',
    (b, operand) => {
      b.helper('environmentImage/1', format(b))
      b.copyOut(operand, State.FPU_SCRATCH, environment(b))
      b.helper('maskExceptions/0')
    },
    CONTROL,
  )
  isa.add(
    'FNSAVE',
    'dd /6 M',
    (b, operand) => {
      b.helper('stateImage/1', format(b))
      b.copyOut(operand, State.FPU_SCRATCH, environment(b) + 80)
      b.helper('fninit/0')
    },
    CONTROL,
  )
  isa.add(
    'FLDENV',
    'd9 /4 M',
    (b, operand) => {
      b.copyIn(operand, State.FPU_SCRATCH, environment(b))
      b.helper('fldenv/1', format(b))
    },
    RARE,
  )
  isa.add(
    'FRSTOR',
    'dd /4 M',
    (b, operand) => {
      b.copyIn(operand, State.FPU_SCRATCH, environment(b) + 80)
      b.helper('frstor/1', format(b))
    },
    RARE,
  )
}

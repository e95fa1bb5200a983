import { type Expr, add, and, eqz, i32, ne, or, sub } from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import { CONDITION_USES, ZF, condition, zeroExtend, zeroOf } from './flags.ts'
import type { Operand, Semantics } from './semantics.ts'
import { callFar, interruptReal, interruptReturnReal, jumpFar, returnFar } from './shortcuts/paragraphs.ts'
import { interruptProtected, interruptReturnProtected } from './shortcuts/protected.ts'
import { ECX, State } from './state.ts'
import { SystemOp } from './system-op.ts'

const hex = (n: number): string => n.toString(16).padStart(2, '0')

const NEAR = { ends: true, near: true } as const

function jump(b: Semantics, target: Expr): void {
  b.checkTarget(target)
  b.jumpTo(target)
}

function branch(b: Semantics, condition: Expr): void {
  const taken = b.let(condition)
  b.checkRelative(taken)
  b.branchRelative(taken)
}

/** Jumps, calls, returns, loops, interrupts. */
export function describeControl(isa: InstructionSet): void {
  isa.add(
    'JMP',
    'e9 Jz; eb Jb',
    (b) => {
      b.checkRelative(i32(1))
      b.jumpRelative()
    },
    NEAR,
  )
  isa.add('JMPI', 'ff /4 Ev', (b, s) => jump(b, b.let(s.read())), NEAR)
  isa.add(
    'CALL',
    'e8 Jz',
    (b) => {
      b.checkRelative(i32(1))
      b.push(b.nextEip(), b.size)
      b.jumpRelative()
    },
    { ...NEAR, stack: true },
  )
  isa.add(
    'CALLI',
    'ff /2 Ev',
    (b, s) => {
      const target = b.let(s.read())
      b.checkTarget(target)
      b.push(b.nextEip(), b.size)
      b.jumpTo(target)
    },
    { ...NEAR, stack: true },
  )
  describeReturns(isa, ['c2', 'c3'], ['ca', 'cb'])
  describeBranches(isa, (code) => `${hex(0x70 + code)} Jb; 0f ${hex(0x80 + code)} Jz`)
  const counted = (b: Semantics): Expr => {
    const count = b.let(sub(b.register(ECX, b.addressSize), i32(1)))
    b.setRegister(ECX, b.addressSize, count)
    return ne(zeroExtend(count, b.addressSize), i32(0))
  }
  isa.add('LOOP', 'e2 Jb', (b) => branch(b, counted(b)), { ...NEAR, addressSized: true })
  isa.add('LOOPE', 'e1 Jb', (b) => branch(b, and(counted(b), zeroOf(b.flags()))), {
    ...NEAR,
    addressSized: true,
    uses: ZF,
  })
  isa.add('LOOPNE', 'e0 Jb', (b) => branch(b, and(counted(b), eqz(zeroOf(b.flags())))), {
    ...NEAR,
    addressSized: true,
    uses: ZF,
  })
  isa.add('JCXZ', 'e3 Jb', (b) => branch(b, eqz(b.register(ECX, b.addressSize))), {
    ...NEAR,
    addressSized: true,
  })
  describeFar(isa)
}

const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G']

/** The sixteen conditional branches, at encodings by the number of their condition. */
export function describeBranches(
  isa: InstructionSet,
  encodings: (code: number) => string,
  options: Options = {},
): void {
  CONDITIONS.forEach((name, code) =>
    isa.add(`J${name}`, encodings(code), (b) => branch(b, condition(b.flags(), code)), {
      ...NEAR,
      uses: CONDITION_USES[code >> 1]!,
      ...options,
    }),
  )
}

/** Near and far returns, at opcodes of which the first releases bytes of the stack. */
export function describeReturns(
  isa: InstructionSet,
  near: readonly [string, string],
  far: readonly [string, string],
  options: Options = {},
): void {
  isa.add(
    'RET',
    `${near[0]} Iw`,
    (b, release) => {
      const target = b.peek(b.size)
      b.setStackPointer(add(add(b.stackPointer(), i32(b.size)), release.read()))
      jump(b, target)
    },
    { ...NEAR, stack: true, ...options },
  )
  isa.add('RET', near[1], (b) => jump(b, b.pop(b.size)), { ...NEAR, stack: true, ...options })
  const returns = (b: Semantics, release: Expr): void => {
    returnFar(b, release)
    b.system(SystemOp.RET_FAR, release, i32(b.size))
  }
  const farOptions: Options = { ends: true, rare: true, stack: true, ...options }
  isa.add('RETF', `${far[0]} Iw`, (b, release) => returns(b, release.read()), farOptions)
  isa.add('RETF', far[1], (b) => returns(b, i32(0)), farOptions)
}

/** Operand size as the far transfers take it: bit 16 of the selector argument. */
const sized = (b: Semantics, selector: Expr): Expr => or(selector, i32(b.size === 4 ? 0x10000 : 0))

function describeFar(isa: InstructionSet): void {
  const throughMemory =
    (op: SystemOp) =>
    (b: Semantics, target?: Operand): void => {
      const address = b.let(target!.address())
      const offset = b.load(b.memory(target!.segment(), address, b.size, false), b.size)
      const next = b.let(zeroExtend(add(address, i32(b.size)), b.addressSize))
      const selector = b.load(b.memory(target!.segment(), next, 2, false), 2)
      const quickly = op === SystemOp.JMP_FAR ? jumpFar : callFar
      quickly(b, selector, offset)
      b.system(op, offset, sized(b, selector))
    }
  isa.add(
    'JMPF',
    'ea Iv,Kw',
    (b, offset, selector) => {
      jumpFar(b, selector.read(), offset.read())
      b.system(SystemOp.JMP_FAR, offset.read(), sized(b, selector.read()))
    },
    { ends: true, rare: true },
  )
  isa.add(
    'CALLF',
    '9a Iv,Kw',
    (b, offset, selector) => {
      callFar(b, selector.read(), offset.read())
      b.system(SystemOp.CALL_FAR, offset.read(), sized(b, selector.read()))
    },
    { ends: true, rare: true, stack: true },
  )
  isa.add('JMPFI', 'ff /5 Mp', throughMemory(SystemOp.JMP_FAR), {
    ends: true,
    rare: true,
    addressSized: true,
  })
  isa.add('CALLFI', 'ff /3 Mp', throughMemory(SystemOp.CALL_FAR), {
    ends: true,
    rare: true,
    stack: true,
    addressSized: true,
  })
  isa.add(
    'IRET',
    'cf',
    (b) => {
      interruptReturnProtected(b)
      interruptReturnReal(b)
      b.system(SystemOp.IRET, i32(b.size))
    },
    { ends: true, rare: true, stack: true },
  )
  isa.add(
    'INT',
    'cd Ib',
    (b, vector) => {
      interruptReal(b, vector.read())
      interruptProtected(b, vector.read())
      b.system(SystemOp.INT, vector.read())
    },
    { ends: true, rare: true, stack: true },
  )
  // Before the 386 this byte is a prefix without effect.
  isa.add('INT1', 'f1', (b) => b.system(SystemOp.INT1), { ends: true, rare: true, feature: '386' })
  isa.add('INT3', 'cc', (b) => b.system(SystemOp.INT3), { ends: true, rare: true })
  isa.add('INTO', 'ce', (b) => b.system(SystemOp.INTO), { ends: true, rare: true })
  isa.add('HLT', 'f4', (b) => b.system(SystemOp.HLT), { ends: true, rare: true })
  isa.add(
    'BOUND',
    '62 /r Gv,M',
    (b, index, bounds) => {
      b.setWord(State.FPU_SCRATCH, index.read())
      b.system(SystemOp.BOUND, bounds.address(), or(bounds.segment(), i32(b.size)))
    },
    { ends: true, rare: true, feature: '186' },
  )
}

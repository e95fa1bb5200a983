import { add, and, i32, or, select, shl, shrS, sub, xor } from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import {
  ARITHMETIC,
  CF,
  CONDITION_USES,
  OF,
  arithmeticFlags,
  carryOf,
  condition,
  overflowOf,
  signExtended,
  zeroExtend,
} from './flags.ts'
import type { Semantics } from './semantics.ts'
import { clearInterrupts, popFlags, pushFlags, setInterrupts } from './shortcuts/flags.ts'
import { loadParagraph, popParagraph } from './shortcuts/paragraphs.ts'
import { loadSelector, popSelector } from './shortcuts/protected.ts'
import { CS, DS, EAX, EBP, EBX, EDX, ES, FS, GS, SS, Segment, State, segmentAt } from './state.ts'
import { SystemOp } from './system-op.ts'

const hex = (n: number): string => n.toString(16).padStart(2, '0')

/** Moves, stack, conversions and flag instructions. */
export function describeDataTransfer(isa: InstructionSet): void {
  isa.add(
    'MOV',
    '88 /r Eb,Gb; 89 /r Ev,Gv; 8a /r Gb,Eb; 8b /r Gv,Ev; b0+r Zb,Ib; b8+r Zv,Iv; c6 /0 Eb,Ib; c7 /0 Ev,Iz; a0 AL,Ob; a1 rAX,Ov; a2 Ob,AL; a3 Ov,rAX',
    (_b, d, s) => d.write(s.read()),
  )
  isa.add('MOVZX', '0f b6 /r Gv,Eb; 0f b7 /r Gv,Ew', (_b, d, s) => d.write(s.read()), { feature: '386' })
  isa.add('MOVSX', '0f be /r Gv,Eb; 0f bf /r Gv,Ew', (_b, d, s) => d.write(signExtended(s.read(), s.size)), {
    feature: '386',
  })
  isa.add('LEA', '8d /r Gv,M', (_b, d, s) => d.write(s.address()))
  isa.add(
    'XCHG',
    '86 /r Eb,Gb; 87 /r Ev,Gv; 90+r Zv,rAX',
    (b, d, s) => {
      const x = d.readForWrite()
      const y = b.let(s.read())
      d.write(y)
      s.write(x)
    },
    { lockable: true },
  )
  isa.add('NOP', '90; 0f 0d /r Ev; 0f 18 /r Ev; 0f 1f /r Ev', () => {})
  // The rest of the P6's range of hint NOPs, where ENDBR32 lies.
  isa.add('NOP', '0f 19 /r Ev; 0f 1a /r Ev; 0f 1b /r Ev; 0f 1c /r Ev; 0f 1d /r Ev; 0f 1e /r Ev', () => {}, {
    feature: 'p6',
  })
  isa.add(
    'XLAT',
    'd7 Xb',
    (b) => {
      const base = b.register(EBX, b.addressSize)
      const address = b.let(zeroExtend(add(base, b.register(EAX, 1)), b.addressSize))
      b.setRegister(EAX, 1, b.load(b.memory(b.stringSource(), address, 1, false), 1))
    },
    { addressSized: true, size: 1 },
  )
  isa.add('CBW', '98', (b) =>
    b.setRegister(EAX, b.size, signExtended(b.register(EAX, b.size >> 1), b.size >> 1)),
  )
  isa.add('CWD', '99', (b) =>
    b.setRegister(EDX, b.size, shrS(signExtended(b.register(EAX, b.size), b.size), i32(31))),
  )
  describeStack(isa)
  describeSegments(isa)
  describeFlags(isa)
}

function describeStack(isa: InstructionSet): void {
  isa.add('PUSH', '50+r Zv; 68 Iz; 6a Ibs; ff /6 Ev', (b, s) => b.push(s.read(), b.size), { stack: true })
  isa.add(
    'POP',
    '58+r Zv; 8f /0 Ev',
    (b, d) => {
      const value = b.pop(b.size)
      d.write(value)
    },
    { stack: true },
  )
  isa.add('PUSHA', '60', (b) => b.system(SystemOp.PUSHA, i32(b.size)), {
    ends: true,
    rare: true,
    feature: '186',
  })
  isa.add('POPA', '61', (b) => b.system(SystemOp.POPA, i32(b.size)), {
    ends: true,
    rare: true,
    feature: '186',
  })
  isa.add(
    'LEAVE',
    'c9',
    (b) => {
      const frame = b.register(EBP, b.stackSize)
      const value = b.load(b.stack(frame, b.size, false), b.size)
      b.setStackPointer(add(frame, i32(b.size)))
      b.setRegister(EBP, b.size, value)
    },
    { stack: true, feature: '186' },
  )
  isa.add(
    'ENTER',
    'c8 Iw,Kb',
    (b, frame, nesting) =>
      b.system(SystemOp.ENTER, or(frame.read(), shl(and(nesting.read(), i32(31)), i32(16))), i32(b.size)),
    { ends: true, feature: '186', rare: true },
  )
}

function describeSegments(isa: InstructionSet): void {
  const saved: [string, number][] = [
    ['06', ES],
    ['0e', CS],
    ['16', SS],
    ['1e', DS],
    ['0f a0', FS],
    ['0f a8', GS],
  ]
  for (const [push, index] of saved)
    isa.add('PUSHS', push, (b) => b.push(b.word(segmentAt(index) + Segment.SELECTOR), b.size), {
      stack: true,
      ...(index >= FS && { feature: '386' }),
    })
  isa.add('MOV', '8c /r Ewv,Sw', (_b, d, s) => d.write(s.read()))
  const shortcuts = { load: [loadParagraph, loadSelector], pop: [popParagraph, popSelector] }
  describeSegmentLoads(isa, shortcuts)
  popSegment(isa, '0f a1', FS, shortcuts, { feature: '386' })
  popSegment(isa, '0f a9', GS, shortcuts, { feature: '386' })
  loadPointer(isa, 'LSS', '0f b2', SS, shortcuts, { feature: '386' })
  loadPointer(isa, 'LFS', '0f b4', FS, shortcuts, { feature: '386' })
  loadPointer(isa, 'LGS', '0f b5', GS, shortcuts, { feature: '386' })
}

/** What generated code does by itself of loading segment registers. */
interface SegmentShortcuts {
  load: readonly (typeof loadSelector)[]
  pop: readonly (typeof popSelector)[]
}

/** Moves and pops to segment registers, and far pointers, as far as the 8086 has them. */
export function describeSegmentLoads(
  isa: InstructionSet,
  shortcuts: SegmentShortcuts,
  options: Options = {},
): void {
  popSegment(isa, '07', ES, shortcuts, options)
  popSegment(isa, '17', SS, shortcuts, options)
  popSegment(isa, '1f', DS, shortcuts, options)
  isa.add(
    'MOVTS',
    '8e /r Sw,Ew',
    (b, d, s) => {
      const selector = b.let(s.read())
      const cache = b.let(sub(d.registerAddress(), i32(Segment.SELECTOR)))
      for (const load of shortcuts.load) load(b, cache, selector)
      b.system(SystemOp.LOAD_SEGMENT, d.registerAddress(), selector)
    },
    { ends: true, rare: true, ...options },
  )
  loadPointer(isa, 'LES', 'c4', ES, shortcuts, options)
  loadPointer(isa, 'LDS', 'c5', DS, shortcuts, options)
}

function popSegment(
  isa: InstructionSet,
  opcode: string,
  index: number,
  shortcuts: SegmentShortcuts,
  options: Options,
): void {
  isa.add(
    'POPS',
    opcode,
    (b) => {
      for (const pop of shortcuts.pop) pop(b, index)
      b.system(SystemOp.POP_SEGMENT, i32(index), i32(b.size))
    },
    { ends: true, rare: true, stack: true, ...options },
  )
}

function loadPointer(
  isa: InstructionSet,
  name: string,
  opcode: string,
  index: number,
  shortcuts: SegmentShortcuts,
  options: Options,
): void {
  isa.add(
    name,
    `${opcode} /r Gv,Mp`,
    (b, d, s) => {
      const address = b.let(s.address())
      const offset = b.load(b.memory(s.segment(), address, b.size, false), b.size)
      const next = b.let(zeroExtend(add(address, i32(b.size)), b.addressSize))
      const selector = b.load(b.memory(s.segment(), next, 2, false), 2)
      // Before the shortcut, which would leave the rest without it.
      const register = d.registerAddress()
      for (const load of shortcuts.load) load(b, i32(segmentAt(index)), selector, () => d.write(offset))
      b.setWord(State.FPU_SCRATCH, offset)
      b.system(
        SystemOp.LOAD_FAR_POINTER,
        or(register, i32(b.size << 16)),
        or(i32(index), shl(selector, i32(8))),
      )
    },
    { ends: true, addressSized: true, rare: true, ...options },
  )
}

function describeFlags(isa: InstructionSet): void {
  isa.add('LAHF', '9f', (b) => b.setRegister(4, 1, or(arithmeticFlags(b.flags()), i32(2))), {
    uses: ARITHMETIC & ~OF,
  })
  isa.add('SAHF', '9e', (b) => b.setEflags(or(b.register(4, 1), shl(overflowOf(b.flags()), i32(11)))), {
    defines: ARITHMETIC & ~OF,
    uses: OF,
  })
  const carry = (name: string, opcode: string, value: (b: Semantics) => ReturnType<typeof carryOf>): void =>
    isa.add(
      name,
      opcode,
      (b) => {
        const c = b.let(value(b))
        b.setFlags(b.carryFlags(c, overflowOf(b.flags())))
      },
      { defines: CF, uses: ARITHMETIC },
    )
  carry('CLC', 'f8', () => i32(0))
  carry('STC', 'f9', () => i32(1))
  carry('CMC', 'f5', (b) => xor(carryOf(b.flags()), i32(1)))
  isa.add('SALC', 'd6', (b) => b.setRegister(EAX, 1, select(carryOf(b.flags()), i32(0xff), i32(0))), {
    uses: CF,
    rare: true,
  })
  isa.add('CLD', 'fc', (b) => b.setWord(State.DF, i32(1)))
  isa.add('STD', 'fd', (b) => b.setWord(State.DF, i32(-1)))
  isa.add(
    'CLI',
    'fa',
    (b) => {
      clearInterrupts(b)
      b.system(SystemOp.CLI)
    },
    { ends: true, rare: true },
  )
  isa.add(
    'STI',
    'fb',
    (b) => {
      setInterrupts(b)
      b.system(SystemOp.STI)
    },
    { ends: true, rare: true },
  )
  isa.add(
    'PUSHF',
    '9c',
    (b) => {
      pushFlags(b)
      b.system(SystemOp.PUSHF, i32(b.size))
    },
    { ends: true, rare: true, stack: true },
  )
  isa.add(
    'POPF',
    '9d',
    (b) => {
      popFlags(b)
      b.system(SystemOp.POPF, i32(b.size))
    },
    { ends: true, rare: true, stack: true },
  )
  const names = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G']
  names.forEach((name, code) => {
    const uses = CONDITION_USES[code >> 1]!
    isa.add(`SET${name}`, `0f ${hex(0x90 + code)} /r Eb`, (b, d) => d.write(condition(b.flags(), code)), {
      uses,
      feature: '386',
    })
    isa.add(
      `CMOV${name}`,
      `0f ${hex(0x40 + code)} /r Gv,Ev`,
      (b, d, s) => {
        const source = s.read()
        d.write(select(condition(b.flags(), code), source, d.read()))
      },
      { uses, feature: 'cmov' },
    )
  })
}

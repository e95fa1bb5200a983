import { type Expr, and, eqz, i32, ltU, or, select, shl } from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import { ARITHMETIC, VM, ZF, arithmeticFlags } from './flags.ts'
import { GP, type Operand, type Semantics, UD } from './semantics.ts'
import { readTimeStamp } from './shortcuts/flags.ts'
import { readPort, writePort } from './shortcuts/ports.ts'
import { enterSystem, exitSystem } from './shortcuts/protected.ts'
import { EDX, LDTR, Segment, State, TR, segmentAt } from './state.ts'
import { SystemOp } from './system-op.ts'

/** Instructions that concern the whole processor; their work is done in vcpu/ (SDM vol. 3). */
export function describeSystem(isa: InstructionSet): void {
  const add = (
    name: string,
    encodings: string,
    meaning: (b: Semantics, ...operands: Operand[]) => void,
    options: Options = {},
  ): void => isa.add(name, encodings, meaning, { ends: true, rare: true, ...options })

  const input = (b: Semantics, port: Expr): void => {
    readPort(b, port)
    b.system(SystemOp.IN, port, i32(b.size))
  }
  const output = (b: Semantics, port: Expr): void => {
    writePort(b, port)
    b.system(SystemOp.OUT, port, i32(b.size))
  }
  add('IN', 'e4 Ib,Xb; e5 Ib,Xv', (b, port) => input(b, port.read()))
  add('OUT', 'e6 Ib,Xb; e7 Ib,Xv', (b, port) => output(b, port.read()))
  add('INDX', 'ec Xb; ed Xv', (b) => input(b, b.register(EDX, 2)))
  add('OUTDX', 'ee Xb; ef Xv', (b) => output(b, b.register(EDX, 2)))

  const table =
    (op: SystemOp) =>
    (b: Semantics, target?: Operand): void =>
      b.system(op, target!.address(), or(target!.segment(), i32(b.size)))
  add('SGDT', '0f 01 /0 M', table(SystemOp.SGDT), { feature: '286' })
  add('SIDT', '0f 01 /1 M', table(SystemOp.SIDT), { feature: '286' })
  add('LGDT', '0f 01 /2 M', table(SystemOp.LGDT), { feature: '286' })
  add('LIDT', '0f 01 /3 M', table(SystemOp.LIDT), { feature: '286' })
  add('SMSW', '0f 01 /4 Ewv', (b, d) => d.write(b.word(State.CR0)), { feature: '286' })
  add(
    'LMSW',
    '0f 01 /6 Ew',
    (b, s) => {
      privilegedCheck(b)
      b.system(SystemOp.LMSW, s.read())
    },
    { feature: '286' },
  )
  add('INVLPG', '0f 01 /7 M', (b, at) => b.system(SystemOp.INVLPG, at.address(), at.segment()), {
    feature: '486',
  })
  add(
    'SLDT',
    '0f 00 /0 Ewv',
    protectedOnly((b, d) => d.write(b.word(segmentAt(LDTR) + Segment.SELECTOR))),
    { feature: '286' },
  )
  add(
    'STR',
    '0f 00 /1 Ewv',
    protectedOnly((b, d) => d.write(b.word(segmentAt(TR) + Segment.SELECTOR))),
    { feature: '286' },
  )
  add(
    'LLDT',
    '0f 00 /2 Ew',
    (b, s) => {
      protectedCheck(b)
      privilegedCheck(b)
      b.system(SystemOp.LLDT, s.read())
    },
    { feature: '286' },
  )
  add(
    'LTR',
    '0f 00 /3 Ew',
    (b, s) => {
      protectedCheck(b)
      privilegedCheck(b)
      b.system(SystemOp.LTR, s.read())
    },
    { feature: '286' },
  )
  add(
    'VERR',
    '0f 00 /4 Ew',
    (b, s) => {
      protectedCheck(b)
      b.system(SystemOp.VERR, s.read())
    },
    { feature: '286', defines: ZF, uses: ARITHMETIC },
  )
  add(
    'VERW',
    '0f 00 /5 Ew',
    (b, s) => {
      protectedCheck(b)
      b.system(SystemOp.VERW, s.read())
    },
    { feature: '286', defines: ZF, uses: ARITHMETIC },
  )
  const rights =
    (op: SystemOp) =>
    (b: Semantics, d?: Operand, s?: Operand): void => {
      protectedCheck(b)
      b.system(op, s!.read(), or(d!.registerAddress(), i32(b.size << 16)))
    }
  add('LAR', '0f 02 /r Gv,Ew', rights(SystemOp.LAR), { feature: '286', defines: ZF, uses: ARITHMETIC })
  add('LSL', '0f 03 /r Gv,Ew', rights(SystemOp.LSL), { feature: '286', defines: ZF, uses: ARITHMETIC })
  add('LOADALL286', '0f 05', (b) => b.system(SystemOp.LOADALL286), { feature: '286' })
  add('CLTS', '0f 06', (b) => b.system(SystemOp.CLTS), { feature: '286' })
  add('INVD', '0f 08', (b) => b.system(SystemOp.CACHE), { feature: '486' })
  add('WBINVD', '0f 09', (b) => b.system(SystemOp.CACHE), { feature: '486' })
  add('UD2', '0f 0b; 0f b9', (b) => b.system(SystemOp.RAISE, i32(6)))
  // Register forms only: the mod bits are ignored (SDM vol. 2, MOV CRn).
  add('MOVRC', '0f 20 /r Rd,Cd', (b, d, s) => b.system(SystemOp.MOV_FROM_CR, s.read(), d.registerAddress()), {
    feature: '386',
  })
  add('MOVCR', '0f 22 /r Cd,Rd', (b, d, s) => b.system(SystemOp.MOV_TO_CR, d.read(), s.read()), {
    feature: '386',
  })
  add('MOVRD', '0f 21 /r Rd,Cd', (b, d, s) => b.system(SystemOp.MOV_FROM_DR, s.read(), d.registerAddress()), {
    feature: '386',
  })
  add('MOVDR', '0f 23 /r Cd,Rd', (b, d, s) => b.system(SystemOp.MOV_TO_DR, d.read(), s.read()), {
    feature: '386',
  })
  add('MOVRT', '0f 24 /r Rd,Cd', (b, d, s) => b.system(SystemOp.MOV_FROM_TR, s.read(), d.registerAddress()), {
    feature: 'test-registers',
  })
  add('MOVTR', '0f 26 /r Cd,Rd', (b, d, s) => b.system(SystemOp.MOV_TO_TR, d.read(), s.read()), {
    feature: 'test-registers',
  })
  add('WRMSR', '0f 30', (b) => b.system(SystemOp.WRMSR), { feature: 'msr' })
  add(
    'RDTSC',
    '0f 31',
    (b) => {
      readTimeStamp(b)
      b.system(SystemOp.RDTSC)
    },
    { feature: 'tsc' },
  )
  add('RDMSR', '0f 32', (b) => b.system(SystemOp.RDMSR), { feature: 'msr' })
  add('RDPMC', '0f 33', (b) => b.system(SystemOp.RDPMC), { feature: 'pmc' })
  add(
    'SYSENTER',
    '0f 34',
    (b) => {
      enterSystem(b)
      b.system(SystemOp.SYSENTER)
    },
    { feature: 'sep' },
  )
  add(
    'SYSEXIT',
    '0f 35',
    (b) => {
      exitSystem(b)
      b.system(SystemOp.SYSEXIT)
    },
    { feature: 'sep' },
  )
  add('CPUID', '0f a2', (b) => b.system(SystemOp.CPUID), { feature: 'cpuid' })
  add('RSM', '0f aa', (b) => b.system(SystemOp.RSM), { feature: '486' })
  add(
    'ARPL',
    '63 /r Ew,Gw',
    (b, d, s) => {
      protectedCheck(b)
      const x = d.read()
      const y = s.read()
      const { adjusted, value } = adjustRpl(b, x, y)
      if (d.isRegister) d.write(value)
      else {
        // Memory is written only when the selector changes.
        b.fn.if(adjusted)
        d.write(value)
        b.fn.end()
      }
      setZero(b, adjusted)
    },
    { feature: '286', defines: ZF, uses: ARITHMETIC, ends: false, size: 2 },
  )
}

/** Comes before a memory operand is read. */
function privilegedCheck(b: Semantics): void {
  b.raiseIf(b.word(State.CPL), GP)
}

/** The instructions on selectors do not exist in real and virtual-8086 mode, whatever their operand. */
function protectedCheck(b: Semantics): void {
  b.raiseIf(eqz(and(b.word(State.CR0), i32(1))), UD)
  b.raiseIf(and(b.word(State.EFLAGS_SYSTEM), i32(VM)), UD)
}

function protectedOnly(meaning: (b: Semantics, d: Operand) => void) {
  return (b: Semantics, d?: Operand): void => {
    protectedCheck(b)
    meaning(b, d!)
  }
}

function adjustRpl(b: Semantics, x: Expr, y: Expr): { adjusted: Expr; value: Expr } {
  const adjusted = b.let(ltU(and(x, i32(3)), and(y, i32(3))))
  return { adjusted, value: b.let(select(adjusted, or(and(x, i32(0xfffc)), and(y, i32(3))), x)) }
}

function setZero(b: Semantics, zero: Expr): void {
  b.setEflags(or(and(arithmeticFlags(b.flags()), i32(~ZF)), shl(zero, i32(6))))
}

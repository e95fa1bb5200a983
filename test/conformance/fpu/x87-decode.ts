import type { FpuExports } from '../../../engine/fpu/fpu.ts'

/** An x87 encoding as the tests run it: escape opcode, ModRM byte (register form, or [EDX]) and its meaning. */
export interface X87Instruction {
  readonly name: string
  readonly opcode: number
  readonly modrm: number
  /** Bytes of the memory operand, 0 for none; those written when `stores`. */
  readonly memoryBytes: number
  readonly stores: boolean
  /** 0x66 for a 16-bit operand size, else 0. */
  readonly prefix: number
  /** The image's first byte of the pointers to instruction and operand, which processors differ in, and the last. */
  readonly pointers?: readonly [number, number]
  /** Returns what the export returned. */
  run(fpu: FpuExports, flags: number): number
}

const memory = (
  name: string,
  opcode: number,
  group: number,
  memoryBytes: number,
  stores: boolean,
  run: (fpu: FpuExports) => number,
): X87Instruction => ({ name, opcode, modrm: (group << 3) | 2, memoryBytes, stores, prefix: 0, run })

const register = (
  name: string,
  opcode: number,
  modrm: number,
  run: (fpu: FpuExports, flags: number) => number,
): X87Instruction => ({ name, opcode, modrm, memoryBytes: 0, stores: false, prefix: 0, run })

const ARITHMETIC = ['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr'] as const
/** CF, ZF, PF of FCMOVcc in the order of the encodings. */
const CONDITIONS = [1, 0x40, 0x41, 4] as const

function arithmetic(): X87Instruction[] {
  return ARITHMETIC.flatMap((op, group) => {
    const forms = [
      memory(`f${op} m32`, 0xd8, group, 4, false, (fpu) => fpu[`f${op}M32`]()),
      memory(`fi${op} m32`, 0xda, group, 4, false, (fpu) => fpu[`fi${op}M32`]()),
      memory(`f${op} m64`, 0xdc, group, 8, false, (fpu) => fpu[`f${op}M64`]()),
      memory(`fi${op} m16`, 0xde, group, 2, false, (fpu) => fpu[`fi${op}M16`]()),
    ]
    for (let i = 0; i < 8; i++) {
      forms.push(register(`f${op} st,st${i}`, 0xd8, 0xc0 | (group << 3) | i, (fpu) => fpu[`f${op}`](i)))
      if (op === 'com' || op === 'comp') continue
      // In the forms with ST(i) as destination, SUB and SUBR, DIV and DIVR have changed places.
      const place = group < 4 ? group : group ^ 1
      const modrm = 0xc0 | (place << 3) | i
      forms.push(register(`f${op} st${i},st`, 0xdc, modrm, (fpu) => fpu[`f${op}To`](i)))
      forms.push(register(`f${op}p st${i},st`, 0xde, modrm, (fpu) => fpu[`f${op}Pop`](i)))
    }
    return forms
  })
}

function onStack(i: number): X87Instruction[] {
  const conditional = CONDITIONS.flatMap((mask, n) => [
    register(`fcmov${n} st${i}`, 0xda, 0xc0 | (n << 3) | i, (fpu, flags) => fpu.fcmov(i, flags & mask)),
    register(`fcmovn${n} st${i}`, 0xdb, 0xc0 | (n << 3) | i, (fpu, flags) => fpu.fcmov(i, flags & mask ? 0 : 1)),
  ])
  return [
    ...conditional,
    register(`fld st${i}`, 0xd9, 0xc0 | i, (fpu) => fpu.fld(i)),
    register(`fxch st${i}`, 0xd9, 0xc8 | i, (fpu) => fpu.fxch(i)),
    register(`ffree st${i}`, 0xdd, 0xc0 | i, (fpu) => fpu.ffree(i)),
    register(`fst st${i}`, 0xdd, 0xd0 | i, (fpu) => fpu.fst(i)),
    register(`fstp st${i}`, 0xdd, 0xd8 | i, (fpu) => fpu.fstp(i)),
    register(`fucom st${i}`, 0xdd, 0xe0 | i, (fpu) => fpu.fucom(i)),
    register(`fucomp st${i}`, 0xdd, 0xe8 | i, (fpu) => fpu.fucomp(i)),
    register(`ffreep st${i}`, 0xdf, 0xc0 | i, (fpu) => fpu.ffreep(i)),
    register(`fucomi st${i}`, 0xdb, 0xe8 | i, (fpu) => fpu.fucomi(i)),
    register(`fcomi st${i}`, 0xdb, 0xf0 | i, (fpu) => fpu.fcomi(i)),
    register(`fucomip st${i}`, 0xdf, 0xe8 | i, (fpu) => fpu.fucomip(i)),
    register(`fcomip st${i}`, 0xdf, 0xf0 | i, (fpu) => fpu.fcomip(i)),
  ]
}

const MEMORY_FORMS: X87Instruction[] = [
  memory('fld m32', 0xd9, 0, 4, false, (fpu) => fpu.fldM32()),
  memory('fst m32', 0xd9, 2, 4, true, (fpu) => fpu.fstM32()),
  memory('fstp m32', 0xd9, 3, 4, true, (fpu) => fpu.fstpM32()),
  memory('fldcw', 0xd9, 5, 2, false, (fpu) => fpu.fldcw()),
  memory('fild m32', 0xdb, 0, 4, false, (fpu) => fpu.fildM32()),
  memory('fisttp m32', 0xdb, 1, 4, true, (fpu) => fpu.fisttpM32()),
  memory('fist m32', 0xdb, 2, 4, true, (fpu) => fpu.fistM32()),
  memory('fistp m32', 0xdb, 3, 4, true, (fpu) => fpu.fistpM32()),
  memory('fld m80', 0xdb, 5, 10, false, (fpu) => fpu.fldM80()),
  memory('fstp m80', 0xdb, 7, 10, true, (fpu) => fpu.fstpM80()),
  memory('fld m64', 0xdd, 0, 8, false, (fpu) => fpu.fldM64()),
  memory('fisttp m64', 0xdd, 1, 8, true, (fpu) => fpu.fisttpM64()),
  memory('fst m64', 0xdd, 2, 8, true, (fpu) => fpu.fstM64()),
  memory('fstp m64', 0xdd, 3, 8, true, (fpu) => fpu.fstpM64()),
  memory('fild m16', 0xdf, 0, 2, false, (fpu) => fpu.fildM16()),
  memory('fisttp m16', 0xdf, 1, 2, true, (fpu) => fpu.fisttpM16()),
  memory('fist m16', 0xdf, 2, 2, true, (fpu) => fpu.fistM16()),
  memory('fistp m16', 0xdf, 3, 2, true, (fpu) => fpu.fistpM16()),
  memory('fbld', 0xdf, 4, 10, false, (fpu) => fpu.fbld()),
  memory('fild m64', 0xdf, 5, 8, false, (fpu) => fpu.fildM64()),
  memory('fbstp', 0xdf, 6, 10, true, (fpu) => fpu.fbstp()),
  memory('fistp m64', 0xdf, 7, 8, true, (fpu) => fpu.fistpM64()),
]

/** Images of the state, in the formats of protected mode. */
const IMAGE_FORMS: X87Instruction[] = ([0, 0x66] as const).flatMap((prefix) => {
  const format = prefix === 0 ? 3 : 1
  const environment = prefix === 0 ? 28 : 14
  const pointers = prefix === 0 ? ([12, 28] as const) : ([6, 14] as const)
  const forms = [
    memory('fldenv', 0xd9, 4, environment, false, (fpu) => fpu.fldenv(format)),
    memory('fnstenv', 0xd9, 6, environment, true, (fpu) => fpu.fnstenv(format)),
    memory('frstor', 0xdd, 4, environment + 80, false, (fpu) => fpu.frstor(format)),
    memory('fnsave', 0xdd, 6, environment + 80, true, (fpu) => fpu.fnsave(format)),
  ]
  return forms.map((form) => ({ ...form, name: `${form.name}${prefix === 0 ? '' : ' 16-bit'}`, prefix, pointers }))
})

const PLAIN_FORMS: X87Instruction[] = [
  register('fchs', 0xd9, 0xe0, (fpu) => fpu.fchs()),
  register('fabs', 0xd9, 0xe1, (fpu) => fpu.fabs()),
  register('ftst', 0xd9, 0xe4, (fpu) => fpu.ftst()),
  register('fxam', 0xd9, 0xe5, (fpu) => fpu.fxam()),
  ...[0, 1, 2, 3, 4, 5, 6].map((n) => register(`fldconst${n}`, 0xd9, 0xe8 + n, (fpu) => fpu.fldConstant(n))),
  register('fxtract', 0xd9, 0xf4, (fpu) => fpu.fxtract()),
  register('fprem1', 0xd9, 0xf5, (fpu) => fpu.fprem1()),
  register('fdecstp', 0xd9, 0xf6, (fpu) => fpu.fdecstp()),
  register('fincstp', 0xd9, 0xf7, (fpu) => fpu.fincstp()),
  register('fprem', 0xd9, 0xf8, (fpu) => fpu.fprem()),
  register('fsqrt', 0xd9, 0xfa, (fpu) => fpu.fsqrt()),
  register('frndint', 0xd9, 0xfc, (fpu) => fpu.frndint()),
  register('fscale', 0xd9, 0xfd, (fpu) => fpu.fscale()),
  register('fucompp', 0xda, 0xe9, (fpu) => fpu.fucompp()),
  register('fcompp', 0xde, 0xd9, (fpu) => fpu.fcompp()),
  register('fnclex', 0xdb, 0xe2, (fpu) => fpu.fnclex()),
  register('fninit', 0xdb, 0xe3, (fpu) => fpu.fninit()),
]

/** Everything whose outcome is defined to the last bit. */
export const EXACT_INSTRUCTIONS: readonly X87Instruction[] = [
  ...arithmetic(),
  ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap(onStack),
  ...MEMORY_FORMS,
  ...IMAGE_FORMS,
  ...PLAIN_FORMS,
]

/** Those whose last bit differs between processors. */
export const TRANSCENDENTAL_INSTRUCTIONS: readonly X87Instruction[] = [
  register('f2xm1', 0xd9, 0xf0, (fpu) => fpu.f2xm1()),
  register('fyl2x', 0xd9, 0xf1, (fpu) => fpu.fyl2x()),
  register('fptan', 0xd9, 0xf2, (fpu) => fpu.fptan()),
  register('fpatan', 0xd9, 0xf3, (fpu) => fpu.fpatan()),
  register('fyl2xp1', 0xd9, 0xf9, (fpu) => fpu.fyl2xp1()),
  register('fsincos', 0xd9, 0xfb, (fpu) => fpu.fsincos()),
  register('fsin', 0xd9, 0xfe, (fpu) => fpu.fsin()),
  register('fcos', 0xd9, 0xff, (fpu) => fpu.fcos()),
]

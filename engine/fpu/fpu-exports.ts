/** An instruction without operand. Returns 0, or what forbade its result (see FpuExports). */
type Plain = () => number
/** An instruction on ST(i), i from 0 to 7. */
type OnStack = (i: number) => number

type Arithmetic = 'add' | 'mul' | 'sub' | 'subr' | 'div' | 'divr'

/** ST(0) = ST(0) op ST(i); `…To`: ST(i) = ST(i) op ST(0) in the datasheet's sense of SUB and SUBR; `…Pop` pops. */
type ArithmeticOnStack = Record<`f${Arithmetic}${'' | 'To' | 'Pop'}`, OnStack>
type ArithmeticOnMemory = Record<`f${Arithmetic}${'M32' | 'M64'}` | `fi${Arithmetic}${'M16' | 'M32'}`, Plain>

type Comparison = Record<
  'fcom' | 'fcomp' | 'fucom' | 'fucomp' | 'fcomi' | 'fcomip' | 'fucomi' | 'fucomip',
  OnStack
> &
  Record<'fcompp' | 'fucompp' | 'ftst' | 'fxam' | `f${'com' | 'comp'}${'M32' | 'M64'}`, Plain> &
  Record<`fi${'com' | 'comp'}${'M16' | 'M32'}`, Plain>

type Transfer = Record<`fld${'M32' | 'M64' | 'M80'}` | `fild${'M16' | 'M32' | 'M64'}` | 'fbld', Plain> &
  Record<`f${'st' | 'stp'}${'M32' | 'M64'}` | 'fstpM80' | `fist${'M16' | 'M32'}`, Plain> &
  Record<`fi${'stp' | 'sttp'}${'M16' | 'M32' | 'M64'}` | 'fbstp', Plain> &
  Record<'fld' | 'fst' | 'fstp' | 'fxch' | 'ffree' | 'ffreep', OnStack>

type OneOperand = Record<
  'fsqrt' | 'fabs' | 'fchs' | 'fprem' | 'fprem1' | 'frndint' | 'fscale' | 'fxtract' | 'fincstp' | 'fdecstp',
  Plain
>

type Transcendental = Record<
  'fsin' | 'fcos' | 'fsincos' | 'fptan' | 'fpatan' | 'f2xm1' | 'fyl2x' | 'fyl2xp1',
  Plain
>

/**
 * Functions on values in hand, for translated code: see assembly/values.ts. They take numbers as significand, and sign
 * and exponent, or as the bytes of a memory operand.
 */
type OnValues = (...values: (bigint | number)[]) => bigint | number
type Values = Record<
  | `${Arithmetic}${'Real' | 'Single' | 'Double' | 'Integer'}`
  | `compare${'Real' | 'Quiet' | 'Single' | 'Double' | 'Integer'}`
  | `${'load' | 'store'}${'Single' | 'Double'}`
  | `storeInteger${16 | 32 | 64}`
  | 'loadInteger'
  | 'sqrtReal',
  OnValues
>

/** Format: 0 16-bit real, 1 16-bit protected, 2 32-bit real, 3 32-bit protected mode. */
type Images = Record<
  'fnstenv' | 'fldenv' | 'fnsave' | 'frstor' | 'environmentImage' | 'stateImage',
  (format: number) => number
>

/** Addresses of the destination, which is the first operand too, and of the source. */
type OnVectors = (to: number, from: number) => number
type Suffix = 'ps' | 'ss' | 'pd' | 'sd'

/**
 * SSE: the source may be a copy of a memory operand at FPU_SCRATCH. Each returns 0, or the unmasked exceptions:
 * #XM is due, and the destination is as it was.
 */
type VectorArithmetic = Record<
  `${'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'sqrt'}${Suffix}`,
  OnVectors
>
type VectorComparison = Record<`cmp${Suffix}`, (to: number, from: number, predicate: number) => number> &
  /** ZF (40h), PF (04h) and CF (01h), the others being cleared; -1 for #XM. */
  Record<`${'' | 'u'}comis${'s' | 'd'}`, OnVectors>
type VectorConversion = Record<
  | `cvt${'ps2pd' | 'pd2ps' | 'ss2sd' | 'sd2ss' | 'dq2ps' | 'dq2pd' | 'pi2ps' | 'pi2pd'}`
  | `cvt${'' | 't'}${'ps2dq' | 'pd2dq' | 'ps2pi' | 'pd2pi'}`,
  OnVectors
> &
  /** The integer is left at FPU_SCRATCH. */
  Record<`cvt${'' | 't'}${'ss2si' | 'sd2si'}`, (from: number) => number> &
  Record<'cvtsi2ss' | 'cvtsi2sd', (to: number, value: number) => number>
type VectorApproximation = Record<`${'rcp' | 'rsqrt'}${'ps' | 'ss'}`, OnVectors>
/** None of these raises anything. */
type Shuffle = Record<
  'pshufw' | 'pshuflw' | 'pshufhw' | 'pshufd' | 'shufps' | 'shufpd',
  (to: number, from: number, order: number) => number
> &
  Record<'pslldq' | 'psrldq', (to: number, bytes: number) => number> &
  Record<'psadbw', OnVectors>

/**
 * What the FPU module offers: one function per meaning, the register stack's logic inside.
 *
 * Memory operands: the caller puts their bytes at State.FPU_SCRATCH before the call, or takes them from there
 * after it. Unless said otherwise a function returns 0, or nonzero when an unmasked exception forbade the
 * result: nothing was popped and nothing may be stored. The exception itself is for the next waiting
 * instruction, which asks `pending`; the bits of x87, MMX and WAIT in State.FPU_TRAP are set for that.
 */
export interface FpuExports
  extends
    ArithmeticOnStack,
    ArithmeticOnMemory,
    Comparison,
    Transfer,
    OneOperand,
    Transcendental,
    Values,
    Images,
    VectorArithmetic,
    VectorComparison,
    VectorConversion,
    VectorApproximation,
    Shuffle {
  /** 1 when an unmasked x87 exception waits: #MF, or FERR# and IRQ 13 where CR0.NE is 0. */
  pending(): number
  /** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ as 0 to 6. */
  fldConstant(which: number): number
  /** FCMOVcc, its condition holding when `taken` is not 0. */
  fcmov(i: number, taken: number): number
  /** Control word from FPU_SCRATCH. */
  fldcw: Plain
  fnclex: Plain
  fninit: Plain
  /** The first 288 bytes of the image. */
  fxsave: Plain
  /** Returns 1, changing nothing, when the image's MXCSR calls for #GP(0). */
  fxrstor: Plain
  /** What FNSTENV does to the state, after `environmentImage`; FNSAVE is `stateImage` and `fninit`. */
  maskExceptions: Plain
  mmxEnter: Plain
  emms: Plain
  /** The exact tag word, and its opposite, which takes any. State.FPU_TAG itself only tells empty (3) from full. */
  tagWord(): number
  setTagWord(tags: number): void
}

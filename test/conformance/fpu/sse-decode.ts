import { State } from '../../../engine/isa/state.ts'
import type { FpuExports } from '../../../engine/fpu/fpu.ts'

/** XMM1, XMM2, MM1, MM2: what the tests work on. */
export const XMM1 = State.XMM + 16
export const XMM2 = State.XMM + 32
export const MM1 = State.FPU + 16
export const MM2 = State.FPU + 32

/** What an operand holds, so that values are chosen to matter. */
export type Lanes = 'single' | 'double' | 'integer'

export interface SseInstruction {
  readonly name: string
  readonly code: readonly number[]
  readonly lanes: Lanes
  /** Where the result goes. */
  readonly to: 'xmm' | 'mm' | 'eax' | 'flags'
  run(fpu: FpuExports, ecx: number): number
}

/** Prefixes of the ps, ss, pd and sd forms. */
const PREFIX = { ps: [], ss: [0xf3], pd: [0x66], sd: [0xf2] } as const
const SUFFIXES = ['ps', 'ss', 'pd', 'sd'] as const
const ARITHMETIC = { sqrt: 0x51, add: 0x58, mul: 0x59, sub: 0x5c, min: 0x5d, div: 0x5e, max: 0x5f } as const

/** ModRM of a register form: XMM1 or EAX (0) with XMM2 or ECX (1). */
const modrm = (to: number, from: number): number => 0xc0 | (to << 3) | from

function arithmetic(): SseInstruction[] {
  return (Object.keys(ARITHMETIC) as (keyof typeof ARITHMETIC)[]).flatMap((op) =>
    SUFFIXES.map((suffix): SseInstruction => {
      const lanes = suffix.endsWith('s') ? 'single' : 'double'
      const code = [...PREFIX[suffix], 0x0f, ARITHMETIC[op], modrm(1, 2)]
      return { name: op + suffix, code, lanes, to: 'xmm', run: (fpu) => fpu[`${op}${suffix}`](XMM1, XMM2) }
    }),
  )
}

function comparisons(): SseInstruction[] {
  return SUFFIXES.flatMap((suffix) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((predicate): SseInstruction => {
      const lanes = suffix.endsWith('s') ? 'single' : 'double'
      const code = [...PREFIX[suffix], 0x0f, 0xc2, modrm(1, 2), predicate]
      const run = (fpu: FpuExports): number => fpu[`cmp${suffix}`](XMM1, XMM2, predicate)
      return { name: `cmp${predicate}${suffix}`, code, lanes, to: 'xmm', run }
    }),
  )
}

const form = (
  name: string,
  code: readonly number[],
  lanes: Lanes,
  to: SseInstruction['to'],
  run: SseInstruction['run'],
): SseInstruction => ({ name, code, lanes, to, run })

const OTHERS: SseInstruction[] = [
  form('ucomiss', [0x0f, 0x2e, modrm(1, 2)], 'single', 'flags', (fpu) => fpu.ucomiss(XMM1, XMM2)),
  form('comiss', [0x0f, 0x2f, modrm(1, 2)], 'single', 'flags', (fpu) => fpu.comiss(XMM1, XMM2)),
  form('ucomisd', [0x66, 0x0f, 0x2e, modrm(1, 2)], 'double', 'flags', (fpu) => fpu.ucomisd(XMM1, XMM2)),
  form('comisd', [0x66, 0x0f, 0x2f, modrm(1, 2)], 'double', 'flags', (fpu) => fpu.comisd(XMM1, XMM2)),
  form('cvtps2pd', [0x0f, 0x5a, modrm(1, 2)], 'single', 'xmm', (fpu) => fpu.cvtps2pd(XMM1, XMM2)),
  form('cvtss2sd', [0xf3, 0x0f, 0x5a, modrm(1, 2)], 'single', 'xmm', (fpu) => fpu.cvtss2sd(XMM1, XMM2)),
  form('cvtpd2ps', [0x66, 0x0f, 0x5a, modrm(1, 2)], 'double', 'xmm', (fpu) => fpu.cvtpd2ps(XMM1, XMM2)),
  form('cvtsd2ss', [0xf2, 0x0f, 0x5a, modrm(1, 2)], 'double', 'xmm', (fpu) => fpu.cvtsd2ss(XMM1, XMM2)),
  form('cvtdq2ps', [0x0f, 0x5b, modrm(1, 2)], 'integer', 'xmm', (fpu) => fpu.cvtdq2ps(XMM1, XMM2)),
  form('cvtps2dq', [0x66, 0x0f, 0x5b, modrm(1, 2)], 'single', 'xmm', (fpu) => fpu.cvtps2dq(XMM1, XMM2)),
  form('cvttps2dq', [0xf3, 0x0f, 0x5b, modrm(1, 2)], 'single', 'xmm', (fpu) => fpu.cvttps2dq(XMM1, XMM2)),
  form('cvtdq2pd', [0xf3, 0x0f, 0xe6, modrm(1, 2)], 'integer', 'xmm', (fpu) => fpu.cvtdq2pd(XMM1, XMM2)),
  form('cvtpd2dq', [0xf2, 0x0f, 0xe6, modrm(1, 2)], 'double', 'xmm', (fpu) => fpu.cvtpd2dq(XMM1, XMM2)),
  form('cvttpd2dq', [0x66, 0x0f, 0xe6, modrm(1, 2)], 'double', 'xmm', (fpu) => fpu.cvttpd2dq(XMM1, XMM2)),
  form('cvtps2pi', [0x0f, 0x2d, modrm(1, 2)], 'single', 'mm', (fpu) => fpu.cvtps2pi(MM1, XMM2)),
  form('cvttps2pi', [0x0f, 0x2c, modrm(1, 2)], 'single', 'mm', (fpu) => fpu.cvttps2pi(MM1, XMM2)),
  form('cvtpd2pi', [0x66, 0x0f, 0x2d, modrm(1, 2)], 'double', 'mm', (fpu) => fpu.cvtpd2pi(MM1, XMM2)),
  form('cvttpd2pi', [0x66, 0x0f, 0x2c, modrm(1, 2)], 'double', 'mm', (fpu) => fpu.cvttpd2pi(MM1, XMM2)),
  form('cvtpi2ps', [0x0f, 0x2a, modrm(1, 2)], 'integer', 'xmm', (fpu) => fpu.cvtpi2ps(XMM1, MM2)),
  form('cvtpi2pd', [0x66, 0x0f, 0x2a, modrm(1, 2)], 'integer', 'xmm', (fpu) => fpu.cvtpi2pd(XMM1, MM2)),
  form('cvtss2si', [0xf3, 0x0f, 0x2d, modrm(0, 2)], 'single', 'eax', (fpu) => fpu.cvtss2si(XMM2)),
  form('cvttss2si', [0xf3, 0x0f, 0x2c, modrm(0, 2)], 'single', 'eax', (fpu) => fpu.cvttss2si(XMM2)),
  form('cvtsd2si', [0xf2, 0x0f, 0x2d, modrm(0, 2)], 'double', 'eax', (fpu) => fpu.cvtsd2si(XMM2)),
  form('cvttsd2si', [0xf2, 0x0f, 0x2c, modrm(0, 2)], 'double', 'eax', (fpu) => fpu.cvttsd2si(XMM2)),
  form('cvtsi2ss', [0xf3, 0x0f, 0x2a, modrm(1, 1)], 'integer', 'xmm', (fpu, ecx) => fpu.cvtsi2ss(XMM1, ecx)),
  form('cvtsi2sd', [0xf2, 0x0f, 0x2a, modrm(1, 1)], 'integer', 'xmm', (fpu, ecx) => fpu.cvtsi2sd(XMM1, ecx)),
]

export const SSE_INSTRUCTIONS: readonly SseInstruction[] = [...arithmetic(), ...comparisons(), ...OTHERS]

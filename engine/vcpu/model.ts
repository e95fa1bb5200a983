import type { Feature } from '../isa/description.ts'

export type CpuModelName = '8086' | '286' | '386' | '486' | 'pentium' | 'pentium2' | 'pentium3' | 'max'

/** What a processor has and what it says of itself. */
export interface CpuModel {
  name: CpuModelName
  features: ReadonlySet<Feature>
  /** CPUID leaf 1 EAX: type, family, model, stepping. */
  signature: number
  /** CPUID leaf 1 EDX. */
  featureBits: number
  /** Highest basic leaf. */
  maxLeaf: number
  brand: string
  /** EFLAGS bits that can be changed, beyond those of the 386. */
  hasAlignmentCheck: boolean
  /** CR4 bits that exist. */
  cr4Mask: number
  noExecute: boolean
  /** Physical memory that it can address, as far as this machine has any. */
  mostMemoryMiB: number
  /** Bytes that it fetches ahead and keeps when paging is switched; 0 where that makes it fetch anew. */
  prefetchBytes: number
}

const MAX_MIB = 4096

const I8086: Feature[] = ['8086', 'fpu']
const I286: Feature[] = [...I8086, '186', '286']
const BASE: Feature[] = [...I286, '386']
const I486: Feature[] = [...BASE, '486', 'cpuid']
const PENTIUM: Feature[] = [...I486, 'tsc', 'msr', 'cx8', 'mmx']
const PENTIUM2: Feature[] = [...PENTIUM, 'cmov', 'sep', 'p6', 'pmc', 'fxsr']
const PENTIUM3: Feature[] = [...PENTIUM2, 'sse']
const MAX: Feature[] = [...PENTIUM3, 'sse2']

/** CPUID leaf 1 EDX bits (SDM vol. 2, table 3-11). */
const EDX = {
  FPU: 1,
  VME: 2,
  DE: 4,
  PSE: 8,
  TSC: 0x10,
  MSR: 0x20,
  PAE: 0x40,
  MCE: 0x80,
  CX8: 0x100,
  APIC: 0x200,
  SEP: 0x800,
  MTRR: 0x1000,
  PGE: 0x2000,
  MCA: 0x4000,
  CMOV: 0x8000,
  PAT: 0x10000,
  PSE36: 0x20000,
  CLFSH: 0x80000,
  MMX: 0x800000,
  FXSR: 0x1000000,
  SSE: 0x2000000,
  SSE2: 0x4000000,
} as const
const P5 = EDX.FPU | EDX.VME | EDX.DE | EDX.PSE | EDX.TSC | EDX.MSR | EDX.MCE | EDX.CX8 | EDX.APIC | EDX.MMX
const P6 = P5 | EDX.PAE | EDX.SEP | EDX.MTRR | EDX.PGE | EDX.MCA | EDX.CMOV | EDX.PAT | EDX.PSE36 | EDX.FXSR

const CR4_P5 = 0x5f
const CR4_P6 = 0x3ff

/** What the processors before CPUID have in common. */
const PLAIN = {
  featureBits: 0,
  maxLeaf: 0,
  brand: '',
  hasAlignmentCheck: false,
  cr4Mask: 0,
  noExecute: false,
  mostMemoryMiB: MAX_MIB,
}

export const CPU_MODELS: Record<CpuModelName, CpuModel> = {
  '8086': {
    ...PLAIN,
    name: '8086',
    features: new Set([...I8086, 'only-8086']),
    signature: 0,
    mostMemoryMiB: 1,
    prefetchBytes: 0,
  },
  '286': {
    ...PLAIN,
    name: '286',
    features: new Set([...I286, 'only-286']),
    signature: 0,
    mostMemoryMiB: 16,
    prefetchBytes: 0,
  },
  '386': {
    ...PLAIN,
    name: '386',
    features: new Set([...BASE, 'test-registers']),
    signature: 0x308,
    prefetchBytes: 16,
  },
  '486': {
    name: '486',
    features: new Set([...I486, 'test-registers']),
    signature: 0x480,
    featureBits: EDX.FPU | EDX.VME | EDX.PSE,
    maxLeaf: 1,
    brand: '',
    hasAlignmentCheck: true,
    cr4Mask: 0x13,
    noExecute: false,
    mostMemoryMiB: MAX_MIB,
    prefetchBytes: 32,
  },
  pentium: {
    name: 'pentium',
    features: new Set(PENTIUM),
    signature: 0x543,
    featureBits: P5,
    maxLeaf: 1,
    brand: '',
    hasAlignmentCheck: true,
    cr4Mask: CR4_P5,
    noExecute: false,
    mostMemoryMiB: MAX_MIB,
    prefetchBytes: 0,
  },
  pentium2: {
    name: 'pentium2',
    features: new Set(PENTIUM2),
    signature: 0x652,
    featureBits: P6,
    maxLeaf: 2,
    brand: '',
    hasAlignmentCheck: true,
    cr4Mask: CR4_P6,
    noExecute: false,
    mostMemoryMiB: MAX_MIB,
    prefetchBytes: 0,
  },
  pentium3: {
    name: 'pentium3',
    features: new Set(PENTIUM3),
    signature: 0x673,
    featureBits: P6 | EDX.SSE,
    maxLeaf: 3,
    brand: '',
    hasAlignmentCheck: true,
    cr4Mask: 0x7ff,
    noExecute: false,
    mostMemoryMiB: MAX_MIB,
    prefetchBytes: 0,
  },
  max: {
    name: 'max',
    features: new Set(MAX),
    signature: 0x6d8,
    featureBits: P6 | EDX.SSE | EDX.SSE2 | EDX.CLFSH,
    maxLeaf: 3,
    brand: 'Vitrine Virtual CPU',
    hasAlignmentCheck: true,
    cr4Mask: 0x7ff,
    noExecute: true,
    mostMemoryMiB: MAX_MIB,
    prefetchBytes: 0,
  },
}

const VENDOR = [0x756e6547, 0x49656e69, 0x6c65746e] // GenuineIntel: EBX, EDX, ECX
/** Cache and TLB descriptors; Windows XP spins at boot when a P6 gives none. */
const LEAF2 = [0x03020101, 0, 0, 0x0c040843]

/** CPUID (SDM vol. 2): EAX, EBX, ECX, EDX. `leafLimit` hides higher basic leaves, which NT 4 needs. */
export function cpuid(
  model: CpuModel,
  leaf: number,
  leafLimit: number,
  apicEnabled: boolean,
): [number, number, number, number] {
  const max = Math.min(model.maxLeaf, leafLimit)
  leaf >>>= 0
  if (leaf >= 0x80000000 && model.brand !== '') {
    if (leaf === 0x80000000) return [0x80000004 | 0, 0, 0, 0]
    if (leaf === 0x80000001) return [0, 0, 0, model.noExecute ? 1 << 20 : 0]
    if (leaf <= 0x80000004) return brandWords(model.brand, leaf - 0x80000002)
  }
  if (leaf > max) leaf = max
  switch (leaf) {
    case 0:
      return [max, VENDOR[0]!, VENDOR[2]!, VENDOR[1]!]
    case 1:
      // EBX: CLFLUSH line of 64 bytes, one logical processor, APIC id 0.
      return [
        model.signature,
        model.featureBits & EDX.CLFSH ? 0x00010800 : 0,
        0,
        apicEnabled ? model.featureBits : model.featureBits & ~EDX.APIC,
      ]
    case 2:
      return [LEAF2[0]!, LEAF2[1]!, LEAF2[2]!, LEAF2[3]!]
    default:
      return [0, 0, 0, 0]
  }
}

function brandWords(brand: string, part: number): [number, number, number, number] {
  const text = brand.padEnd(48, '\0')
  const word = (i: number): number => {
    const at = part * 16 + i * 4
    return (
      text.charCodeAt(at) |
      (text.charCodeAt(at + 1) << 8) |
      (text.charCodeAt(at + 2) << 16) |
      (text.charCodeAt(at + 3) << 24)
    )
  }
  return [word(0), word(1), word(2), word(3)]
}

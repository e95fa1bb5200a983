import { generalProtection } from './fault.ts'
import type { CpuModel } from './model.ts'

/** A 64-bit register as two unsigned words. */
export interface Wide {
  low: number
  high: number
}

/** What the time-stamp counter and the APIC base belong to. */
export interface MsrHost {
  readTimeStamp(): Wide
  writeTimeStamp(value: Wide): void
  /** IA32_APIC_BASE as low word; undefined when there is no local APIC. */
  apicBase: number | undefined
  setNoExecute(enabled: boolean): void
  /** IA32_SYSENTER_CS, _ESP or _EIP, by number from the first, has this low word now. */
  setSysenter(register: number, value: number): void
}

const TSC = 0x10
const APIC_BASE = 0x1b
/** Reserved bits of its low word. The high word is the part of an address that leads out of this machine's 4 GiB. */
const APIC_BASE_RESERVED = 0x6ff
const EFER = 0xc0000080
const NXE = 0x800
const SYSENTER = 0x174
const SYSENTER_REGISTERS = 3

/** Registers that simply keep what is written, by number: what systems of the time read and write without asking. */
const PLAIN_P6 = [
  0x2a, 0x79, 0x8b, 0xc1, 0xc2, 0xfe, 0x119, 0x174, 0x175, 0x176, 0x179, 0x17a, 0x17b, 0x186, 0x187, 0x1d9,
  0x1db, 0x1dc, 0x1dd, 0x1de, 0x1e0, 0x277, 0x2ff,
]
const PLAIN_P5 = [0x0, 0x1, 0x2, 0x4, 0x5, 0xe, 0x11, 0x12, 0x13]
const READ_ONLY = new Set([0xfe, 0x179])
/** MTRRcap: eight variable ranges, fixed ranges, write combining. */
const INITIAL: Record<number, Wide> = {
  0xfe: { low: 0x508, high: 0 },
  0x277: { low: 0x00070406, high: 0x00070406 },
}

/** Memory types of ranges, and of the page attribute table, which has uncached with overriding on top (SDM vol. 3, 11.11 and 11.12). */
const RANGE_TYPES = new Set([0, 1, 4, 5, 6])
const PAGE_TYPES = new Set([...RANGE_TYPES, 7])
const PAT = 0x277
const DEFAULT_TYPE = 0x2ff
/** Its memory type, FE and E. */
const DEFAULT_TYPE_BITS = 0xcff
const FIRST_VARIABLE = 0x200
const VARIABLE_REGISTERS = 16
const FIXED = [0x250, 0x258, 0x259, ...span(0x268, 8)]
/** What addresses of 36 bits have in their high word. */
const ADDRESS_HIGH = 0xf

/** Whether a register of memory types can have a value; others can have any. */
function isPossible(index: number, { low, high }: Wide): boolean {
  const are = (types: ReadonlySet<number>): boolean =>
    [low, high].every((word) => [0, 8, 16, 24].every((shift) => types.has((word >>> shift) & 0xff)))
  if (index === PAT) return are(PAGE_TYPES)
  if (FIXED.includes(index)) return are(RANGE_TYPES)
  if (index === DEFAULT_TYPE) return !(low & ~DEFAULT_TYPE_BITS) && high === 0 && RANGE_TYPES.has(low & 0xff)
  if (index < FIRST_VARIABLE || index >= FIRST_VARIABLE + VARIABLE_REGISTERS) return true
  // A base has a type in its low byte, a mask its valid bit in bit 11; the rest below the page is reserved.
  const fits = index & 1 ? !(low & 0x7ff) : !(low & 0xf00) && RANGE_TYPES.has(low & 0xff)
  return fits && high <= ADDRESS_HIGH
}

/** Model-specific registers. Unknown ones fault, as silicon does. */
export class Msrs {
  #plain = new Map<number, Wide>()
  #noExecute = false

  constructor(
    private readonly model: CpuModel,
    private readonly host: MsrHost,
  ) {
    this.reset()
  }

  reset(): void {
    this.#plain.clear()
    this.#noExecute = false
    const numbers = this.model.features.has('p6') ? [...PLAIN_P6, ...PLAIN_P5.slice(0, 2)] : PLAIN_P5
    for (const index of numbers) this.#put(index, { ...(INITIAL[index] ?? { low: 0, high: 0 }) })
    if (!this.model.features.has('p6')) return
    // Memory type ranges, variable and fixed, and machine-check banks.
    const ranges = [...span(FIRST_VARIABLE, VARIABLE_REGISTERS), ...FIXED, ...span(0x400, 20)]
    for (const index of ranges) this.#plain.set(index, { low: 0, high: 0 })
  }

  read(index: number): Wide {
    index >>>= 0
    if (index === TSC) return this.host.readTimeStamp()
    if (index === APIC_BASE && this.host.apicBase !== undefined) return { low: this.host.apicBase, high: 0 }
    if (index === EFER && this.model.noExecute) return { low: this.#noExecute ? NXE : 0, high: 0 }
    const value = this.#plain.get(index)
    if (!value) throw generalProtection()
    return value
  }

  write(index: number, value: Wide): void {
    index >>>= 0
    if (index === TSC) return this.host.writeTimeStamp(value)
    if (index === APIC_BASE && this.host.apicBase !== undefined) {
      if (value.low & APIC_BASE_RESERVED || value.high) throw generalProtection()
      this.host.apicBase = value.low
      return
    }
    if (index === EFER && this.model.noExecute) {
      if (value.low & ~NXE || value.high) throw generalProtection()
      this.#noExecute = (value.low & NXE) !== 0
      return this.host.setNoExecute(this.#noExecute)
    }
    if (!this.#plain.has(index) || !isPossible(index, value)) throw generalProtection()
    if (!READ_ONLY.has(index)) this.#put(index, value)
  }

  #put(index: number, value: Wide): void {
    this.#plain.set(index, value)
    const register = index - SYSENTER
    if (register >= 0 && register < SYSENTER_REGISTERS) this.host.setSysenter(register, value.low)
  }

  save(): [number, number, number][] {
    const plain = [...this.#plain].map(([index, { low, high }]): [number, number, number] => [
      index,
      low,
      high,
    ])
    return [...plain, [EFER, this.#noExecute ? NXE : 0, 0]]
  }

  restore(saved: readonly (readonly [number, number, number])[]): void {
    this.reset()
    for (const [index, low, high] of saved) {
      if (index === EFER) {
        this.#noExecute = (low & NXE) !== 0
        this.host.setNoExecute(this.#noExecute)
      } else if (this.#plain.has(index)) this.#put(index, { low, high })
    }
  }
}

function span(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}

import { type CpuModel, cpuid } from '../vcpu/model.ts'
import type { CpuidEntry } from './virtual-cpu.ts'

const EXTENDED = 0x80000000

/** What CPUID is to say, as a table: the model's answers, leaf by leaf. */
export function cpuidTable(model: CpuModel, leafLimit: number, apicPresent: boolean): CpuidEntry[] {
  const ask = (leaf: number): CpuidEntry => ({
    leaf,
    values: cpuid(model, leaf, leafLimit, apicPresent).map(
      (word) => word >>> 0,
    ) as unknown as CpuidEntry['values'],
  })
  const basic = ask(0)
  const table = [basic]
  for (let leaf = 1; leaf <= basic.values[0]; leaf++) table.push(ask(leaf))
  const extended = ask(EXTENDED)
  // A model without extended leaves answers with its highest basic one.
  if (extended.values[0] >= EXTENDED)
    for (let leaf = EXTENDED; leaf <= extended.values[0]; leaf++) table.push(ask(leaf))
  return table
}

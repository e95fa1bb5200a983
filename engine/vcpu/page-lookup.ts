import { State } from '../isa/state.ts'
import { CR0, CR4, type CpuState } from './cpu-state.ts'

const PRESENT = 1
const LARGE = 0x80

/**
 * Physical address that a linear one has at present, or null where no page is. For onlookers: rights are not
 * checked, nothing is marked accessed, and nothing faults (SDM vol. 3, 4.3 and 4.4).
 * @param pdpt the four page-directory pointers, low words
 * @param read a word of physical memory
 */
export function lookUpPage(
  state: CpuState,
  pdpt: readonly number[],
  read: (physical: number) => number,
  linear: number,
): number | null {
  if (!(state.cr0 & CR0.PG)) return linear >>> 0
  const wide = (state.cr4 & CR4.PAE) !== 0
  const pointer = wide ? pdpt[linear >>> 30]! : state.word(State.CR3) | PRESENT
  if (!(pointer & PRESENT)) return null
  const directory = read(
    ((pointer & ~0xfff) | (wide ? (linear >>> 18) & 0xff8 : (linear >>> 20) & 0xffc)) >>> 0,
  )
  if (!(directory & PRESENT)) return null
  if (directory & LARGE && (wide || state.cr4 & CR4.PSE)) {
    const within = wide ? 0x1fffff : 0x3fffff
    return ((directory & ~within) | (linear & within)) >>> 0
  }
  const entry = read(((directory & ~0xfff) | (wide ? (linear >>> 9) & 0xff8 : (linear >>> 10) & 0xffc)) >>> 0)
  return entry & PRESENT ? ((entry & ~0xfff) | (linear & 0xfff)) >>> 0 : null
}

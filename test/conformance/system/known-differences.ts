import { ARITHMETIC, TF, VIF, VIP, VM } from '../../../engine/isa/flags.ts'
import type { SystemCase } from './system-case.ts'
import { FIELDS, type Report } from './harness.ts'
import { PADS, SEL } from './layout.ts'

/*
 * What QEMU does otherwise than the manual says, as far as cases cannot be made to keep clear of it. The whole
 * list is in docs/conformance.md.
 */

/** What the task of the double fault reports. */
const DOUBLE_FAULT = 0x48

const field = ({ words }: Report, name: string): number => words[FIELDS.indexOf(name)]!
const virtualFlags = (report: Report): number => field(report, 'eflags') & (VIF | VIP)

/** True when a case has left VIF or VIP set, which QEMU cannot get rid of before the next. */
export const leavesVirtualFlags = (report: Report): boolean => virtualFlags(report) !== 0

/** True when a case is not to be compared. */
export function isExcused(test: SystemCase, ours: Report, theirs: Report): boolean {
  const vector = field(ours, 'vector')
  // IRET with VM in its image enters virtual-8086 mode from level 0 only.
  const eip = field(ours, 'eip') & 0xfff
  const outer = (field(ours, 'cs') & 3) !== 0
  if (vector === 13 && outer && (eip === PADS.iret || eip === PADS.iretWide)) return true
  // A fault while the new task's segments are loaded belongs to it, and so does the EIP that is saved.
  const tr = field(ours, 'tr')
  if (tr !== test.task && tr < SEL.handlerTask && vector >= 10 && vector <= 14) return true
  // The stack of such a task is not loaded yet, which makes a double fault; QEMU looks at no stack's limit.
  if (vector === DOUBLE_FAULT && field(theirs, 'vector') === 10) return true
  // Gates lead from virtual-8086 mode to level 0 alone; there to others as well.
  const theirLevel = field(theirs, 'cs') & 3
  const fromVirtual = test.mode === 'v86' && (field(theirs, 'eflags') & VM) === 0
  if (vector === 13 && fromVirtual && (theirLevel === 1 || theirLevel === 2)) return true
  // A store that a breakpoint and the trap flag stop makes two debug exceptions there, one within the other.
  if (vector === 1 && test.eflags & TF && test.debug[4]! & 0xff) return true
  return virtualFlags(theirs) !== virtualFlags(ours)
}

/** True when the sums of the descriptors' page differ in one bit: an accessed bit that a task switch has set. */
function isAccessedBit(name: string, test: SystemCase, ours: Report, a: number, b: number): boolean {
  const difference = Math.abs((a - b) | 0)
  return name === 'page 10' && field(ours, 'tr') !== test.task && (difference & (difference - 1)) === 0
}

const REGISTERS = new Set(['edi', 'esi', 'ebp', 'esp', 'ebx', 'edx', 'ecx', 'eax', 'frame', 'eip'])

/** Bits of a word of a report that count. */
function comparedBits(name: string, test: SystemCase, ours: Report): number {
  // QEMU sets the accessed bit of PAE's page-directory pointers, which do not have one.
  if (name === 'case' || name === 'page 18') return 0
  // Where the handler's own task pushes, among others, flags that QEMU has made up.
  if (name === 'page 1b') return 0
  // Bits of breakpoints that are off may be set or not.
  if (name === 'dr6') {
    const control = field(ours, 'dr7')
    return [0, 1, 2, 3].reduce((mask, i) => (control & (3 << (2 * i)) ? mask : mask & ~(1 << i)), -1)
  }
  const tr = field(ours, 'tr')
  // The flags are lost in a task switch, and with them what the new task pushes.
  if (tr !== test.task && (tr === SEL.wideTask || tr === SEL.narrowTask)) {
    if (name === 'page 14') return 0
    if (name === 'eflags') return ~ARITHMETIC
    // The upper halves of registers from a 16-bit task-state segment: ones here, what they were there.
    if (tr === SEL.narrowTask && REGISTERS.has(name)) return 0xffff
  }
  return -1
}

const hex = (n: number): string => (n >>> 0).toString(16)

/** What differs, in words. */
export function differences(test: SystemCase, ours: Report, theirs: Report): string[] {
  return FIELDS.flatMap((name, i) => {
    const [a, b] = [ours.words[i]!, theirs.words[i]!]
    if (isAccessedBit(name, test, ours, a, b)) return []
    return (a ^ b) & comparedBits(name, test, ours) ? [`${name} ${hex(a)} not ${hex(b)}`] : []
  })
}

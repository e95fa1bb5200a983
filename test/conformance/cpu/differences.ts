import { COMPARED_FLAGS } from './stream.ts'
import type { Outcome, StreamCase } from './user-process.ts'

const hex = (n: number): string => (n >>> 0).toString(16)

/** What differs, in words; empty when nothing does. */
export function differences(
  ours: Outcome,
  theirs: Outcome,
  undefinedFlags: number,
  anyFault = false,
): string[] {
  const list: string[] = []
  const compare = (name: string, a: number, b: number): void => {
    if (a !== b) list.push(`${name} ${hex(a)} not ${hex(b)}`)
  }
  ours.registers.forEach((value, i) =>
    compare(['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'][i]!, value, theirs.registers[i]!),
  )
  ours.selectors.forEach((value, i) =>
    compare(['es', 'cs', 'ss', 'ds', 'fs', 'gs'][i]!, value, theirs.selectors[i]!),
  )
  for (const name of ['eip', 'hash'] as const) compare(name, ours[name], theirs[name])
  if (!anyFault || theirs.vector < 12)
    for (const name of ['vector', 'error', 'cr2'] as const) compare(name, ours[name], theirs[name])
  const mask = COMPARED_FLAGS & ~undefinedFlags
  compare('flags', ours.eflags & mask, theirs.eflags & mask)
  return list
}

/** A case in words, for the report of a difference. */
export const describeCase = (test: StreamCase): string =>
  `${test.names.filter(Boolean).join(' ')} | ${test.code.map((b) => b.toString(16).padStart(2, '0')).join('')} at ${hex(test.eip)} ` +
  `registers ${test.registers.map(hex).join(' ')} flags ${hex(test.eflags)} selectors ${test.selectors.map(hex).join(' ')}`

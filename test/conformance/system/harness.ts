import { join } from 'node:path'
import { assemble } from '../../../tools/assembler/assemble.ts'
import { hostFiles } from '../../../tools/assembler/host-files.ts'
import { ARENA_BYTES, CASES, PRISTINE, VECTORS } from './layout.ts'
import { pristine } from './pristine.ts'
import type { SystemCase } from './system-case.ts'

/** Physical address of the harness, where it starts in real mode. */
export const ORIGIN = 0x1000
const REPORT_BYTES = 58 * 4

export interface Harness {
  bytes: Uint8Array
  symbol(name: string): number
}

/** Assembles harness.asm with an entry for each vector in each of its three worlds. */
export function buildHarness(): Harness {
  const stubs = (name: string, jump: string, first = 0): string =>
    Array.from({ length: VECTORS }, (_, v) => `${name}${v}:\n  push dword ${first + v}\n  ${jump}`).join('\n')
  const generated = new Map([
    ['real-stubs', stubs('real', 'jmp near common_real')],
    ['narrow-stubs', stubs('narrow', 'jmp dword 0x08:common', 0x100)],
    ['wide-stubs', stubs('wide', 'jmp near common')],
  ])
  const files = hostFiles()
  const { bytes, symbols } = assemble(join(import.meta.dirname, 'harness.asm'), {
    ...files,
    readText: (path) => generated.get(path) ?? files.readText(path),
    find: (name, from) => (generated.has(name) ? name : files.find(name, from)),
  })
  return { bytes, symbol: (name) => Number(symbols.get(name)!) }
}

/** A piece of physical memory. */
export interface Piece {
  address: number
  bytes: Uint8Array
}

/** What memory holds before the harness starts. */
export function image(harness: Harness, cases: readonly SystemCase[], verbose = false): Piece[] {
  const code = Uint8Array.from(harness.bytes)
  if (verbose) code[harness.symbol('verbose') - ORIGIN] = 1
  const words = cases.flatMap((test) => encodeCase(test))
  const bytes = new Uint8Array(Int32Array.from([...words, 0]).buffer)
  return [
    { address: ORIGIN, bytes: code },
    { address: PRISTINE, bytes: pristine(harness) },
    { address: CASES, bytes },
  ]
}

function encodeCase(test: SystemCase): number[] {
  const words = [
    test.real ? 1 : 0,
    test.cr0,
    test.cr3,
    test.cr4,
    ...test.debug,
    test.gdt.limit << 16,
    test.gdt.base,
    test.idt.limit << 16,
    test.idt.base,
    test.ldt,
    test.task,
    ...test.registers,
    test.eip,
    test.eflags,
    ...test.selectors,
    test.patches.length,
    ...test.patches.flat(),
  ]
  return [4 * (words.length + 1), ...words].map((word) => word | 0)
}

/** What a case has left behind. */
export interface Report {
  words: Uint32Array
  arena: Uint8Array | null
}

/** Takes what was written to the report port apart. */
export function readReports(output: Uint8Array, verbose: boolean): Report[] {
  const bytes = REPORT_BYTES + (verbose ? ARENA_BYTES : 0)
  return Array.from({ length: Math.floor(output.length / bytes) }, (_, i) => {
    const piece = output.slice(i * bytes, (i + 1) * bytes)
    return {
      words: new Uint32Array(piece.buffer.slice(0, REPORT_BYTES)),
      arena: verbose ? piece.subarray(REPORT_BYTES) : null,
    }
  })
}

/** Names of the words of a report, in order. */
export const FIELDS = [
  'case vector edi esi ebp esp ebx edx ecx eax ss gs fs es ds eflags frame cr0 cr2 cr3 cr4'.split(' '),
  'dr0 dr1 dr2 dr3 dr6 dr7 tr ldtr'.split(' '),
  ['gdt limit', 'gdt base', 'idt limit', 'idt base', 'memory at 700h', 'memory at 100700h'],
  Array.from({ length: 20 }, (_, page) => `page ${(0xc + page).toString(16)}`),
  ['eip', 'cs'],
].flat()

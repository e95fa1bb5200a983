import { INSTRUCTIONS, type Row } from './instructions.ts'

const GENERAL: Readonly<Record<string, readonly string[]>> = {
  8: ['al', 'cl', 'bh', 'dh'],
  16: ['ax', 'cx', 'sp', 'di'],
  32: ['eax', 'edx', 'esp', 'edi'],
}
const SIZE_WORDS: Readonly<Record<string, string>> = {
  8: 'byte',
  16: 'word',
  32: 'dword',
  64: 'qword',
  80: 'tword',
}
const ADDRESSES = [
  '[bx+si]',
  '[bp]',
  '[bp+di-5]',
  '[si+1234h]',
  '[di+data]',
  '[1234h]',
  '[es:bx+127]',
  '[bx+128]',
  '[eax]',
  '[ebp]',
  '[esp+8]',
  '[ebx+ecx*4-128]',
  '[esi*8+12345678h]',
  '[fs:edi*2]',
  '[edx*5+1]',
  '[ebp+esp]',
  '[eax+data]',
  '[dword 5]',
  '[word 5]',
  '[byte ebp+0]',
  '[dword ebp+0]',
] as const
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  i8: ['0', '5', '-1', '255', "'a'"],
  i16: ['5', '-128', '128', '1234h', '0xffff', 'data-start'],
  i32: ['5', '-1', '80h', 'dword 12345678h', 'dword 0xffffff80', 'data', 'end-data'],
}

function variants(pattern: string): readonly string[] {
  const width = pattern.slice(pattern.startsWith('is') ? 2 : 1)
  if (/^r\d/.test(pattern)) return GENERAL[width] ?? []
  if (/^e\d/.test(pattern)) {
    const memory = ADDRESSES.map((address) => `${SIZE_WORDS[width] ?? ''} ${address}`)
    return [...(GENERAL[width] ?? []), ...memory]
  }
  if (/^m\d/.test(pattern))
    return [`${SIZE_WORDS[width] ?? ''} [bx]`, `${SIZE_WORDS[width] ?? ''} [fs:eax+1]`]
  if (/^o\d/.test(pattern)) return ['[1234h]', '[es:data]', '[dword 123456h]']
  if (/^i\d/.test(pattern)) return NUMBERS[pattern] ?? []
  switch (pattern) {
    case 'm':
      return ADDRESSES
    case 'm:f':
      return ['far [bx]', 'far dword [eax]', 'far word [ecx*2]']
    case 'is16':
      return ['5', '-128', 'byte 7', '0xfff0']
    case 'is32':
      return ['5', '-128', 'byte 7', '0xfffffff0']
    case 'sr':
      return ['es', 'ss', 'gs']
    case 'cr':
      return ['cr0', 'cr4']
    case 'dr':
      return ['dr0', 'dr7']
    case 'st':
      return ['st1', 'st7']
    case 'p16':
      return ['word 8:1234h', 'word data:5']
    case 'p32':
      return ['dword 8:data']
    case 'j8':
      return ['$', '$+5']
    case 'j16':
    case 'j32':
      return ['near end', 'start', '$+100h']
    default:
      return [pattern]
  }
}

/** Some lines of a row: each operand goes through its variants while the others move along. */
function lines(mnemonic: string, row: Row): string[] {
  const choices = row.operands.map(variants)
  const count = Math.max(1, ...choices.map((choice) => choice.length))
  return Array.from({ length: count }, (_, index) => {
    const operands = choices.map((choice, place) => choice[(index + 3 * place * index) % choice.length] ?? '')
    return `${mnemonic} ${operands.join(', ')}`
  })
}

/** A program that uses every row of the instruction table in 16-bit and in 32-bit code. */
export function sampleProgram(): string {
  const body = [...INSTRUCTIONS].flatMap(([mnemonic, rows]) => rows.flatMap((row) => lines(mnemonic, row)))
  const section = (bits: number): string => `bits ${bits}\n${body.join('\n')}\n`
  return `org 7c00h\nstart: nop\ndata: db 1\nend:\n${section(16)}${section(32)}`
}

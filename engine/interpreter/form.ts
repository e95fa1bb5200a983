import type { Description } from '../isa/description.ts'
import type { Instruction } from '../isa/decoder.ts'
import { type Encoding, type OpcodeTable, meaningSize, suffixSize } from '../isa/encoding.ts'
import type { Repeat } from '../isa/semantics.ts'
import { CS, FS, State } from '../isa/state.ts'
import { type FlatAddress, flatAddressing } from './hot-forms.ts'

/**
 * One kind of code for an instruction: all that its handler is specialised for. What is left (register
 * numbers, scale, displacement, segment, address mask) is data in the record.
 */
export interface Form {
  description: Description
  size: number
  addressSize: number
  stackSize: number
  repeat: Repeat
  split: string
  /** CS, DS, ES and SS start at 0, reach 4 GiB, and the stack is 32 bits wide. */
  flat: boolean
  /** A near transfer that could lead beyond the limit of CS. */
  limited: boolean
  /** Per operand: r register, m flat base + displacement, x flat with index, g any memory, i, k immediates, j relative, s string. */
  shape: string
  sizes: number[]
}

/** Equal for instructions that the same code serves. */
export function formKey(form: Form): string {
  const { description: d } = form
  const sizes = form.sizes.some((s, i) => s !== form.size && 'rmxg'.includes(form.shape[i]!))
    ? form.sizes.join('')
    : ''
  const address = d.addressSized ? `a${form.addressSize}${form.repeat}` : ''
  const stack = d.stack
    ? form.flat
      ? 'F'
      : `s${form.stackSize}`
    : form.shape.includes('s')
      ? form.flat
        ? 'F'
        : 'S'
      : ''
  const limited = form.limited ? 'L' : ''
  return `${d.id}.${d.name}.${form.size}${form.shape}${sizes}${form.split}${address}${stack}${limited}`
}

/** FS and GS may lie anywhere; CS cannot be written, and not always read, however flat it is. */
const isFlat = (segment: number): boolean => segment < FS && segment !== CS

export function formOf(instruction: Instruction, flatMode: boolean): Form {
  const { description, operands, addressSize, size, stackSize, repeat, limited } = instruction
  const rare = description.rare === true
  const flatAddress = flatAddressing(description, size)
  let shape = ''
  let split = ''
  let flat = flatMode && !rare
  const sizes: number[] = []
  let immediates = 0
  for (const operand of operands) {
    sizes.push(operand.size)
    switch (operand.kind) {
      case 'register':
        shape += 'r'
        break
      case 'memory':
        shape +=
          !flatMode || addressSize === 2 || !isFlat(operand.segment)
            ? 'g'
            : memoryKind(flatAddress, operand.index !== State.ZERO)
        break
      case 'immediate':
        shape += immediates++ === 0 ? 'i' : 'k'
        if (description.split) split = description.split(operand.value)
        break
      case 'relative':
        shape += 'j'
        break
      case 'string':
        shape += 's'
        if (!isFlat(operand.segment)) flat = false
        break
    }
  }
  return { description, size, addressSize, stackSize, repeat, split, flat, limited, shape, sizes }
}

/** m, x or g: see Form's shape. */
function memoryKind(flatAddress: FlatAddress, hasIndex: boolean): string {
  if (hasIndex) return flatAddress === 'indexed' ? 'x' : 'g'
  return flatAddress === 'none' ? 'g' : 'm'
}

/** Every form that the encodings of an opcode table can take, by key. */
export function allForms(table: OpcodeTable): Map<string, Form> {
  const forms = new Map<string, Form>()
  for (const row of table)
    for (const encoding of row)
      for (const operandSize of [2, 4])
        for (const form of formsOf(encoding, operandSize)) forms.set(formKey(form), form)
  return forms
}

function* formsOf(encoding: Encoding, operandSize: number): Generator<Form> {
  const { description: d } = encoding
  const size = meaningSize(encoding, operandSize)
  for (const { shape, sizes } of shapes(encoding, operandSize))
    for (const addressSize of d.addressSized ? [2, 4] : [4])
      for (const flat of d.rare ? [false] : [false, true]) {
        if (!flat && !d.rare && d.stack && /[mx]/.test(shape)) continue
        for (const stackSize of d.stack && !flat ? [2, 4] : [4])
          for (const repeat of d.string ? (['none', 'rep', 'repne'] as const) : (['none'] as const))
            for (const split of splits(d, shape))
              // No limit is in the way of flat code.
              for (const limited of d.near && !flat ? [false, true] : [false])
                yield {
                  description: d,
                  size,
                  addressSize,
                  stackSize,
                  repeat,
                  split,
                  flat,
                  limited,
                  shape,
                  sizes,
                }
      }
}

function splits(d: Description, shape: string): string[] {
  if (!d.split || !shape.includes('i')) return ['']
  return [...new Set([d.split(0), d.split(1)])]
}

function shapes(encoding: Encoding, operandSize: number): { shape: string; sizes: number[] }[] {
  let all = [{ shape: '', sizes: [] as number[] }]
  const flatAddress = flatAddressing(encoding.description, meaningSize(encoding, operandSize))
  const memory = [...new Set([memoryKind(flatAddress, false), memoryKind(flatAddress, true), 'g'])]
  for (const { letter, suffix } of encoding.operands) {
    const size = suffixSize(suffix, operandSize)
    let options: [kind: string, size: number][]
    switch (letter) {
      case 'E':
        options = [['r', size], ...memory.map((m): [string, number] => [m, suffix === 'wv' ? 2 : size])]
        break
      case 'W':
        options = [['r', 16], ...memory.map((m): [string, number] => [m, size])]
        break
      case 'Q':
        options = [['r', 8], ...memory.map((m): [string, number] => [m, size])]
        break
      case 'M':
        options = memory.map((m) => [m, size])
        break
      case 'O':
        options = memory.filter((m) => m !== 'x').map((m) => [m, size])
        break
      case 'V':
      case 'U':
        options = [['r', 16]]
        break
      case 'P':
      case 'N':
        options = [['r', 8]]
        break
      case 'S':
        options = [['r', 2]]
        break
      case 'AL':
      case 'CL':
        options = [['r', 1]]
        break
      case 'rAX':
        options = [['r', operandSize]]
        break
      case 'C':
        options = [['i', 4]]
        break
      case 'ST':
      case '1':
        options = [['i', 1]]
        break
      case 'I':
      case 'K':
        options = [['i', suffix[0] === 'b' ? 1 : size]]
        break
      case 'J':
        options = [['j', operandSize]]
        break
      case 'X':
        options = [['s', size]]
        break
      default:
        options = [['r', size]]
    }
    all = all.flatMap((head) =>
      options.map(([kind, bytes]) => ({
        shape: head.shape + (kind === 'i' && head.shape.includes('i') ? 'k' : kind),
        sizes: [...head.sizes, bytes],
      })),
    )
  }
  return all
}

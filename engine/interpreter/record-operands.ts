import { type Expr, add, and, i32, load, shl } from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import type { Operand } from '../isa/semantics.ts'
import type { Form } from './form.ts'
import { FLAT } from './handler-locals.ts'
import type { Access } from './inline-access.ts'
import { Record } from './record.ts'

/** What operands ask of the handler that they belong to. */
export interface OperandHost {
  readonly fn: FunctionBuilder
  /** Reads a field of the record. */
  field(offset: number, size: number): Expr
  /** Puts a value when the instruction can no longer fault. */
  later(value: Expr, put: (value: Expr) => void): void
  /** Address in linear memory of a memory operand. */
  access(access: Access): Expr
}

/** The operands of a form, taken from the record that is being executed. */
export class RecordOperands {
  constructor(private readonly host: OperandHost) {}

  of(form: Form): Operand[] {
    let registers = 0
    let immediates = 0
    return [...form.shape].map((kind, i): Operand => {
      const size = form.sizes[i]!
      switch (kind) {
        case 'r':
          return this.#register(Record.REGISTERS[registers++]!, size)
        case 'm':
        case 'x':
        case 'g':
          return this.#memory(kind, size)
        case 's':
          return this.#immediate(null, size)
        default:
          return this.#immediate(immediates++ === 0 ? Record.IMMEDIATE : Record.LINK, size)
      }
    })
  }

  #register(field: number, size: number): Operand {
    const { host } = this
    const { fn } = host
    let known: Expr | null = null
    const at = (): Expr => (known ??= fn.let(host.field(field, 2)))
    const read = (): Expr => fn.let(load(at(), size))
    return {
      size,
      isRegister: true,
      read,
      readForWrite: read,
      write: (value) => host.later(value, (v) => fn.store(at(), v, size)),
      registerAddress: at,
      readPart: (bytes, offset) => fn.let(load(at(), bytes, offset)),
      readReal: missing,
      writePart: (value, bytes, offset) => host.later(value, (v) => fn.store(at(), v, bytes, offset)),
      address: missing,
      segment: missing,
    }
  }

  /** @param kind m for base and displacement, x with an index, g with a segment and a mask of the address, too */
  #memory(kind: 'm' | 'x' | 'g', size: number): Operand {
    const { host } = this
    const { fn } = host
    const address = (): Expr => {
      let e = load(host.field(Record.BASE, 2), 4)
      if (kind !== 'm') e = add(e, shl(load(host.field(Record.INDEX, 2), 4), host.field(Record.SCALE, 1)))
      e = add(e, host.field(Record.DISPLACEMENT, 4))
      return kind === 'g' ? and(e, host.field(Record.LINK, 4)) : e
    }
    const segment = (): Expr => (kind === 'g' ? fn.let(host.field(Record.SEGMENT, 2)) : i32(FLAT))
    const at = (write: boolean, modify = false): Expr =>
      host.access({ segment: kind === 'g' ? segment() : null, address: address(), size, write, modify })
    let translated: Expr | null = null
    return {
      size,
      isRegister: false,
      read: () => fn.let(load(at(false), size)),
      readForWrite: () => fn.let(load((translated = at(true, true)), size)),
      write: (value) => fn.store(translated ?? at(true), value, size),
      address,
      segment,
      registerAddress: missing,
      readPart: missing,
      readReal: missing,
      writePart: missing,
    }
  }

  /** @param field null where it is part of the form, which is never read */
  #immediate(field: number | null, size: number): Operand {
    const { host } = this
    const read = (): Expr => (field === null ? missing() : host.fn.let(host.field(field, 4)))
    return {
      size,
      isRegister: false,
      read,
      readForWrite: read,
      write: missing,
      address: missing,
      segment: missing,
      registerAddress: missing,
      readPart: missing,
      readReal: missing,
      writePart: missing,
    }
  }
}

function missing(): never {
  throw new Error('this operand has no such part')
}

import { ByteWriter } from './byte-writer.ts'
import type { ValueType } from './expression.ts'
import type { FunctionBuilder } from './function-builder.ts'

export interface FunctionImport {
  module: string
  name: string
  parameters: readonly ValueType[]
  result: ValueType | null
}

export interface ModuleParts {
  imports: readonly FunctionImport[]
  functions: readonly FunctionBuilder[]
  /** Exported name by index into `functions`. */
  exports: ReadonlyMap<string, number>
  /** What profilers call the functions, by index into `functions`. */
  names?: readonly string[]
  /** Functions, by index into `functions`, that fill a table for call_indirect, exported as "table". */
  table?: readonly number[]
  /** Pages (64 KiB) of the imported memory "env"."memory": at least, at most. */
  memoryPages: [minimum: number, maximum: number]
  /** The memory is one that other threads do not have; the machine's is shared. */
  ownsMemory?: boolean
}

const FUNCTION_REFERENCES = 0x70

/** Interned function types. */
class TypeSection {
  #keys = new Map<string, number>()
  readonly #out = new ByteWriter()

  index(parameters: readonly ValueType[], result: ValueType | null): number {
    const key = `${parameters.join()}:${result}`
    let index = this.#keys.get(key)
    if (index === undefined) {
      index = this.#keys.size
      this.#keys.set(key, index)
      this.#out.byte(0x60)
      this.#out.unsigned(parameters.length)
      for (const type of parameters) this.#out.byte(type)
      this.#out.unsigned(result === null ? 0 : 1)
      if (result !== null) this.#out.byte(result)
    }
    return index
  }

  write(to: ByteWriter): void {
    to.unsigned(this.#keys.size)
    to.append(this.#out)
  }
}

/**
 * The type index of call_indirect's callee: functions of one i32 parameter and an i32 result always come
 * first in the type section, so that code can name them before the module is put together.
 */
export const INDIRECT_TYPE = 0

/** A binary module that imports its memory. */
export function writeModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const types = new TypeSection()
  types.index([0x7f], 0x7f)
  const imported = parts.imports.map((i) => types.index(i.parameters, i.result))
  const own = parts.functions.map((f) => types.index(f.types.slice(0, f.parameterCount), f.result))
  const out = new ByteWriter()
  for (const byte of [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(byte)
  const section = (id: number, write: (to: ByteWriter) => void): void => {
    const body = new ByteWriter()
    write(body)
    out.byte(id)
    out.unsigned(body.length)
    out.append(body)
  }
  section(1, (to) => types.write(to))
  section(2, (to) => {
    to.unsigned(parts.imports.length + 1)
    to.name('env')
    to.name('memory')
    to.byte(2)
    to.byte(parts.ownsMemory ? 1 : 3) // with a maximum; shared
    for (const pages of parts.memoryPages) to.unsigned(pages)
    parts.imports.forEach((i, index) => {
      to.name(i.module)
      to.name(i.name)
      to.byte(0)
      to.unsigned(imported[index]!)
    })
  })
  section(3, (to) => {
    to.unsigned(own.length)
    for (const type of own) to.unsigned(type)
  })
  const { table } = parts
  if (table)
    section(4, (to) => {
      to.unsigned(1)
      to.byte(FUNCTION_REFERENCES)
      to.byte(0)
      to.unsigned(table.length)
    })
  section(7, (to) => {
    to.unsigned(parts.exports.size + (table ? 1 : 0))
    if (table) {
      to.name('table')
      to.byte(1)
      to.unsigned(0)
    }
    for (const [name, index] of parts.exports) {
      to.name(name)
      to.byte(0)
      to.unsigned(index + parts.imports.length)
    }
  })
  if (table)
    section(9, (to) => {
      to.unsigned(1)
      to.byte(0)
      for (const byte of [0x41, 0, 0x0b]) to.byte(byte)
      to.unsigned(table.length)
      for (const index of table) to.unsigned(index + parts.imports.length)
    })
  const headers = parts.functions.map(localRuns)
  if (parts.functions.some(({ unlikely }) => unlikely.length > 0))
    section(0, (to) => writeHints(to, parts, headers))
  section(10, (to) => {
    to.unsigned(parts.functions.length)
    for (const [i, f] of parts.functions.entries()) {
      const header = headers[i]!
      to.unsigned(header.length + f.body.length + 1)
      to.append(header)
      to.append(f.body)
      to.byte(0x0b)
    }
  })
  const { names } = parts
  if (names)
    section(0, (to) => {
      to.name('name')
      const list = new ByteWriter()
      list.unsigned(names.length)
      names.forEach((name, i) => {
        list.unsigned(i + parts.imports.length)
        list.name(name)
      })
      to.byte(1) // names of functions
      to.unsigned(list.length)
      to.append(list)
    })
  return out.toBytes()
}

/** Which branches are hardly ever taken: the section of the WebAssembly branch hinting proposal, which must come before the code. */
function writeHints(
  to: ByteWriter,
  { imports, functions }: ModuleParts,
  headers: readonly ByteWriter[],
): void {
  to.name('metadata.code.branch_hint')
  const hinted = [...functions.entries()].filter(([, { unlikely }]) => unlikely.length > 0)
  to.unsigned(hinted.length)
  for (const [i, { unlikely }] of hinted) {
    to.unsigned(i + imports.length)
    to.unsigned(unlikely.length)
    for (const offset of unlikely) {
      to.unsigned(headers[i]!.length + offset)
      to.byte(1)
      to.byte(0)
    }
  }
}

function localRuns(f: FunctionBuilder): ByteWriter {
  const runs: [count: number, type: ValueType][] = []
  for (const type of f.types.slice(f.parameterCount)) {
    const last = runs.at(-1)
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  const out = new ByteWriter()
  out.unsigned(runs.length)
  for (const [count, type] of runs) {
    out.unsigned(count)
    out.byte(type)
  }
  return out
}

import type { Interpreter } from './generator.ts'
import { buildMemoryAccess } from './memory-access.ts'
import { buildStringMoves } from './string-moves.ts'
import type { RuntimeCalls } from './runtime-calls.ts'
import type { FpuExports, HostCalls, TranslatorHost } from './translator-host.ts'

/** Runs from a record on until something comes up, which the result names (see Why). */
export type Run = (record: number, budget: number) => number

/** The generated interpreter, ready to run. */
export interface GeneratedCode extends Pick<
  TranslatorHost,
  'table' | 'chain' | 'gone' | 'beside' | 'reach' | 'strings' | 'calls'
> {
  run: Run
}

/** Ties the generated module to the memory and the calls of one processor. */
export function instantiate(
  interpreter: Interpreter,
  memory: WebAssembly.Memory,
  fpu: FpuExports,
  calls: RuntimeCalls,
): GeneratedCode {
  const { access, beside, reach } = buildMemoryAccess(
    memory,
    (offset, segment, kind, record, budget, start) =>
      calls.access(offset, segment, kind, record, budget, start),
  )
  const hostCalls: HostCalls = {
    readPort: (port, size) => calls.readPort(port, size),
    writePort: (port, value, size) => calls.writePort(port, value, size),
    timeStamp: () => calls.timeStamp(),
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(interpreter.wasm), {
    env: { memory },
    runtime: {
      access,
      writeBack: (): number => calls.writeBack(),
      system: (op: number, a: number, b: number): number => calls.system(op, a, b),
      bulk: (op: number, kind: number, segment: number): number => calls.bulk(op, kind, segment),
      find: (eip: number): number => calls.find(eip),
      clock: (): number => calls.clock(),
      ...hostCalls,
    },
    fpu,
  })
  return {
    run: exports['run'] as Run,
    table: exports['table'] as WebAssembly.Table,
    chain: exports['chain'] as TranslatorHost['chain'],
    gone: exports['gone'] as TranslatorHost['gone'],
    beside,
    reach,
    strings: buildStringMoves(memory),
    calls: hostCalls,
  }
}

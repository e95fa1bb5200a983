import {
  type Expr,
  I32,
  add,
  and,
  callOf,
  eqz,
  geU,
  gtU,
  i32,
  load,
  local,
  or,
  shl,
  shrU,
  sub,
} from '../wasm/expression.ts'
import { FunctionBuilder } from '../wasm/function-builder.ts'
import { writeModule } from '../wasm/module-writer.ts'
import { Segment, State, TLB, TLB_CHECKED_SHIFT } from '../isa/state.ts'
import { CODE_MAP, CODE_MAP_SHIFT } from '../memory/layout.ts'

/** What generated code calls for an access that its own look into the TLB does not answer: see Import.ACCESS. */
type Access = (
  offset: number,
  segment: number,
  kind: number,
  record: number,
  budget: number,
  start: number,
) => number

const PARAMETERS = 6
const WRITE = 0x100

/**
 * The access of generated code, with the commonest of what is left to it done at once: a write to a page that holds
 * decoded code, where it hits none. Programs of DOS have their stack in such a page.
 */
export function buildMemoryAccess(memory: WebAssembly.Memory, slow: Access): Access {
  const types = Array<typeof I32>(PARAMETERS).fill(I32)
  const wasm = writeModule({
    imports: [{ module: 'runtime', name: 'access', parameters: types, result: I32 }],
    functions: [accessFunction()],
    exports: new Map([['access', 0]]),
    memoryPages: [1, 65536],
  })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
    env: { memory },
    runtime: { access: slow },
  })
  return instance.exports['access'] as Access
}

function accessFunction(): FunctionBuilder {
  const [LINEAR, ENTRY, HOST] = [PARAMETERS, PARAMETERS + 1, PARAMETERS + 2]
  const fn = new FunctionBuilder(PARAMETERS, Array<typeof I32>(PARAMETERS + 3).fill(I32))
  const [offset, segment, kind] = [local(0), local(1), local(2)]
  const [linear, entry, host] = [local(LINEAR), local(ENTRY), local(HOST)]
  const size = and(kind, i32(0xff))
  const slow = fn.block()
  fn.branchIf(slow, eqz(and(kind, i32(WRITE))))
  fn.set(LINEAR, offset)
  fn.if(segment)
  fn.branchIf(slow, geU(offset, load(segment, 4, Segment.WRITE_COUNT)))
  fn.set(LINEAR, add(offset, load(segment, 4, Segment.BASE)))
  fn.end()
  fn.set(ENTRY, load(shl(shrU(linear, i32(12)), i32(2)), 4, TLB))
  const checked = shl(load(i32(State.WRITE_BIT), 4), i32(TLB_CHECKED_SHIFT))
  fn.branchIf(slow, eqz(and(entry, checked)))
  fn.branchIf(slow, gtU(add(and(linear, i32(0xfff)), size), i32(0x1000)))
  fn.set(HOST, add(linear, and(entry, i32(-0x1000))))
  const page = shl(shrU(host, i32(12)), i32(3))
  // A page that has lost its code is written directly from the next look on.
  fn.branchIf(slow, eqz(or(load(page, 4, CODE_MAP), load(page, 4, CODE_MAP + 4))))
  fn.branchIf(slow, holdsCode(host))
  fn.branchIf(slow, holdsCode(sub(add(host, size), i32(1))))
  fn.return(host)
  fn.end()
  fn.push(callOf(0, I32, ...Array.from({ length: PARAMETERS }, (_, i) => local(i))))
  return fn
}

/** The bit of the code map for a linear-memory address. */
function holdsCode(host: Expr): Expr {
  const piece = shrU(host, i32(CODE_MAP_SHIFT))
  return and(shrU(load(shrU(piece, i32(3)), 1, CODE_MAP), and(piece, i32(7))), i32(1))
}

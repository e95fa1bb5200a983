import {
  type Expr,
  I32,
  add,
  add64,
  and,
  callOf,
  eq,
  eqz,
  geS,
  i32,
  load,
  local,
  ltS,
  mul,
  shrU,
  sub,
  widenU,
} from '../wasm/expression.ts'
import { FunctionBuilder, type Label } from '../wasm/function-builder.ts'
import { type FunctionImport, INDIRECT_TYPE, writeModule } from '../wasm/module-writer.ts'
import type { OpcodeTable } from '../isa/encoding.ts'
import { deliverPageFault } from '../isa/shortcuts/protected.ts'
import { REGION_RETIRED, State, Walk } from '../isa/state.ts'
import { chainFunction, goneFunction, noteEntered } from './chain.ts'
import { type Form, allForms } from './form.ts'
import { HandlerBuilder } from './handler-builder.ts'
import { fuses, isCold } from './hot-forms.ts'
import { type Frame, Import, LOCAL_TYPES, Local, loadCached } from './handler-locals.ts'
import { entryWord, lookIntoJumpCache } from './jump-cache.ts'
import { Handler, RECORD_BYTES, RECORD_SHIFT, Record, Why } from './record.ts'
import { TIMED_SHIFT } from './tier-times.ts'

export interface Interpreter {
  wasm: Uint8Array<ArrayBuffer>
  /** Handler number by form key; fused pairs by "first|second". */
  handlers: Map<string, number>
}

/** Knuth's multiplier: the upper bits of the product depend on all bits. */
const HASH = 0x9e3779b1

/**
 * Makes the interpreter from the descriptions: one function with a handler per form behind a single
 * br_table, and one function each for forms that run seldom.
 */
export function generateInterpreter(table: OpcodeTable): Interpreter {
  const forms = [...allForms(table)]
  const hot: [key: string, forms: Form[]][] = []
  const cold: [key: string, forms: Form[]][] = []
  for (const [key, form] of forms) (isCold(form) ? cold : hot).push([key, [form]])
  hot.push(...fusedPairs(forms))
  const helpers = new Map<string, number>()
  const helperIndex = (name: string): number => {
    let index = helpers.get(name)
    if (index === undefined) helpers.set(name, (index = Import.COUNT + helpers.size))
    return index
  }
  const coldFrom = Handler.FIRST_INSTRUCTION + hot.length
  const functions = [
    hotFunction(hot, cold.length, helperIndex),
    ...cold.map(([, list]) => coldFunction((builder) => builder.build(list), helperIndex)),
    coldFunction(deliverFault, helperIndex),
  ]
  const tableSize = functions.length - 1
  functions.push(chainFunction(), goneFunction())
  const handlers = new Map<string, number>()
  hot.forEach(([key], i) => handlers.set(key, Handler.FIRST_INSTRUCTION + i))
  cold.forEach(([key], i) => handlers.set(key, coldFrom + i))
  const wasm = writeModule({
    imports: [...RUNTIME_IMPORTS, ...[...helpers.keys()].map((name) => helperImport(name))],
    functions,
    exports: new Map([
      ['run', 0],
      ['chain', functions.length - 2],
      ['gone', functions.length - 1],
    ]),
    table: Array.from({ length: tableSize }, (_, i) => i + 1),
    memoryPages: [1, 65536],
  })
  return { wasm, handlers }
}

const words = (count: number) => Array<typeof I32>(count).fill(I32)
const RUNTIME_IMPORTS: FunctionImport[] = [
  { module: 'runtime', name: 'access', parameters: words(6), result: I32 },
  { module: 'runtime', name: 'writeBack', parameters: [], result: I32 },
  { module: 'runtime', name: 'system', parameters: words(3), result: I32 },
  { module: 'runtime', name: 'bulk', parameters: words(3), result: I32 },
  { module: 'runtime', name: 'readPort', parameters: words(2), result: I32 },
  { module: 'runtime', name: 'writePort', parameters: words(3), result: I32 },
  { module: 'runtime', name: 'find', parameters: words(1), result: I32 },
  { module: 'runtime', name: 'clock', parameters: [], result: I32 },
  { module: 'runtime', name: 'timeStamp', parameters: [], result: I32 },
]

/** Helpers carry their number of arguments in their name: "add/2". */
function helperImport(name: string): FunctionImport {
  const [base, count] = name.split('/')
  return { module: 'fpu', name: base!, parameters: words(Number(count)), result: I32 }
}

function* fusedPairs(forms: readonly [string, Form][]): Generator<[string, Form[]]> {
  const jumps = forms.filter(([, { shape }]) => shape === 'j')
  for (const [key, form] of forms)
    for (const [jumpKey, jump] of jumps) if (fuses(form, jump)) yield [`${key}|${jumpKey}`, [form, jump]]
}

/** @param delivery number of the function that delivers page faults, in the table */
function hotFunction(
  list: [string, Form[]][],
  delivery: number,
  helperIndex: Frame['helperIndex'],
): FunctionBuilder {
  const fn = new FunctionBuilder(2, LOCAL_TYPES)
  loadCached(fn)
  fn.set(Local.START, local(Local.REC))
  const again = fn.loop()
  const out = fn.block()
  const top = fn.loop()
  const builder = new HandlerBuilder(fn, { out, top, helperIndex })
  const count = Handler.FIRST_INSTRUCTION + list.length
  const labels: Label[] = []
  for (let i = count; i >= 0; i--) labels[i] = fn.block()
  fn.branchTable(load(local(Local.REC), 2, Record.HANDLER), labels.slice(0, count), labels[count]!)
  fn.end()
  builder.leave(Why.LINK)
  fn.end()
  emitGoto(fn, builder)
  fn.end()
  builder.leave(Why.STALE)
  fn.end()
  builder.leave(Why.ESCAPE)
  fn.end()
  emitContinue(fn, top)
  fn.end()
  emitCross(fn, builder, top)
  fn.end()
  emitHead(fn, builder, top)
  fn.end()
  emitRegionCall(fn, builder, top)
  for (const [, forms] of list) {
    fn.end()
    builder.build(forms)
  }
  fn.end()
  emitColdCall(fn, builder, count)
  fn.end() // top
  fn.end() // out
  emitDelivery(fn, again, delivery)
  emitFind(fn, again)
  fn.end() // again
  const retired = shrU(sub(local(Local.REC), local(Local.START)), i32(RECORD_SHIFT))
  fn.store(i32(State.RECORD), local(Local.REC), 4)
  fn.store(i32(State.BUDGET), sub(local(Local.BUDGET), retired), 4)
  fn.store(i32(State.RUN_START), local(Local.FROM), 4)
  fn.push(local(Local.WHY))
  return fn
}

/** GOTO: leaves the page, so the target goes through the jump cache. */
function emitGoto(fn: FunctionBuilder, builder: HandlerBuilder): void {
  fn.recycleTemps()
  const rec = local(Local.REC)
  const retired = shrU(sub(rec, local(Local.START)), i32(RECORD_SHIFT))
  fn.set(Local.BUDGET, sub(local(Local.BUDGET), retired))
  fn.set(Local.START, rec)
  const target = and(
    add(load(i32(State.EIP_BASE), 4), load(rec, 4, Record.IMMEDIATE)),
    load(rec, 4, Record.DISPLACEMENT),
  )
  builder.lookUp(fn.let(target))
}

/** A jump that the jump cache does not know: asks for its target once before it gives up. */
function emitFind(fn: FunctionBuilder, again: Label): void {
  fn.if(eq(local(Local.WHY), i32(Why.JUMP)))
  fn.set(Local.ENTRY, callOf(Import.FIND, I32, load(i32(State.EIP), 4)))
  fn.if(local(Local.ENTRY))
  fn.set(Local.REC, local(Local.ENTRY))
  fn.set(Local.START, local(Local.ENTRY))
  // What was found may be under a new key.
  fn.set(Local.JUMP_KEY, load(i32(State.JUMP_KEY), 4))
  fn.branchIf(again, geS(local(Local.BUDGET), i32(0)))
  fn.set(Local.WHY, i32(Why.BUDGET))
  fn.end()
  fn.end()
}

/** A page fault that the page walk has found is delivered without the runtime, where a shortcut knows how. */
function emitDelivery(fn: FunctionBuilder, again: Label, delivery: number): void {
  const [rec, why, entry] = [local(Local.REC), local(Local.WHY), local(Local.ENTRY)]
  const word = (address: number): Expr => load(i32(address), 4)
  fn.recycleTemps()
  fn.if(and(eq(why, i32(Why.FAULT)), and(word(Walk.FAULTED), eqz(word(Walk.PENDING_WRITES)))))
  const retired = shrU(sub(rec, local(Local.START)), i32(RECORD_SHIFT))
  fn.set(Local.BUDGET, sub(local(Local.BUDGET), retired))
  fn.set(Local.START, rec)
  fn.push(rec)
  fn.push(i32(delivery))
  fn.callIndirect(INDIRECT_TYPE)
  fn.pop(Local.WHY)
  fn.if(eq(why, i32(Why.ENTER)))
  fn.store(i32(Walk.FAULTED), i32(0), 4)
  loadCached(fn)
  fn.set(Local.WHY, i32(Why.JUMP))
  const target = fn.let(word(State.EIP))
  fn.if(lookIntoJumpCache(fn, Local.ENTRY, target, local(Local.JUMP_KEY)))
  fn.set(Local.REC, entryWord(entry, 'RECORD'))
  fn.set(Local.START, rec)
  fn.store(i32(State.EIP_BASE), entryWord(entry, 'EIP_BASE'), 4)
  fn.branchIf(again, geS(local(Local.BUDGET), i32(0)))
  fn.set(Local.WHY, i32(Why.BUDGET))
  fn.end()
  fn.end()
  fn.end()
}

function deliverFault(builder: HandlerBuilder): void {
  builder.buildDelivery((b) => deliverPageFault(b, b.word(Walk.ERROR_CODE)))
}

/** CONTINUE: the run up to here is accounted for, then goes on elsewhere. */
function emitContinue(fn: FunctionBuilder, top: Label): void {
  const rec = local(Local.REC)
  fn.set(Local.BUDGET, sub(local(Local.BUDGET), shrU(sub(rec, local(Local.START)), i32(RECORD_SHIFT))))
  fn.set(Local.REC, load(rec, 4, Record.LINK))
  fn.set(Local.START, rec)
  fn.branch(top)
}

/** CROSS: the run up to here is accounted for; the instruction behind is valid while no translation has changed. */
function emitCross(fn: FunctionBuilder, builder: HandlerBuilder, top: Label): void {
  const rec = local(Local.REC)
  fn.if(eq(load(rec, 4, Record.IMMEDIATE), local(Local.JUMP_KEY)))
  fn.set(Local.BUDGET, sub(local(Local.BUDGET), shrU(sub(rec, local(Local.START)), i32(RECORD_SHIFT))))
  fn.set(Local.REC, add(rec, i32(RECORD_BYTES)))
  fn.set(Local.START, rec)
  fn.branch(top)
  fn.end()
  builder.leave(Why.ESCAPE)
}

/** HEAD: counts down to the moment when its place is worth translating. */
function emitHead(fn: FunctionBuilder, builder: HandlerBuilder, top: Label): void {
  const rec = local(Local.REC)
  const left = local(Local.ENTRY)
  fn.set(Local.ENTRY, sub(load(rec, 4, Record.IMMEDIATE), i32(1)))
  fn.store(rec, left, 4, Record.IMMEDIATE)
  fn.if(ltS(left, i32(0)))
  builder.leave(Why.HOT)
  fn.end()
  fn.set(Local.REC, load(rec, 4, Record.LINK))
  fn.set(Local.START, rec)
  fn.branch(top)
}

/** REGION: translated code takes the budget, goes from region to region, and says where to go on. */
function emitRegionCall(fn: FunctionBuilder, builder: HandlerBuilder, top: Label): void {
  const rec = local(Local.REC)
  const timed = local(Local.HOST)
  const clock = (): void => {
    fn.if(timed)
    fn.drop(callOf(Import.CLOCK, I32))
    fn.end()
  }
  // Which entries are timed must not follow the beat of a loop.
  fn.set(Local.HOST, eqz(shrU(mul(load(i32(REGION_RETIRED), 4), i32(HASH)), i32(32 - TIMED_SHIFT))))
  clock()
  fn.store(i32(State.RECORD), rec, 4)
  fn.set(Local.ENTRY, load(rec, 4, Record.IMMEDIATE))
  noteEntered(fn, local(Local.ENTRY))
  fn.push(local(Local.BUDGET))
  fn.push(local(Local.ENTRY))
  fn.callIndirect(INDIRECT_TYPE)
  fn.pop(Local.WHY)
  clock()
  fn.set(Local.ENTRY, local(Local.BUDGET))
  fn.set(Local.BUDGET, load(i32(State.BUDGET), 4))
  const retired = widenU(sub(local(Local.ENTRY), local(Local.BUDGET)))
  fn.store(i32(REGION_RETIRED), add64(load(i32(REGION_RETIRED), 8), retired), 8)
  fn.set(Local.REC, load(i32(State.RECORD), 4))
  fn.set(Local.START, rec)
  // Interrupts and returns from them are part of regions: it may be at another level that they end.
  loadCached(fn)
  builder.leaveIf(local(Local.WHY))
  fn.branchIf(top, geS(local(Local.BUDGET), i32(0)))
  builder.leave(Why.BUDGET)
}

/** Cold forms find the state of the run in memory. */
function emitColdCall(fn: FunctionBuilder, builder: HandlerBuilder, firstCold: number): void {
  const rec = local(Local.REC)
  fn.store(i32(State.RECORD), rec, 4)
  fn.store(i32(State.BUDGET), local(Local.BUDGET), 4)
  fn.store(i32(State.RUN_START), local(Local.START), 4)
  fn.push(rec)
  fn.push(sub(load(rec, 2, Record.HANDLER), i32(firstCold)))
  fn.callIndirect(INDIRECT_TYPE)
  fn.pop(Local.WHY)
  fn.set(Local.BUDGET, load(i32(State.BUDGET), 4))
  builder.afterCold()
}

function coldFunction(
  build: (builder: HandlerBuilder) => void,
  helperIndex: Frame['helperIndex'],
): FunctionBuilder {
  const fn = new FunctionBuilder(1, LOCAL_TYPES)
  loadCached(fn)
  fn.set(Local.BUDGET, load(i32(State.BUDGET), 4))
  fn.set(Local.START, load(i32(State.RUN_START), 4))
  const out = fn.block()
  build(new HandlerBuilder(fn, { out, top: null, helperIndex }))
  fn.end()
  fn.push(local(Local.WHY))
  return fn
}

import { type Expr, and, eqz, i32, leU, not, or, shrU } from '../../wasm/expression.ts'
import { IOPL } from '../flags.ts'
import type { Semantics } from '../semantics.ts'
import { Attention, State } from '../state.ts'
import { both, inVirtual8086, realMode } from './flags.ts'

/** Ports that need no look into the permission bitmap; a request of an interrupt does not matter here. */
function mayUsePorts(b: Semantics): Expr {
  const level = and(shrU(and(b.word(State.EFLAGS_SYSTEM), i32(IOPL)), i32(12)), i32(3))
  const allowed = both(eqz(inVirtual8086(b)), leU(b.word(State.CPL), level))
  const calm = eqz(and(b.word(State.ATTENTION), not(i32(Attention.INTERRUPT))))
  return both(calm, or(realMode(b), allowed))
}

export function readPort(b: Semantics, port: Expr): void {
  b.shortcut(mayUsePorts(b), () => b.readPort(port))
}

export function writePort(b: Semantics, port: Expr): void {
  b.shortcut(mayUsePorts(b), () => b.writePort(port))
}

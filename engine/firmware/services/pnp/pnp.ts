import type { Service } from '../../port/protocol.ts'
import { readWord } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'

const UNSUPPORTED = 0x82

/**
 * Plug-and-Play BIOS functions: a far call with the arguments on the stack, the function number first.
 * @see Plug and Play BIOS specification 1.0A
 */
export function* plugAndPlay(r: Registers): Service<Outcome> {
  const fn = yield* readWord(r.ss, (r.esp & 0xffff) + 4)
  r.ax = fn === 0x00 ? UNSUPPORTED : UNSUPPORTED
  return DONE
}

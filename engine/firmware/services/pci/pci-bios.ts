import { type Service, writeWord, write, readWord } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import type { Context } from '../context.ts'
import {
  pciFunctions,
  readConfig16,
  readConfig32,
  readConfig8,
  writeConfig16,
  writeConfig32,
  writeConfig8,
} from './configuration.ts'
import { routingEntries } from './routing-table.ts'

const STATUS = {
  ok: 0x00,
  unsupported: 0x81,
  badVendor: 0x83,
  notFound: 0x86,
  badRegister: 0x87,
  bufferTooSmall: 0x89,
} as const
const PCI_EXCLUSIVE = 0x0c00 // IRQ 10 and 11

/**
 * INT 1Ah/B1h and its protected-mode entries.
 * @see PCI BIOS specification 2.1
 * @param memory whether the caller's memory can be reached, as a 32-bit caller's cannot
 */
export function* pciBios(r: Registers, _: Context, memory = true): Service {
  const status = yield* dispatch(r, memory)
  r.ah = status
  r.setCarry(status !== STATUS.ok)
}

function* dispatch(r: Registers, memory: boolean): Service<number> {
  switch (r.al & 0x7f) {
    case 0x01:
      r.edx = 0x20494350 // "PCI "
      r.al = 1 // configuration mechanism 1
      r.bx = 0x0210
      r.cl = 0
      return STATUS.ok
    case 0x02: {
      if (r.dx === 0xffff) return STATUS.badVendor
      return yield* find(r, 0, ((r.cx << 16) | r.dx) >>> 0, 0)
    }
    case 0x03:
      return yield* find(r, 8, r.ecx & 0xffffff, 8)
    case 0x08:
      r.cl = yield* readConfig8(r.bx, r.di & 0xff)
      return STATUS.ok
    case 0x09:
      if (r.di & 1) return STATUS.badRegister
      r.cx = yield* readConfig16(r.bx, r.di & 0xff)
      return STATUS.ok
    case 0x0a:
      if (r.di & 3) return STATUS.badRegister
      r.ecx = yield* readConfig32(r.bx, r.di & 0xff)
      return STATUS.ok
    case 0x0b:
      yield* writeConfig8(r.bx, r.di & 0xff, r.cl)
      return STATUS.ok
    case 0x0c:
      if (r.di & 1) return STATUS.badRegister
      yield* writeConfig16(r.bx, r.di & 0xff, r.cx)
      return STATUS.ok
    case 0x0d:
      if (r.di & 3) return STATUS.badRegister
      yield* writeConfig32(r.bx, r.di & 0xff, r.ecx)
      return STATUS.ok
    case 0x0e:
      return memory ? yield* routingOptions(r) : STATUS.unsupported
    case 0x0f:
      return STATUS.ok // the lines are shared already: nothing to change
    default:
      return STATUS.unsupported
  }
}

/** The SI-th function whose register matches. */
function* find(r: Registers, register: number, wanted: number, shift: number): Service<number> {
  let index = r.si
  for (const address of yield* pciFunctions()) {
    if ((yield* readConfig32(address, register)) >>> shift !== wanted) continue
    if (index-- > 0) continue
    r.bx = address
    return STATUS.ok
  }
  return STATUS.notFound
}

/** B10Eh: buffer descriptor at ES:DI: length, then a far pointer. */
function* routingOptions(r: Registers): Service<number> {
  const room = yield* readWord(r.es, r.di)
  const table = routingEntries()
  yield* writeWord(r.es, r.di, table.length)
  if (room < table.length) return STATUS.bufferTooSmall
  const offset = yield* readWord(r.es, r.di + 2)
  const segment = yield* readWord(r.es, r.di + 4)
  yield* write(segment, offset, table)
  r.bx = PCI_EXCLUSIVE
  return STATUS.ok
}

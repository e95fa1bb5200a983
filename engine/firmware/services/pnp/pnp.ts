import { read, type Service, write, writeByte } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import type { Context } from '../context.ts'
import { deviceNodes } from './nodes.ts'

const STATUS = { ok: 0x00, unsupported: 0x82, badNode: 0x83, badParameter: 0x84, notDocked: 0x87 } as const
const LAST_NODE = 0xff

/**
 * Plug-and-Play BIOS functions: a far call with the arguments on the stack, the function number first.
 * @see Plug and Play BIOS specification 1.0A, sections 4.5 and 5
 */
export function* plugAndPlay(r: Registers, { config }: Context): Service<Outcome> {
  // The stub's own frame is off the stack again; above the far return address lie the arguments.
  const stack = yield* read(r.ss, r.esp & 0xffff, 4 + 16)
  const argument = (index: number): number => stack[4 + index * 2]! | (stack[5 + index * 2]! << 8)
  const far = (index: number) => ({ offset: argument(index), segment: argument(index + 1) })
  r.ax = yield* dispatch(argument(0), argument, far, deviceNodes(config))
  return DONE
}

type Far = { offset: number; segment: number }

function* dispatch(
  fn: number,
  argument: (index: number) => number,
  far: (index: number) => Far,
  nodes: readonly Uint8Array[],
): Service<number> {
  switch (fn) {
    case 0x00: {
      const count = far(1)
      const largest = far(3)
      yield* writeByte(count.segment, count.offset, nodes.length)
      const bytes = Math.max(...nodes.map(({ length }) => length))
      yield* write(largest.segment, largest.offset, Uint8Array.of(bytes & 0xff, bytes >> 8))
      return STATUS.ok
    }
    case 0x01: {
      const number = far(1)
      const target = far(3)
      const index = (yield* read(number.segment, number.offset, 1))[0]!
      const node = nodes[index]
      if (!node) return STATUS.badNode
      yield* write(target.segment, target.offset, node)
      yield* writeByte(number.segment, number.offset, index + 1 < nodes.length ? index + 1 : LAST_NODE)
      return STATUS.ok
    }
    case 0x02: // set a node: they are all fixed
      return argument(1) < nodes.length ? STATUS.ok : STATUS.badNode
    case 0x05:
      return STATUS.notDocked
    case 0x40: {
      // ISA plug-and-play configuration: revision 1, no cards.
      const target = far(1)
      yield* write(target.segment, target.offset, Uint8Array.of(1, 0, 0, 0, 0, 0))
      return STATUS.ok
    }
    default:
      return STATUS.unsupported
  }
}

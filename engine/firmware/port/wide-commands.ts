import type { MemoryMap } from '../../bus/memory-map.ts'
import type { PortMap } from '../../bus/port-map.ts'
import { COMMAND, type Exchange, Packer } from './protocol.ts'

/** What the ROM of a processor of 16 bits has done for it. */
export interface WideAccess {
  ports: Pick<PortMap, 'read' | 'write'>
  memory: Pick<MemoryMap, 'dmaRead' | 'dmaWrite'>
}

/**
 * Carries out a command that takes 32 bits, which a processor of 16 has not.
 * @returns the answer, or null when the command is one for the ROM
 */
export function carryOutWide({ ports, memory }: WideAccess, { send }: Exchange): Uint8Array | null {
  const view = new DataView(send.buffer, send.byteOffset, send.byteLength)
  const port = view.getUint16(2, true)
  switch (view.getUint8(0)) {
    case COMMAND.in32:
      return new Packer().u32(ports.read(port, 4)).bytes
    case COMMAND.out32:
      ports.write(port, view.getUint32(4, true), 4)
      return new Uint8Array(0)
    case COMMAND.protectedCopy: {
      const bytes = new Uint8Array(view.getUint32(12, true))
      memory.dmaRead(view.getUint32(4, true), bytes)
      memory.dmaWrite(view.getUint32(8, true), bytes)
      return Uint8Array.of(0)
    }
    default:
      return null
  }
}

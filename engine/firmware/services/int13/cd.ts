import type { FirmwareDisk } from '../../disk.ts'
import type { Service } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { extended } from './extended.ts'
import { STATUS } from './status.ts'

/** INT 13h for a CD drive: extended functions with sectors of 2048 bytes, and the harmless part of the others. */
export function* cdService(r: Registers, cd: FirmwareDisk): Service<number | null> {
  switch (r.ah) {
    case 0x00:
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x11:
    case 0x14:
    case 0x16:
      return STATUS.ok
    case 0x03:
    case 0x43:
      return STATUS.writeProtected
    case 0x15:
      // AH = 2: removable, with a change line. CX:DX stay as they are.
      r.ah = 2
      r.setCarry(false)
      return null
    default:
      if (r.ah >= 0x41 && r.ah <= 0x4e) return yield* extended(r, cd)
      return STATUS.invalid
  }
}

import { type Service, writeByte } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { cdService } from './cd.ts'
import { emulatedDrive, terminateEmulation } from './emulation.ts'
import { fixedDiskService } from './fixed-disk.ts'
import { floppyService } from './floppy.ts'
import { STATUS } from './status.ts'

const FIRST_CD = 0xe0

/**
 * INT 13h, and INT 40h for diskettes alone.
 * @see IBM PS/2 and PC BIOS interface technical reference, "Interrupt 13h"; Phoenix EDD 3.0; El Torito 1.0
 */
export function* int13(r: Registers, context: Context): Service<Outcome> {
  r.returnEnabled()
  const function_ = r.ah
  const status = yield* dispatch(r, context)
  if (status !== null) {
    if (function_ !== 0x01) yield* remember(r.dl, status)
    r.ah = status
    r.setCarry(status !== STATUS.ok)
  }
  return DONE
}

function* remember(drive: number, status: number): Service {
  yield* writeByte(BDA_SEGMENT, drive < 0x80 ? BDA.floppyStatus : BDA.diskStatus, status)
}

/** @returns the status for AH, or null when the service has set the registers itself */
function* dispatch(r: Registers, context: Context): Service<number | null> {
  const { config, state } = context
  if (r.ah === 0x4b) return yield* terminateEmulation(r, context)
  const emulation = emulatedDrive(context, r.dl)
  if (emulation?.kind === 'none') return yield* cdService(r, emulation.cd)
  if (emulation) {
    return emulation.disk.kind === 'floppy'
      ? yield* floppyService(r, context, emulation.disk)
      : yield* fixedDiskService(r, context, emulation.disk)
  }
  // An emulated drive has the first number of its kind; the real ones move up.
  const moved = state.emulation && state.emulation.drive === (r.dl & 0x80) ? 1 : 0
  if (r.dl < 0x80) return yield* floppyService(r, context, config.floppies[r.dl - moved])
  const disk = config.disks[r.dl - 0x80 - moved]
  if (disk) return yield* fixedDiskService(r, context, disk)
  const cd = r.dl >= FIRST_CD ? config.cdroms[r.dl - FIRST_CD] : undefined
  if (cd) return yield* cdService(r, cd)
  if (r.ah === 0x08) r.dl = config.disks.length
  if (r.ah === 0x15) {
    r.ah = 0
    r.setCarry(true)
    return null
  }
  return STATUS.invalid
}

/** INT 40h. */
export function* int40(r: Registers, context: Context): Service<Outcome> {
  if (r.dl >= 0x80) {
    r.returnEnabled()
    r.ah = STATUS.invalid
    r.setCarry(true)
    return DONE
  }
  return yield* int13(r, context)
}

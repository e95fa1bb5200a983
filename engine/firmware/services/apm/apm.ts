import { halt, in16, out16, type Service } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BIOS_ENTRY, BIOS_SEGMENT } from '../../port/rom-layout.ts'
import type { Context } from '../context.ts'
import { ACPI_PORTS } from '../pci/routing.ts'

const ERROR = {
  disabled: 0x01,
  connected: 0x02,
  notConnected: 0x03,
  unknownDevice: 0x09,
  parameter: 0x0a,
  notEngaged: 0x0b,
  noEvent: 0x80,
  unsupported: 0x86,
} as const
const PM1A_CONTROL = 4
const SOFT_OFF = 0x2000 // SLP_EN with the sleep type of S5, as the DSDT gives it

/**
 * INT 15h/53h and the protected-mode entries. @see APM BIOS interface specification 1.2
 * @param interrupt false when called through a protected-mode entry
 */
export function* apm(r: Registers, context: Context, interrupt = true): Service<Outcome> {
  const { apm: state } = context.state
  const error = yield* dispatch(r, state, interrupt)
  r.setCarry(error !== 0)
  if (error) r.ah = error
  return DONE
}

function* dispatch(r: Registers, state: Context['state']['apm'], interrupt: boolean): Service<number> {
  switch (r.al) {
    case 0x00:
      if (r.bx !== 0) return ERROR.unknownDevice
      r.ax = 0x0102
      r.bx = 0x504d // "PM"
      r.cx = 0x0003 // 16- and 32-bit protected-mode interfaces
      return 0
    case 0x01:
    case 0x02:
    case 0x03:
      if (!interrupt) return ERROR.parameter
      if (r.bx !== 0) return ERROR.unknownDevice
      if (state.connected) return ERROR.connected
      state.connected = true
      state.version = 0x0100
      if (r.al === 0x02) {
        r.ax = BIOS_SEGMENT
        r.bx = BIOS_ENTRY.apm16
        r.cx = BIOS_SEGMENT
        r.si = 0xffff
        r.di = 0xffff
      } else if (r.al === 0x03) {
        r.ax = BIOS_SEGMENT
        r.ebx = BIOS_ENTRY.apm32
        r.cx = BIOS_SEGMENT
        r.dx = BIOS_SEGMENT
        r.esi = 0xffffffff // both code segments are 64 KiB
        r.di = 0xffff
      }
      return 0
    case 0x04:
      if (!state.connected) return ERROR.notConnected
      state.connected = false
      return 0
    case 0x05:
      // A program at a lower privilege may not halt; it goes on at once and asks again.
      if ((r.cs & 3) === 0 || interrupt) yield* halt()
      return 0
    case 0x06:
      return 0
    case 0x07:
      if (!state.connected) return ERROR.notConnected
      if (r.cx === 3 && (r.bx === 1 || r.bx === 0x01ff)) {
        yield* out16(
          ACPI_PORTS.base + PM1A_CONTROL,
          ((yield* in16(ACPI_PORTS.base + PM1A_CONTROL)) & 0xc3ff) | SOFT_OFF,
        )
        // Machines without the PIIX4 stop here for good, as if they had been switched off.
        return ERROR.notEngaged
      }
      return r.cx <= 4 ? 0 : ERROR.parameter
    case 0x08:
      state.enabled = r.cx !== 0
      return 0
    case 0x09:
      return 0
    case 0x0a:
      r.bx = 0x01ff // on line, battery unknown
      r.cx = 0x80ff
      r.dx = 0xffff
      r.si = 0
      return 0
    case 0x0b:
      return state.connected ? ERROR.noEvent : ERROR.notConnected
    case 0x0c:
      r.cx = 0
      return 0
    case 0x0d:
    case 0x0f:
    case 0x10:
      if (r.al === 0x10) {
        r.bl = 0
        r.cx = 0
      }
      return 0
    case 0x0e: {
      if (!state.connected) return ERROR.notConnected
      const version = Math.min(0x0102, r.cx)
      if (version < 0x0100) return ERROR.parameter
      state.version = version
      r.ax = version
      return 0
    }
    default:
      return ERROR.unsupported
  }
}

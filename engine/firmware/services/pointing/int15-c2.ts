import { answer, in8, out8, type Service } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import type { PointingState } from '../../state.ts'
import type { Context } from '../context.ts'

const STATUS = { ok: 0, badFunction: 1, badInput: 2, interface: 3, resend: 4, noHandler: 5 } as const
const ACK = 0xfa
const POLLS = 20_000
const SAMPLE_RATES = [10, 20, 40, 60, 80, 100, 200]
const AUX_DISABLED = 0x20
const AUX_INTERRUPT = 0x02

function* controllerReady(): Service {
  for (let tries = 0; tries < POLLS; tries++) if (!((yield* in8(0x64)) & 2)) return
}
function* outputByte(): Service<number | null> {
  for (let tries = 0; tries < POLLS; tries++) if ((yield* in8(0x64)) & 1) return yield* in8(0x60)
  return null
}
function* commandByte(change: (value: number) => number): Service {
  yield* controllerReady()
  yield* out8(0x64, 0x20)
  const old = (yield* outputByte()) ?? 0x45
  yield* controllerReady()
  yield* out8(0x64, 0x60)
  yield* controllerReady()
  yield* out8(0x60, change(old))
}

/** Sends bytes to the mouse with its interrupt off. @returns `replies` bytes behind the last acknowledgement, or null */
function* talk(bytes: readonly number[], replies = 0): Service<number[] | null> {
  yield* commandByte((value) => value & ~(AUX_INTERRUPT | AUX_DISABLED))
  const answer: number[] = []
  let good = true
  for (const byte of bytes) {
    yield* controllerReady()
    yield* out8(0x64, 0xd4)
    yield* controllerReady()
    yield* out8(0x60, byte)
    let reply = yield* outputByte()
    // A packet may still be under way.
    for (let skipped = 0; reply !== null && reply !== ACK && skipped < 8; skipped++)
      reply = yield* outputByte()
    if (reply !== ACK) {
      good = false
      break
    }
  }
  for (let index = 0; good && index < replies; index++) {
    const byte = yield* outputByte()
    if (byte === null) good = false
    else answer.push(byte)
  }
  return good ? answer : null
}

const enableInterrupt = (): Service => commandByte((value) => (value & ~AUX_DISABLED) | AUX_INTERRUPT)

/** INT 15h/C2h: pointing device. @see IBM PS/2 and PC BIOS interface technical reference, "Pointing device" */
export function* pointingDevice(r: Registers, context: Context): Service {
  const status = yield* dispatch(r, context)
  r.ah = status
  r.setCarry(status !== STATUS.ok)
}

function* dispatch(r: Registers, { state: { pointing } }: Context): Service<number> {
  const simple = function* (bytes: readonly number[]): Service<number> {
    return (yield* talk(bytes)) ? STATUS.ok : STATUS.interface
  }
  switch (r.al) {
    case 0x00:
      if (r.bh > 1) return STATUS.badInput
      if (r.bh === 1 && !pointing.handlerSegment && !pointing.handlerOffset) return STATUS.noHandler
      pointing.packet = []
      if (!(yield* talk([r.bh ? 0xf4 : 0xf5]))) return STATUS.interface
      if (r.bh) yield* enableInterrupt()
      return STATUS.ok
    case 0x01:
    case 0x05: {
      if (r.al === 0x05) {
        if (r.bh < 1 || r.bh > 8) return STATUS.badInput
        pointing.packetBytes = r.bh
      }
      pointing.packet = []
      const reply = yield* talk([0xff], 2)
      if (!reply) return STATUS.interface
      r.bl = reply[0]!
      r.bh = reply[1]!
      return STATUS.ok
    }
    case 0x02: {
      const rate = SAMPLE_RATES[r.bh]
      return rate === undefined
        ? STATUS.badInput
        : yield* restoring(simple([0xf3, rate]), pointing.handlerSegment)
    }
    case 0x03:
      return r.bh > 3 ? STATUS.badInput : yield* restoring(simple([0xe8, r.bh]), pointing.handlerSegment)
    case 0x04: {
      const reply = yield* talk([0xf2], 1)
      if (!reply) return STATUS.interface
      r.bh = reply[0]!
      return STATUS.ok
    }
    case 0x06:
      if (r.bh === 0) {
        const reply = yield* talk([0xe9], 3)
        if (!reply) return STATUS.interface
        r.bl = reply[0]!
        r.cl = reply[1]!
        r.dl = reply[2]!
        if (pointing.handlerSegment) yield* enableInterrupt()
        return STATUS.ok
      }
      return r.bh > 2
        ? STATUS.badInput
        : yield* restoring(simple([r.bh === 1 ? 0xe6 : 0xe7]), pointing.handlerSegment)
    case 0x07:
      pointing.handlerSegment = r.es
      pointing.handlerOffset = r.bx
      return STATUS.ok
    default:
      return STATUS.badFunction
  }
}

/** Opens the interrupt again after a command to a mouse that is in use. */
function* restoring(command: Service<number>, inUse: number): Service<number> {
  const status = yield* command
  if (inUse) yield* enableInterrupt()
  return status
}

/**
 * One byte of the mouse, in AL, as the ROM's IRQ 12 handler read it.
 * Gives AH = 1 with a whole packet: BX:CX the handler, ESI status and X, EDI Y and a zero; BP X for a ROM of 16 bits.
 */
export function mouseInterrupt(r: Registers, { state: { pointing } }: Context): Service<Outcome> {
  r.ah = 0
  const packet = takeByte(r.al, pointing)
  if (packet) {
    const [status = 0, x = 0, y = 0, z = 0] = packet
    r.esi = ((x << 16) | status) >>> 0
    r.edi = ((z << 16) | y) >>> 0
    r.bp = x
    r.bx = pointing.handlerSegment
    r.cx = pointing.handlerOffset
    r.ah = 1
  }
  return answer(DONE)
}

/** @returns the packet that the byte completes, or null */
function takeByte(byte: number, pointing: PointingState): number[] | null {
  if (!pointing.handlerSegment && !pointing.handlerOffset) return null
  // Bit 3 of a first byte is always set: what comes without it belongs to a packet whose start was lost.
  if (pointing.packet.length === 0 && pointing.packetBytes === 3 && !(byte & 8)) return null
  const { packet } = pointing
  packet.push(byte)
  if (packet.length < pointing.packetBytes) return null
  pointing.packet = []
  return packet
}

import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { PortMap } from '../../bus/port-map.ts'
import { FIRMWARE_PORT, FirmwarePort, type Dispatch } from './firmware-port.ts'
import { answer, COMMAND, HEADER_BYTES, read, write } from './protocol.ts'
import { DONE } from './registers.ts'

function powerOn(dispatch: Dispatch) {
  const clock = new ManualClock()
  const warnings: string[] = []
  const port = new FirmwarePort(clock, dispatch, { warn: (message) => warnings.push(message) })
  const ports = new PortMap()
  for (const { range, device } of port.ports) ports.map(range, device)
  /** Begins a call as the ROM does. @returns its channel */
  const begin = (service: number, { eax = 0, flags = 0x202 } = {}) => {
    const channel = ports.read(FIRMWARE_PORT, 2)
    ports.write(channel, service, 2)
    ports.write(channel, eax, 4)
    for (let index = 0; index < 6; index++) ports.write(channel, index + 1, 4)
    ports.write(channel, 0x1111, 2)
    ports.write(channel, 0x2222, 2)
    ports.write(channel, 0xf000e05b, 4)
    ports.write(channel, flags, 2)
    ports.write(channel, 0x0002, 2)
    ports.write(channel, 0x9000, 2)
    ports.write(channel, 0x7c00, 4)
    return channel
  }
  return { clock, port, ports, begin, warnings }
}

describe('a call', () => {
  it('takes the registers along and brings them back', () => {
    const { ports, begin, port } = powerOn((service, r) => {
      expect([service, r.ds, r.es, r.cs, r.ip, r.ss, r.esp]).toEqual([
        0x10, 0x1111, 0x2222, 0xf000, 0xe05b, 0x9000, 0x7c00,
      ])
      r.ah = 0x12
      r.setCarry(true)
      return answer(DONE)
    })
    expect(port.busy).toBe(false)
    const channel = begin(0x10, { eax: 0xaabbccdd })
    expect(port.busy).toBe(true)

    expect(ports.read(channel, 4)).toBe(COMMAND.done)
    expect(port.busy).toBe(true)
    expect(ports.read(channel, 2)).toBe(0x203)
    expect(ports.read(channel, 4)).toBe(0xf000e05b)
    expect(ports.read(channel, 2)).toBe(0x2222)
    expect(ports.read(channel, 2)).toBe(0x1111)
    const file = Array.from({ length: 6 }, () => ports.read(channel, 4))
    expect(file).toEqual([6, 5, 4, 2, 1, 3]) // EBP, EDI, ESI, ECX, EBX, EDX
    expect(ports.read(channel, 4)).toBe(0xaabb12dd)
    expect(port.busy).toBe(false)
  })

  it('reads and writes memory through the port, in pieces of any width', () => {
    const { ports, begin } = powerOn(() =>
      (function* () {
        const got = yield* read(0x40, 0x10, 3)
        yield* write(
          0x50,
          0x20,
          got.map((byte) => byte + 1),
        )
        return DONE
      })(),
    )
    const channel = begin(1)
    expect(ports.read(channel, 4)).toBe(COMMAND.read | (3 << 16))
    expect(ports.read(channel, 4)).toBe(0x00400010)
    for (const byte of [7, 8, 9]) ports.write(channel, byte, 1)
    expect(ports.read(channel, 4)).toBe(COMMAND.write | (3 << 16))
    expect(ports.read(channel, 4)).toBe(0x00500020)
    expect([1, 2, 3].map(() => ports.read(channel, 1))).toEqual([8, 9, 10])
  })

  it('moves string I/O in one piece', () => {
    const block = Uint8Array.from({ length: 64 }, (_, index) => index)
    const { ports, begin } = powerOn(() =>
      (function* () {
        yield* write(0, 0, yield* read(0, 0, 64))
        return DONE
      })(),
    )
    const channel = begin(1)
    ports.read(channel, 4)
    ports.read(channel, 4)
    expect(ports.bulk(channel)!.writeBlock(block)).toBe(64)
    ports.read(channel, 4)
    ports.read(channel, 4)
    const back = new Uint8Array(64)
    expect(ports.bulk(channel)!.readBlock(back)).toBe(64)
    expect(back).toEqual(block)
  })

  it('may be interrupted by others, each on a channel of its own', () => {
    const { ports, begin } = powerOn((service) =>
      (function* () {
        yield* read(0, service, 1)
        return DONE
      })(),
    )
    const outer = begin(1)
    ports.read(outer, 4)
    const inner = begin(2)
    expect(inner).not.toBe(outer)
    ports.read(inner, 4)

    expect(ports.read(inner, 4)).toBe(2)
    expect(ports.read(outer, 4)).toBe(1)
  })
})

describe('a guest that does not keep to the protocol', () => {
  const endless: Dispatch = () =>
    (function* () {
      for (;;) yield* read(0, 0, 1)
    })()

  it('gets the channel back that was left alone longest', () => {
    const { ports, begin, clock } = powerOn(endless)
    const channels = new Set<number>()
    for (let call = 0; call < 31; call++) {
      clock.advance(1)
      const channel = begin(1)
      ports.read(channel, 4)
      channels.add(channel)
    }
    expect(channels.size).toBe(31)
    expect(begin(1)).toBe(FIRMWARE_PORT + 4)
  })

  it('is not busy for ever with a call that was left', () => {
    const { ports, begin, clock, port } = powerOn(endless)
    ports.read(begin(1), 4)
    expect(port.busy).toBe(true)

    clock.advance(2e9)

    expect(port.busy).toBe(false)
  })

  it('reads nothing from a channel that is not open and may write what it likes', () => {
    const { ports } = powerOn(endless)
    expect(ports.read(FIRMWARE_PORT + 8, 4)).toBe(0xffffffff)
    for (let index = 0; index < 1000; index++) ports.write(FIRMWARE_PORT + (index & 0x7c), index, 4)
    const channel = ports.read(FIRMWARE_PORT, 2)
    for (let index = 0; index < HEADER_BYTES * 4; index++) ports.write(channel, 0xff, 1)
    expect(ports.read(channel, 1)).toBe(COMMAND.read)
  })

  it('cannot write on into a call that a reset has ended', () => {
    const { ports, begin, port } = powerOn(endless)
    const channel = begin(1)
    ports.read(channel, 4)
    const other = ports.read(FIRMWARE_PORT, 2)

    port.reset()

    expect(ports.bulk(other)!.writeBlock(new Uint8Array(16))).toBe(0)
    expect(ports.bulk(channel)!.writeBlock(new Uint8Array(16))).toBe(0)
  })

  it('gets an error from a service that fails, and we the reason', () => {
    const { ports, begin, warnings } = powerOn(() => {
      throw new Error('our mistake')
    })
    const channel = begin(0x13)
    ports.read(channel, 4)
    expect(ports.read(channel, 2) & 1).toBe(1)
    expect(warnings[0]).toContain('our mistake')
  })
})

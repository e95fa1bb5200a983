import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { EngineError } from '../base/errors.ts'
import { PortMap } from '../bus/port-map.ts'
import { Firmware } from './firmware.ts'
import { FIRMWARE_PORT } from './port/firmware-port.ts'
import { COMMAND, HEADER_BYTES } from './port/protocol.ts'
import { testContext } from './test-machine.ts'

function powerOn() {
  const placed: [number, Uint8Array][] = []
  const firmware = new Firmware(
    testContext({
      kernel: {
        pieces: [{ address: 0x100000, bytes: Uint8Array.of(1, 2) }],
        start: { kind: 'real', cs: 0x1020, ip: 0, ds: 0x1000, ss: 0x1000, sp: 0xe000 },
      },
    }).config,
    new ManualClock(),
    { dmaWrite: (address, bytes) => placed.push([address, bytes]) },
  )
  const ports = new PortMap()
  for (const { range, device } of firmware.ports) ports.map(range, device)
  const begin = (service: number, eax = 0) => {
    const channel = ports.read(FIRMWARE_PORT, 2)
    ports.write(channel, service, 2)
    ports.write(channel, eax, 4)
    for (let index = 6; index < HEADER_BYTES; index++) ports.write(channel, 0, 1)
    return channel
  }
  return { firmware, ports, begin, placed }
}

/** Reads the answer to a call that needs no command in between. */
const finish = (ports: PortMap, channel: number): number[] =>
  Array.from({ length: 11 }, () => ports.read(channel, 4))

describe('saved state', () => {
  it('is what was saved after something else happened', () => {
    const { firmware, ports, begin } = powerOn()
    const before = firmware.save()
    finish(ports, begin(0x15, 0x5301)) // APM: connect
    const connected = firmware.save()
    expect(connected).not.toEqual(before)

    firmware.restore(before)
    expect(firmware.save()).toEqual(before)
    firmware.restore(connected)
    expect(firmware.save()).toEqual(connected)
    firmware.reset()
    expect(firmware.save()).toEqual(before)
  })

  it.each([
    { version: 2 },
    { boot: { attempt: 0, phase: 'lost', untilNs: 0, choice: 0 } },
    { waitUntilNs: Infinity },
    {
      emulation: {
        drive: 0,
        media: 'floppy',
        mediaType: 2,
        cd: 0,
        start: 30,
        loadSegment: 0,
        loadSectors: 1,
        cylinders: 0,
        heads: 2,
        sectors: 18,
      },
    },
    { pointing: { handlerSegment: 0, handlerOffset: 0, packetBytes: 3, packet: new Array(100).fill(0) } },
  ])('is refused when %o is in it', (wrong) => {
    const { firmware } = powerOn()
    const before = firmware.save()
    expect(() => firmware.restore({ ...before, ...wrong })).toThrow(EngineError)
    expect(firmware.save()).toEqual(before)
  })
})

it('writes to guest memory only to place a kernel', () => {
  const { ports, begin, placed, firmware } = powerOn()
  const channel = begin(0x119)
  expect(placed).toEqual([])
  expect(ports.read(channel, 4)).toBe(COMMAND.in8 | (0x92 << 16))
  ports.write(channel, 0, 1)
  expect(ports.read(channel, 4) & 0xff).toBe(COMMAND.out8)
  expect(firmware.busy).toBe(true)
  expect(ports.read(channel, 4)).toBe(COMMAND.launch16)
  expect(placed).toEqual([[0x100000, Uint8Array.of(1, 2)]])
})

it('survives any sequence of accesses', () => {
  const { ports } = powerOn()
  let seed = 7
  const random = (below: number) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % below
  for (let access = 0; access < 50_000; access++) {
    const port = FIRMWARE_PORT + random(0x84)
    const size = ([1, 2, 4] as const)[random(3)]!
    if (random(3)) ports.write(port, random(4) ? random(0x120) : random(0x10000), size)
    else ports.read(port, size)
  }
})

import { describe, expect, it } from 'vitest'
import type { AccessSize, BulkPort, BusDevice } from '../../../engine/bus/bus-device.ts'
import { runBareMetal } from './bare-metal.ts'
import type { TestProcessor } from './processor.ts'

const BULK = 0x200
const SINGLE = 0x210
/** What the bulk port gives or takes at most at once: less than most programs ask for. */
const PIECE = 512

/** Gives 0, 1, 2, … byte by byte and keeps what it gets. */
class Stream implements BusDevice {
  next = 0
  pieces = 0
  readonly got: number[] = []

  read(_: number, size: AccessSize): number {
    let value = 0
    for (let at = 0; at < size; at++) value += (this.next++ & 0xff) * 2 ** (8 * at)
    return value
  }

  write(_: number, value: number, size: AccessSize): void {
    for (let at = 0; at < size; at++) this.got.push((value >>> (8 * at)) & 0xff)
  }
}

class BulkStream extends Stream implements BulkPort {
  readBlock(into: Uint8Array): number {
    this.pieces++
    const count = Math.min(into.length, PIECE) & ~3
    for (let at = 0; at < count; at++) into[at] = this.next++
    return count
  }

  writeBlock(from: Uint8Array): number {
    this.pieces++
    const count = Math.min(from.length, PIECE) & ~3
    this.got.push(...from.subarray(0, count))
    return count
  }
}

const mapped = new WeakMap<TestProcessor, { bulk: BulkStream; single: Stream }>()

/** Runs a program once with each kind of port in DX. @returns what memory, registers and port hold after it */
function withBoth(program: string) {
  const { processor } = runBareMetal('hlt')
  let streams = mapped.get(processor)
  if (!streams) {
    streams = { bulk: new BulkStream(), single: new Stream() }
    processor.ports.map({ name: 'bulk', base: BULK, length: 4, width: 4 }, streams.bulk)
    processor.ports.map({ name: 'single', base: SINGLE, length: 4, width: 4 }, streams.single)
    mapped.set(processor, streams)
  }
  const outcome = (stream: Stream, port: number) => {
    stream.next = 0
    stream.got.length = 0
    const end = `\nmov al, 0\nout 0xe9, ax\nmov ax, cx\nout 0xe9, ax\nmov ax, di\nout 0xe9, ax\nmov ax, si\nout 0xe9, ax\nhlt`
    const { log } = runBareMetal(`mov dx, ${port}\ncld\n${program}${end}`)
    return { log, ram: Buffer.from(processor.ram.subarray(0x2000, 0x20000)), got: [...stream.got] }
  }
  const one = outcome(streams.single, SINGLE)
  streams.bulk.pieces = 0
  const many = outcome(streams.bulk, BULK)
  return { one, many, pieces: streams.bulk.pieces }
}

describe('INS and OUTS in one piece do what they do one by one', () => {
  it.each([
    ['words across pages', 'mov di, 0x2ff2\nmov cx, 1001\nrep insw'],
    ['dwords', 'mov di, 0x3000\nmov cx, 700\nrep insd'],
    ['dwords that straddle pages', 'mov di, 0x2ffd\nmov cx, 1500\nrep insd'],
    ['an odd number of words', 'mov di, 0x3000\nmov cx, 13\nrep insw'],
    ['around the end of a 16-bit offset', 'mov di, 0xfff0\nmov cx, 16\nrep insw'],
    ['words to the port', 'mov si, 0x1000\nmov cx, 777\nrep outsw'],
    ['dwords to the port', 'mov si, 0x1ffe\nmov cx, 300\nrep outsd'],
  ])('%s', (_, program) => {
    const { one, many, pieces } = withBoth(program)
    expect(pieces).toBeGreaterThan(0)
    expect(many.log).toEqual(one.log)
    expect(many.ram.equals(one.ram)).toBe(true)
    expect(many.got.length).toBe(one.got.length)
    // What goes out is the program, which holds the port's number.
    const differences = many.got.filter((byte, at) => byte !== one.got[at]).length
    expect(differences).toBeLessThanOrEqual(1)
  })

  it.each([
    ['backwards', 'std\nmov di, 0x4000\nmov cx, 100\nrep insw'],
    ['bytes', 'mov di, 0x3000\nmov cx, 100\nrep insb'],
    ['not repeated', 'mov di, 0x3000\ninsd'],
  ])('and are left to single accesses %s', (_, program) => {
    const { one, many, pieces } = withBoth(program)
    expect(pieces).toBe(0)
    expect(many.ram.equals(one.ram)).toBe(true)
  })

  it('reach pages that hold code', () => {
    const program = `mov di, target\nmov cx, 8\nrep insd\nmov al, [target + 5]\nmov ah, 0\nout 0xe9, ax\njmp over\ntarget: times 32 nop\nover:`
    const { one, many } = withBoth(program)
    expect(many.log).toEqual(one.log)
    expect(many.log[0]).toBe(5)
  })
})

/**
 * What passes through the firmware port between the ROM (rom/channel16.asm) and the services.
 *
 * A call begins with a read of the base port, which gives the number of a channel port. The ROM writes the
 * caller's registers there, then reads commands, carries each out in the caller's own context and reads the
 * next, until the command `done` brings the registers back. Nothing here sees memory or registers
 * behind the guest's back, so a call works the same in real and virtual-8086 mode, under a memory manager
 * that remaps pages, and on any accelerator.
 */
export const COMMAND = {
  done: 0,
  retry: 1,
  read: 2,
  write: 3,
  read32: 4,
  write32: 5,
  copy: 6,
  fill: 7,
  in8: 8,
  in16: 9,
  in32: 10,
  out8: 11,
  out16: 12,
  out32: 13,
  outList: 14,
  halt: 15,
  callFar: 16,
  protectedCopy: 17,
  launch16: 18,
  launch32: 19,
  switchProtected: 20,
} as const

/** Where `retry` calls again: the ROM's table of stubs has the same order. */
export const RETRY = { int15: 0, int16: 1, boot: 2 } as const

/** Bytes the ROM sends at the start of a call: see `enter` in rom/channel16.asm. */
export const HEADER_BYTES = 48

/** One command: bytes for the ROM to read, and how many it writes in answer. */
export interface Exchange {
  send: Uint8Array
  expect: number
}

/** A service in progress: yields commands, is resumed with the answers. */
export type Service<Result = void> = Generator<Exchange, Result, Uint8Array>

/** A service that asks nothing of the guest. */
// oxlint-disable-next-line require-yield -- a generator by its interface only
export function* answer<Result>(result: Result): Service<Result> {
  return result
}

/** Little-endian bytes, put together piece by piece. */
export class Packer {
  #bytes: number[] = []

  command(code: number, count = 0, small = 0): this {
    return this.u8(code).u8(small).u16(count)
  }
  u8(value: number): this {
    this.#bytes.push(value & 0xff)
    return this
  }
  u16(value: number): this {
    return this.u8(value).u8(value >>> 8)
  }
  u32(value: number): this {
    return this.u16(value).u16(value >>> 16)
  }
  far(segment: number, offset: number): this {
    return this.u16(offset).u16(segment)
  }
  get bytes(): Uint8Array {
    return new Uint8Array(this.#bytes)
  }
}

const NOTHING_BACK = 0
/** Longest piece of memory in one command: the count is 16 bits wide. */
const MAX_PIECE = 0x8000

/** A far address of the caller, with the offset kept small so that a piece never wraps its segment. */
interface Far {
  segment: number
  offset: number
}

function advance({ segment, offset }: Far, bytes: number): Far {
  const sum = offset + bytes
  return sum < 0x8000
    ? { segment, offset: sum }
    : { segment: (segment + (sum >>> 4)) & 0xffff, offset: sum & 15 }
}

/** Pieces of a range of the caller's memory, none of which crosses the end of its segment. */
function* pieces(
  segment: number,
  offset: number,
  length: number,
): Generator<Far & { at: number; count: number }> {
  let far: Far = { segment, offset }
  for (let at = 0; at < length;) {
    // An address that is already near the end of its segment moves to a later segment, as far as real mode has one.
    if (far.offset + Math.min(length - at, MAX_PIECE) > 0x10000) far = advance(far, 0)
    const count = Math.min(length - at, MAX_PIECE, 0x10000 - far.offset)
    yield { ...far, at, count }
    at += count
    far = advance(far, count)
  }
}

/** Reads memory of the caller. */
export function* read(segment: number, offset: number, length: number): Service<Uint8Array> {
  const result = new Uint8Array(length)
  for (const { segment: s, offset: o, at, count } of pieces(segment, offset, length)) {
    const wide = count % 4 === 0
    const send = new Packer()
      .command(wide ? COMMAND.read32 : COMMAND.read, wide ? count / 4 : count)
      .far(s, o).bytes
    result.set(yield { send, expect: count }, at)
  }
  return result
}

/** Writes memory of the caller. */
export function* write(segment: number, offset: number, data: Uint8Array): Service {
  for (const { segment: s, offset: o, at, count } of pieces(segment, offset, data.length)) {
    const wide = count % 4 === 0
    const head = new Packer()
      .command(wide ? COMMAND.write32 : COMMAND.write, wide ? count / 4 : count)
      .far(s, o).bytes
    const send = new Uint8Array(head.length + count)
    send.set(head)
    send.set(data.subarray(at, at + count), head.length)
    yield { send, expect: NOTHING_BACK }
  }
}

export function* readByte(segment: number, offset: number): Service<number> {
  return (yield* read(segment, offset, 1))[0]!
}
export function* readWord(segment: number, offset: number): Service<number> {
  const bytes = yield* read(segment, offset, 2)
  return bytes[0]! | (bytes[1]! << 8)
}
export function* readDword(segment: number, offset: number): Service<number> {
  return toDword(yield* read(segment, offset, 4))
}
export const writeByte = (segment: number, offset: number, value: number): Service =>
  write(segment, offset, Uint8Array.of(value))
export const writeWord = (segment: number, offset: number, value: number): Service =>
  write(segment, offset, new Packer().u16(value).bytes)
export const writeDword = (segment: number, offset: number, value: number): Service =>
  write(segment, offset, new Packer().u32(value).bytes)

/** Copies within the caller's memory; `unit` 1 goes byte by byte, as planar video memory needs. */
export function* copy(
  from: { segment: number; offset: number },
  to: { segment: number; offset: number },
  length: number,
  { unit = 2, down = false }: { unit?: 1 | 2; down?: boolean } = {},
): Service {
  if (length <= 0) return
  const last = down ? length - unit : 0
  const send = new Packer()
    .command(COMMAND.copy, length / unit, (down ? 1 : 0) | (unit === 2 ? 2 : 0))
    .far(from.segment, from.offset + last)
    .far(to.segment, to.offset + last).bytes
  yield { send, expect: NOTHING_BACK }
}

/** Stores a word (or, with `unit` 1, its low byte) over and over. */
export function* fill(
  segment: number,
  offset: number,
  count: number,
  value: number,
  unit: 1 | 2 = 2,
): Service {
  if (count <= 0) return
  yield {
    send: new Packer()
      .command(COMMAND.fill, count, unit === 2 ? 2 : 0)
      .far(segment, offset)
      .u16(value).bytes,
    expect: NOTHING_BACK,
  }
}

export function* in8(port: number): Service<number> {
  return (yield { send: new Packer().command(COMMAND.in8, port).bytes, expect: 1 })[0]!
}
export function* in16(port: number): Service<number> {
  const bytes = yield { send: new Packer().command(COMMAND.in16, port).bytes, expect: 2 }
  return bytes[0]! | (bytes[1]! << 8)
}
export function* in32(port: number): Service<number> {
  return toDword(yield { send: new Packer().command(COMMAND.in32, port).bytes, expect: 4 })
}
export function* out8(port: number, value: number): Service {
  yield { send: new Packer().command(COMMAND.out8, port, value & 0xff).bytes, expect: NOTHING_BACK }
}
export function* out16(port: number, value: number): Service {
  yield { send: new Packer().command(COMMAND.out16, port).u16(value).bytes, expect: NOTHING_BACK }
}
export function* out32(port: number, value: number): Service {
  yield { send: new Packer().command(COMMAND.out32, port).u32(value).bytes, expect: NOTHING_BACK }
}

/** Many byte-wide port writes in one command. */
export function* outMany(writes: readonly (readonly [port: number, value: number])[]): Service {
  if (writes.length === 0) return
  const packer = new Packer().command(COMMAND.outList, writes.length)
  // The ROM reads a dword and takes the port from its low half after rotating it by 16.
  for (const [port, value] of writes) packer.u16(value).u16(port)
  yield { send: packer.bytes, expect: NOTHING_BACK }
}

/** Enables interrupts, waits for one and disables them. Other calls may run meanwhile. */
export function* halt(): Service {
  yield { send: new Packer().command(COMMAND.halt).bytes, expect: NOTHING_BACK }
}

/** Far-calls a routine with AX, BX and DX set; it keeps the stack and DX:BP, nothing else. */
export function* callFar(segment: number, offset: number, { ax = 0, bx = 0, dx = 0 } = {}): Service {
  yield {
    send: new Packer().command(COMMAND.callFar).far(segment, offset).u16(bx).u16(dx).u16(ax).bytes,
    expect: NOTHING_BACK,
  }
}

/**
 * Copies between any two physical addresses through protected mode.
 * @returns false when the processor is in protected or virtual-8086 mode already, where nothing was done.
 */
export function* protectedCopy(from: number, to: number, length: number): Service<boolean> {
  const send = new Packer().command(COMMAND.protectedCopy).u32(from).u32(to).u32(length).bytes
  return (yield { send, expect: 1 })[0] === 0
}

export function toDword(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
}

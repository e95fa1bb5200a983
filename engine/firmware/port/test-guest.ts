import { COMMAND, type Service } from './protocol.ts'
import { type Outcome, Registers } from './registers.ts'

/** A port write, as a test reads it. */
export type PortWrite = readonly [port: number, value: number]

/**
 * A guest for tests of services: carries out commands as the ROM does, on a megabyte of memory and on ports
 * that a test scripts.
 */
export class TestGuest {
  readonly memory = new Uint8Array(0x110000)
  readonly view = new DataView(this.memory.buffer)
  readonly writes: PortWrite[] = []
  /** Physical memory above 1 MiB that protected-mode copies wrote. */
  readonly high = new Map<number, Uint8Array>()
  /** What each port gives; a missing one floats. A function is asked each time. */
  readonly ports = new Map<number, number | ((value?: number) => number)>()
  /** False plays a guest in virtual-8086 mode. */
  realMode = true
  /** Called for each `halt`. */
  onHalt = (): void => {}

  /** Runs a service to its end. */
  run<Result>(service: Service<Result>): Result {
    let answer = new Uint8Array(0)
    for (let steps = 0; steps < 200_000; steps++) {
      const next = service.next(answer)
      if (next.done) return next.value
      answer = this.#carryOut(next.value.send)
      if (answer.length !== next.value.expect)
        throw new Error(`a command asks for ${next.value.expect} bytes and gets ${answer.length}`)
    }
    throw new Error('the service does not end')
  }

  /** Runs a service with registers that `setup` fills. */
  call(
    service: (registers: Registers) => Service<Outcome>,
    setup: Partial<Registers>,
  ): { r: Registers; outcome: Outcome } {
    const r = new Registers()
    Object.assign(r, setup)
    return { r, outcome: this.run(service(r)) }
  }

  bytes(segment: number, offset: number, length: number): number[] {
    return Array.from(this.memory.subarray(segment * 16 + offset, segment * 16 + offset + length))
  }
  word(segment: number, offset: number): number {
    return this.view.getUint16(segment * 16 + offset, true)
  }
  dword(segment: number, offset: number): number {
    return this.view.getUint32(segment * 16 + offset, true)
  }
  set(segment: number, offset: number, bytes: ArrayLike<number>): void {
    this.memory.set(bytes, segment * 16 + offset)
  }
  /** Characters of a row of the text screen. */
  row(row: number, columns = 80): string {
    const at = 0xb8000 + row * columns * 2
    return Array.from({ length: columns }, (_, column) => String.fromCharCode(this.memory[at + column * 2]!))
      .join('')
      .trimEnd()
  }

  #carryOut(send: Uint8Array): Uint8Array<ArrayBuffer> {
    const view = new DataView(send.buffer, send.byteOffset, send.byteLength)
    const small = send[1]!
    const count = view.getUint16(2, true)
    const far = (at: number) => view.getUint16(at + 2, true) * 16 + view.getUint16(at, true)
    const inSegment = (at: number, length: number) => {
      if (view.getUint16(at, true) + length > 0x10000) throw new Error('a piece wraps its segment')
    }
    switch (send[0]) {
      case COMMAND.read:
      case COMMAND.read32: {
        const length = count * (send[0] === COMMAND.read ? 1 : 4)
        inSegment(4, length)
        return this.memory.slice(far(4), far(4) + length)
      }
      case COMMAND.write:
      case COMMAND.write32:
        inSegment(4, send.length - 8)
        this.memory.set(send.subarray(8), far(4))
        break
      case COMMAND.copy: {
        const unit = small & 2 ? 2 : 1
        const step = small & 1 ? -unit : unit
        for (let index = 0, from = far(4), to = far(8); index < count; index++, from += step, to += step)
          this.memory.copyWithin(to, from, from + unit)
        break
      }
      case COMMAND.fill:
        for (let index = 0; index < count; index++) {
          if (small & 2) this.view.setUint16(far(4) + index * 2, view.getUint16(8, true), true)
          else this.memory[far(4) + index] = send[8]!
        }
        break
      case COMMAND.in8:
        return this.#input(count, 1)
      case COMMAND.in16:
        return this.#input(count, 2)
      case COMMAND.in32:
        return this.#input(count, 4)
      case COMMAND.out8:
        this.#output(count, small)
        break
      case COMMAND.out16:
        this.#output(count, view.getUint16(4, true))
        break
      case COMMAND.out32:
        this.#output(count, view.getUint32(4, true))
        break
      case COMMAND.outList:
        for (let index = 0; index < count; index++)
          this.#output(view.getUint16(6 + index * 4, true), view.getUint16(4 + index * 4, true))
        break
      case COMMAND.halt:
        this.onHalt()
        break
      case COMMAND.callFar:
        break
      case COMMAND.protectedCopy: {
        if (!this.realMode) return Uint8Array.of(1)
        const [from, to, length] = [4, 8, 12].map((at) => view.getUint32(at, true)) as [
          number,
          number,
          number,
        ]
        const bytes = this.memory.slice(from, from + length)
        if (to >= 0x100000) this.high.set(to, bytes)
        else this.memory.set(bytes, to)
        return Uint8Array.of(0)
      }
      default:
        throw new Error(`unknown command ${send[0]}`)
    }
    return new Uint8Array(0)
  }

  #input(port: number, size: number): Uint8Array<ArrayBuffer> {
    const source = this.ports.get(port)
    const value = typeof source === 'function' ? source() : (source ?? 0xffffffff)
    return Uint8Array.from({ length: size }, (_, index) => (value >>> (8 * index)) & 0xff)
  }

  #output(port: number, value: number): void {
    this.writes.push([port, value])
    const target = this.ports.get(port)
    if (typeof target === 'function') target(value)
  }
}

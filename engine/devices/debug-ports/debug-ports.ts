import { ByteBatch } from '../../base/byte-batch.ts'
import type { Clock } from '../../base/clock.ts'
import { type AccessSize, type BusDevice, floating } from '../../bus/bus-device.ts'

/** Port E9h reads as its own number, which is how programs find it. */
export const DEBUG_CONSOLE_PORT = 0xe9
/** Four ports, width 4. */
export const DEBUG_EXIT_PORT = 0xf4

/** The debug console of Bochs: each byte written to port E9h goes to the listener. It keeps no state. */
export class DebugConsole implements BusDevice {
  #output: ByteBatch

  constructor(clock: Clock) {
    this.#output = new ByteBatch(clock)
  }

  onOutput(listener: (bytes: Uint8Array) => void): void {
    this.#output.onOutput(listener)
  }

  flush(): void {
    this.#output.flush()
  }

  read(): number {
    return DEBUG_CONSOLE_PORT
  }

  write(_offset: number, value: number): void {
    this.#output.push(value & 0xff)
  }
}

/** A write of `value` ends the run, with exit status (value << 1) | 1. */
export class DebugExit implements BusDevice {
  /** @param exit told the status, 0 to 255; acts after the access */
  constructor(private readonly exit: (status: number) => void) {}

  read(_offset: number, size: AccessSize): number {
    return floating(size)
  }

  write(offset: number, value: number): void {
    if (offset === 0) this.exit(((value << 1) | 1) & 0xff)
  }
}

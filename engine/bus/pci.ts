import { type Line, SharedLine } from '../base/line.ts'
import { type AccessSize, floating } from './bus-device.ts'
import type { PciFunction } from './pci-function.ts'

/**
 * Which of the four PCI interrupt requests (0 = PIRQA#) a device's pin is wired to. The board turns the pins by
 * one per slot so that single-function cards spread out; host bridge at 0, first slot at 1 with INTA# on PIRQA#.
 * @param pin 1 to 4
 */
export const pirqOf = (device: number, pin: number): number => (device - 1 + (pin - 1)) & 3

/** PCI bus 0: which functions sit on it and how their interrupt pins are wired. It has no state of its own. */
export class PciBus {
  #functions = new Map<number, PciFunction>()
  #pirqs: SharedLine[]

  /** @param pirqs PIRQA# to PIRQD#, active high */
  constructor(pirqs: readonly [Line, Line, Line, Line]) {
    this.#pirqs = pirqs.map((line) => new SharedLine(line))
  }

  /** @param device 0 to 31 @param functionNumber 0 to 7; function 0 must exist for the others to be found */
  attach(device: number, functionNumber: number, pciFunction: PciFunction): void {
    this.#functions.set((device << 3) | functionNumber, pciFunction)
    if (pciFunction.interruptPin)
      pciFunction.connect(this.#pirqs[pirqOf(device, pciFunction.interruptPin)]!.input())
  }

  /**
   * A configuration cycle.
   * @param target bus << 8 | device << 3 | function; what is not there reads as all ones
   * @param register 0 to 255; the access stays within an aligned dword
   */
  readConfig(target: number, register: number, size: AccessSize): number {
    return this.#functions.get(target)?.read(register, size) ?? floating(size)
  }

  writeConfig(target: number, register: number, value: number, size: AccessSize): void {
    const pciFunction = this.#functions.get(target)
    if (!pciFunction) return
    pciFunction.write(register, value, size)
    for (const other of this.#functions.values()) other.settle()
  }
}

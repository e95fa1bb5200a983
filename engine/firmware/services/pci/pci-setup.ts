import { out8, type Service } from '../../port/protocol.ts'
import type { Context } from '../context.ts'
import {
  type PciAddress,
  pciFunctions,
  readConfig16,
  readConfig32,
  readConfig8,
  sizeOfWindow,
  writeConfig16,
  writeConfig32,
  writeConfig8,
} from './configuration.ts'
import { ACPI_PORTS, interruptPin, LEVEL_INTERRUPTS, PIRQ_LINES } from './routing.ts'
import { FIRST_PCI_PORT, firstPciMemory, PCI_MEMORY_END } from './windows.ts'

const COMMAND = 0x04
const HEADER_TYPE = 0x0e
const BAR0 = 0x10
const INTERRUPT_LINE = 0x3c
const INTERRUPT_PIN = 0x3d
const PIRQRC = 0x60

const PIIX3_ISA = 0x70008086
const PIIX3_IDE = 0x70108086
const PIIX4_PM = 0x71138086

/** Where the next window goes. */
interface Cursor {
  memory: number
  port: number
}

/** Gives every PCI function its addresses and interrupt line, and sets up what belongs to the chipset. */
export function* initializePci({ config }: Context): Service {
  const functions = yield* pciFunctions()
  const cursor: Cursor = { memory: firstPciMemory(config.ramBytes), port: FIRST_PCI_PORT }
  for (const address of functions) {
    const id = yield* readConfig32(address, 0)
    if (id === PIIX3_ISA) yield* setupIsaBridge(address)
    if (id === PIIX4_PM) yield* setupPowerManagement(address)
    const header = (yield* readConfig8(address, HEADER_TYPE)) & 0x7f
    if (header !== 0) continue
    yield* assignWindows(address, cursor)
    if (id === PIIX3_IDE) {
      yield* writeConfig16(address, 0x40, 0x8000) // both channels decode the old ports
      yield* writeConfig16(address, 0x42, 0x8000)
    }
    const pin = yield* readConfig8(address, INTERRUPT_PIN)
    if (id === PIIX4_PM) yield* writeConfig8(address, INTERRUPT_LINE, 9)
    else if (pin >= 1 && pin <= 4)
      yield* writeConfig8(address, INTERRUPT_LINE, PIRQ_LINES[interruptPin(address >> 3, pin)]!)
  }
}

function* setupIsaBridge(address: PciAddress): Service {
  for (const [index, line] of PIRQ_LINES.entries()) yield* writeConfig8(address, PIRQRC + index, line)
  const levels = LEVEL_INTERRUPTS.reduce((mask, line) => mask | (1 << line), 0)
  yield* out8(0x4d0, levels & 0xff)
  yield* out8(0x4d1, levels >> 8)
}

function* setupPowerManagement(address: PciAddress): Service {
  yield* writeConfig32(address, 0x40, ACPI_PORTS.base | 1)
  yield* writeConfig8(address, 0x80, 1)
  yield* writeConfig32(address, 0x90, ACPI_PORTS.smbus | 1)
  yield* writeConfig8(address, 0xd2, 0x09)
}

function* assignWindows(address: PciAddress, cursor: Cursor): Service {
  let enable = 0
  for (let register = BAR0; register < BAR0 + 24; register += 4) {
    const mask = yield* sizeOfWindow(address, register)
    if (mask === 0 || mask === 0xffffffff) continue
    if (mask & 1) {
      const size = (~(mask & 0xfffc) + 1) & 0xffff
      if (size === 0) continue
      cursor.port = (cursor.port + size - 1) & ~(size - 1)
      if (cursor.port + size > 0x10000) continue
      yield* writeConfig32(address, register, cursor.port | 1)
      cursor.port += size
      enable |= 1
      continue
    }
    const size = (~((mask & 0xfffffff0) >>> 0) + 1) >>> 0
    const base = Math.ceil(cursor.memory / size) * size
    if (size !== 0 && base + size <= PCI_MEMORY_END) {
      yield* writeConfig32(address, register, base)
      cursor.memory = base + size
      enable |= 2
    }
    // The upper half of a 64-bit window stays zero.
    if ((mask & 6) === 4) {
      register += 4
      yield* writeConfig32(address, register, 0)
    }
  }
  const command = yield* readConfig16(address, COMMAND)
  yield* writeConfig16(address, COMMAND, command | enable | 4)
}

import { Packer } from '../../port/protocol.ts'
import { interruptPin, PIRQ_LINES } from './routing.ts'

const PIRQRC = 0x60
/** What a PIRQ may be routed to, apart from those that the board itself uses. */
const POSSIBLE = [3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15].reduce((mask, line) => mask | (1 << line), 0)
const LAST_DEVICE = 15

/** Slot entries of the $PIR table and of INT 1Ah/B10Eh: which PIRQ each pin of each device is wired to. */
export function routingEntries(): Uint8Array {
  const packer = new Packer()
  for (let device = 1; device <= LAST_DEVICE; device++) {
    packer.u8(0).u8(device << 3)
    for (let pin = 1; pin <= 4; pin++) packer.u8(PIRQRC + interruptPin(device, pin)).u16(POSSIBLE)
    packer.u8(device <= 2 ? 0 : device - 2).u8(0) // slot number, 0 on the board
  }
  return packer.bytes
}

/** The $PIR table. @see Microsoft PCI IRQ Routing Table specification 1.0 */
export function pirTable(): Uint8Array {
  const entries = routingEntries()
  const head = new Packer()
    .u32(0x52495024) // "$PIR"
    .u16(0x0100)
    .u16(32 + entries.length)
    .u8(0)
    .u8(1 << 3) // the ISA bridge routes
    .u16(PIRQ_LINES.reduce((mask, line) => mask | (1 << line), 0))
    .u32(0x70008086) // compatible router
    .u32(0)
  const table = new Uint8Array(32 + entries.length)
  table.set(head.bytes)
  table.set(entries, 32)
  table[31] = -table.reduce((sum, byte) => sum + byte, 0) & 0xff
  return table
}

import type { FirmwareConfig } from '../../config.ts'
import { COM_PORTS } from '../com-ports.ts'
import { dmaChannel, eisaId, ioPorts, irqLine } from '../tables/aml.ts'

const END_TAG = [0x79, 0]
/** A node that can neither be disabled nor configured. */
const FIXED = 0x0003

type Resources = readonly (readonly number[])[]

/** @see Plug and Play BIOS specification 1.0A, section 4.2 */
function node(
  index: number,
  id: string,
  type: readonly [number, number, number],
  ...resources: Resources
): Uint8Array {
  // Identifiers and descriptors are those of ACPI, which took them from here.
  const allocated = [...resources.flat(), ...END_TAG]
  const length = 12 + allocated.length + END_TAG.length * 2
  return Uint8Array.from([
    length & 0xff,
    length >> 8,
    index,
    ...eisaId(id).slice(1),
    ...type,
    FIXED & 0xff,
    FIXED >> 8,
    ...allocated,
    ...END_TAG,
    ...END_TAG,
  ])
}

const BOARD: readonly (readonly [id: string, type: readonly [number, number, number], ...Resources])[] = [
  ['PNP0C01', [5, 0, 0]],
  ['PNP0000', [8, 0, 1], ioPorts(0x20, 2), ioPorts(0xa0, 2), irqLine(2)],
  ['PNP0100', [8, 2, 1], ioPorts(0x40, 4), irqLine(0)],
  ['PNP0200', [8, 1, 1], ioPorts(0x00, 16), ioPorts(0x80, 16), ioPorts(0xc0, 32), dmaChannel(4)],
  ['PNP0303', [9, 0, 0], ioPorts(0x60, 1), ioPorts(0x64, 1), irqLine(1)],
  ['PNP0B00', [8, 3, 1], ioPorts(0x70, 2), irqLine(8)],
  ['PNP0800', [4, 1, 0], ioPorts(0x61, 1)],
  ['PNP0C04', [0x0b, 0x80, 0], ioPorts(0xf0, 16), irqLine(13)],
  ['PNP0A03', [6, 4, 0], ioPorts(0xcf8, 8)],
  ['PNP0700', [1, 2, 0], ioPorts(0x3f0, 6), ioPorts(0x3f7, 1), irqLine(6), dmaChannel(2)],
  ['PNP0400', [7, 1, 1], ioPorts(0x378, 8), irqLine(7)],
]
const PS2_MOUSE: (typeof BOARD)[number] = ['PNP0F13', [9, 2, 0], irqLine(12)]

/** System device nodes: what is on the board. The PCI bus among them is how Windows 9x finds it. */
export function deviceNodes({
  serialPorts,
  ps2Mouse,
}: Pick<FirmwareConfig, 'serialPorts' | 'ps2Mouse'>): readonly Uint8Array[] {
  const serial = COM_PORTS.slice(0, serialPorts).map(({ base, irq }): (typeof BOARD)[number] => [
    'PNP0501',
    [7, 0, 2],
    ioPorts(base, 8),
    irqLine(irq),
  ])
  return [...BOARD, ...(ps2Mouse ? [PS2_MOUSE] : []), ...serial].map((entry, index) => node(index, ...entry))
}

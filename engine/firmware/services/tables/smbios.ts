import { Packer } from '../../port/protocol.ts'
import { checksum } from './acpi.ts'

const MIB = 0x100000

/** One structure: its formatted area and the strings that it numbers from 1 on. */
function structure(
  type: number,
  handle: number,
  formatted: Uint8Array,
  strings: readonly string[],
): number[] {
  const texts = strings.flatMap((value) => [...new TextEncoder().encode(value), 0])
  return [
    type,
    formatted.length + 4,
    handle & 0xff,
    handle >> 8,
    ...formatted,
    ...(texts.length ? texts : [0]),
    0,
  ]
}

/** The structures of SMBIOS 2.4. @see DMTF DSP0134 */
export function smbiosTable(
  ramBytes: number,
  cpus: number,
): { bytes: Uint8Array; count: number; largest: number } {
  const ramMiB = ramBytes / MIB
  const structures: number[][] = [
    structure(
      0,
      0,
      new Packer()
        .u8(1)
        .u8(2)
        .u16(0xe800)
        .u8(3)
        .u8(0)
        // PCI, plug and play, APM, shadowing, CD boot, selectable boot, EDD
        .u32(0x00099680)
        .u32(0)
        .u8(0x03)
        .u8(0x04)
        .u8(1)
        .u8(0)
        .u8(0xff)
        .u8(0xff).bytes,
      ['Vitrine', '1.0', '01/01/2024'],
    ),
    structure(
      1,
      0x100,
      new Packer()
        .u8(1)
        .u8(2)
        .u8(3)
        .u8(0)
        .u32(0x52544956)
        .u32(0x00454e49)
        .u32(0x00000080)
        .u32(1)
        .u8(6)
        .u8(0)
        .u8(0).bytes,
      ['Vitrine', 'Virtual PC', '1.0'],
    ),
    structure(3, 0x300, new Packer().u8(1).u8(1).u8(2).u8(0).u8(0).u8(3).u8(3).u8(3).u8(2).bytes, [
      'Vitrine',
      '1.0',
    ]),
    ...Array.from({ length: cpus }, (_, cpu) =>
      structure(
        4,
        0x400 + cpu,
        new Packer()
          .u8(1)
          .u8(3)
          .u8(1)
          .u8(2)
          .u32(0)
          .u32(0)
          .u8(3)
          .u8(0)
          .u16(0)
          .u16(1000)
          .u16(1000)
          .u8(0x41)
          .u8(1)
          .u16(0xffff)
          .u16(0xffff)
          .u16(0xffff)
          .u8(0)
          .u8(0)
          .u8(0).bytes,
        [`CPU ${cpu}`, 'Vitrine', '1.0'],
      ),
    ),
    structure(
      16,
      0x1000,
      new Packer()
        .u8(1)
        .u8(3)
        .u8(3)
        .u32(ramBytes / 1024)
        .u16(0xfffe)
        .u16(1).bytes,
      [],
    ),
    structure(
      17,
      0x1100,
      new Packer()
        .u16(0x1000)
        .u16(0xfffe)
        .u16(64)
        .u16(64)
        .u16(Math.min(0x7fff, ramMiB))
        .u8(9)
        .u8(0)
        .u8(1)
        .u8(0)
        .u8(7)
        .u16(0)
        .u16(0)
        .u8(0)
        .u8(0)
        .u8(0)
        .u8(0).bytes,
      ['DIMM 0'],
    ),
    structure(
      19,
      0x1300,
      new Packer()
        .u32(0)
        .u32(ramBytes / 1024 - 1)
        .u16(0x1000)
        .u8(1).bytes,
      [],
    ),
    structure(32, 0x2000, new Packer().u32(0).u16(0).u8(0).bytes, []),
    structure(127, 0x7f00, new Uint8Array(0), []),
  ]
  return {
    bytes: Uint8Array.from(structures.flat()),
    count: structures.length,
    largest: Math.max(...structures.map(({ length }) => length)),
  }
}

/** Entry point structure, 31 bytes. */
export function smbiosEntry(
  tableAddress: number,
  table: { bytes: Uint8Array; count: number; largest: number },
): Uint8Array {
  const packer = new Packer()
  for (const character of '_SM_') packer.u8(character.charCodeAt(0))
  packer.u8(0).u8(0x1f).u8(2).u8(4).u16(table.largest).u8(0).u32(0).u8(0)
  for (const character of '_DMI_') packer.u8(character.charCodeAt(0))
  const bytes = packer.u8(0).u16(table.bytes.length).u32(tableAddress).u16(table.count).u8(0x24).bytes
  bytes[0x15] = checksum(bytes.subarray(0x10))
  bytes[4] = checksum(bytes)
  return bytes
}

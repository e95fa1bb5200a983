import { Packer } from '../../port/protocol.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'
import { COLOR_FIELDS, lineBytes, type VbeMode } from './vbe-modes.ts'

const MODE_LIST_AT = 34
const BANK_BYTES = 0x10000

/** VbeInfoBlock, 512 bytes. The mode list lies in its reserved part, as the standard allows. */
export function vbeInfoBlock(
  modes: readonly VbeMode[],
  memoryBytes: number,
  at: { segment: number; offset: number },
): Uint8Array {
  const header = new Packer()
    .u8(0x56)
    .u8(0x45)
    .u8(0x53)
    .u8(0x41) // VESA
    .u16(0x0300)
    .far(VIDEO_SEGMENT, VIDEO_ROM.oemName)
    .u32(1) // the DAC can be 8 bits wide
    .far(at.segment, at.offset + MODE_LIST_AT)
    .u16(Math.min(0xffff, memoryBytes / BANK_BYTES))
    .u16(0x0100)
    .far(VIDEO_SEGMENT, VIDEO_ROM.vendorName)
    .far(VIDEO_SEGMENT, VIDEO_ROM.productName)
    .far(VIDEO_SEGMENT, VIDEO_ROM.revisionName).bytes
  const list = new Packer()
  // A program of VBE 1.x gives 256 bytes: the list has to end within them.
  for (const { number } of modes.slice(0, (256 - MODE_LIST_AT) / 2 - 1)) list.u16(number)
  list.u16(0xffff)
  const block = new Uint8Array(512)
  block.set(header)
  block.set(list.bytes, MODE_LIST_AT)
  return block
}

/** ModeInfoBlock, 256 bytes. @param linear address of the frame buffer, 0 when there is none */
export function modeInfoBlock(mode: VbeMode, memoryBytes: number, linear: number): Uint8Array {
  const bytes = lineBytes(mode)
  const planar = mode.bitsPerPixel === 4
  const size = bytes * mode.height
  const images = Math.min(255, Math.floor(memoryBytes / (size * (planar ? 4 : 1))) - 1)
  const hasLinear = linear !== 0 && !planar
  const fields = COLOR_FIELDS[mode.bitsPerPixel].flat()
  const packer = new Packer()
    .u16(0x1b | (hasLinear ? 0x80 : 0)) // supported, extended information, colour, graphics
    .u8(7) // window A: exists, readable, writable
    .u8(0)
    .u16(64)
    .u16(64)
    .u16(0xa000)
    .u16(0)
    .u32(0) // no window function: the register is a port
    .u16(bytes)
    .u16(mode.width)
    .u16(mode.height)
    .u8(8)
    .u8(16)
    .u8(planar ? 4 : 1)
    .u8(mode.bitsPerPixel === 15 ? 16 : mode.bitsPerPixel)
    .u8(1)
    .u8(planar ? 3 : mode.bitsPerPixel === 8 ? 4 : 6)
    .u8(0)
    .u8(images)
    .u8(1)
  for (const value of fields) packer.u8(value)
  packer
    .u8(mode.bitsPerPixel === 32 ? 2 : 0) // the reserved field may be used
    .u32(hasLinear ? linear : 0)
    .u32(0)
    .u16(0)
    .u16(bytes)
    .u8(images)
    .u8(images)
  for (const value of fields) packer.u8(value)
  packer.u32(200_000_000)
  const block = new Uint8Array(256)
  block.set(packer.bytes)
  return block
}

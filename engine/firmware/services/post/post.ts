import {
  callFar,
  in8,
  out8,
  outMany,
  Packer,
  protectedCopy,
  read,
  type Service,
  write,
  writeByte,
  writeDword,
  writeWord,
} from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BIOS_SEGMENT } from '../../port/rom-layout.ts'
import { BDA, BDA_SEGMENT, CONVENTIONAL_KIB, EBDA_KIB, EBDA_SEGMENT } from '../bda.ts'
import { fromBcd } from '../../../base/bits.ts'
import { COM_PORTS } from '../com-ports.ts'
import { print } from '../console.ts'
import type { Context } from '../context.ts'
import { KEY_F12, storeKey } from '../keyboard/buffer.ts'
import { initializePci } from '../pci/pci-setup.ts'
import { readCmos, ticksOf, writeCmos } from '../system/time.ts'
import { romTables } from './tables.ts'
import { DISK_PARAMETERS } from './rom-tables.ts'
import { lockShadow, shadowRom } from './shadow.ts'

/** Before there are interrupt vectors: chipset, interrupt controllers, data area. */
export function* post(_: Registers, context: Context): Service<Outcome> {
  yield* outMany([
    [0x20, 0x11],
    [0xa0, 0x11],
    [0x21, 0x08],
    [0xa1, 0x70],
    [0x21, 0x04],
    [0xa1, 0x02],
    [0x21, 0x01],
    [0xa1, 0x01],
    [0x21, 0xff],
    [0xa1, 0xff],
    [0x0d, 0],
    [0xda, 0],
    [0xd6, 0xc0],
    [0xd4, 0], // DMA: clear both, cascade on channel 4
    [0x43, 0x34],
    [0x40, 0],
    [0x40, 0],
    [0x43, 0x54],
    [0x41, 0x12],
    [0x43, 0xb6],
    [0x42, 0x33],
    [0x42, 0x05],
    [0x61, 0x00],
    [0x70, 0x8a],
    [0x71, 0x26],
    [0x70, 0x8b],
    [0x71, 0x02], // clock at 32768 Hz, 24 hours, BCD, no interrupts
    [0x4d0, 0],
    [0x4d1, 0],
  ])
  yield* in8(0x71)
  yield* initializePci(context)
  yield* shadowRom(BIOS_SEGMENT, 0x10000)
  yield* dataArea(context)
  yield* writeTables(context)
  return DONE
}

/** With interrupt vectors in place: adapters, keyboard, clock. */
export function* postWithVectors(_: Registers, context: Context): Service<Outcome> {
  yield* diskVectors(context)
  yield* adapterRoms(0xc000, 0xc800)
  yield* adapterRoms(0xc800, 0xf000)
  yield* keyboard()
  yield* clock()
  yield* print(
    `Vitrine BIOS 1.0   ${Math.floor(context.config.ramBytes / 0x100000)} MiB   F12: boot menu\n\n`,
  )
  yield* outMany([
    [0x21, 0xb8], // timer, keyboard, second controller, diskette
    [0xa1, 0x8f], // mouse, coprocessor and disk; bit 0 opens with the first alarm
  ])
  yield* lockShadow()
  // Systems that start with the A20 gate open fail to notice that they never opened it.
  yield* out8(0x92, (yield* in8(0x92)) & 0xfc)
  return DONE
}

function* dataArea({ config }: Context): Service {
  yield* write(BDA_SEGMENT, 0, new Uint8Array(0x100))
  yield* write(EBDA_SEGMENT, 0, new Uint8Array(EBDA_KIB * 1024))
  yield* writeByte(EBDA_SEGMENT, 0, EBDA_KIB)
  const packer = new Packer()
  for (const { base } of COM_PORTS) packer.u16((yield* serialPortAt(base)) ? base : 0)
  const parallel = yield* parallelPorts()
  for (let index = 0; index < 3; index++) packer.u16(parallel[index] ?? 0)
  packer.u16(EBDA_SEGMENT)
  const floppies = config.floppies.length
  const serialCount = [0, 2, 4, 6].filter((at) => packer.bytes[at + 1] !== 0).length
  const equipment =
    (floppies ? 1 | ((floppies - 1) << 6) : 0) |
    2 |
    (config.ps2Mouse ? 4 : 0) |
    0x20 |
    (serialCount << 9) |
    (parallel.length << 14)
  packer.u16(equipment).u8(0).u16(CONVENTIONAL_KIB)
  yield* write(BDA_SEGMENT, 0, packer.bytes)
  const buffer = BDA.buffer
  yield* write(BDA_SEGMENT, BDA.bufferHead, new Packer().u16(buffer).u16(buffer).bytes)
  yield* write(BDA_SEGMENT, BDA.bufferStart, new Packer().u16(buffer).u16(BDA.bufferEndDefault).bytes)
  yield* writeByte(BDA_SEGMENT, BDA.keyboardMode, 0x10) // 101 keys
  yield* writeByte(BDA_SEGMENT, BDA.diskCount, config.disks.length)
  yield* write(BDA_SEGMENT, BDA.lptTimeout, Uint8Array.of(0x14, 0x14, 0x14, 0, 0x0a, 0x0a, 0x0a, 0x0a))
  // Media state: established, by drive type.
  yield* write(
    BDA_SEGMENT,
    BDA.floppyMedia,
    Uint8Array.of(...[0, 1].map((n) => (config.floppies[n] ? 0x17 : 0))),
  )
  yield* writeByte(BDA_SEGMENT, 0x8f, config.floppies.length > 1 ? 0x77 : config.floppies.length ? 0x07 : 0)
}

/** A 16450 keeps what its scratch register is given and answers with zeros in the high half of IER. */
function* serialPortAt(base: number): Service<boolean> {
  yield* out8(base + 1, 0)
  if (yield* in8(base + 1)) return false
  yield* out8(base + 7, 0x5a)
  return (yield* in8(base + 7)) === 0x5a
}

function* parallelPorts(): Service<number[]> {
  const found: number[] = []
  for (const port of [0x378, 0x278]) {
    yield* out8(port, 0x5a)
    if ((yield* in8(port)) === 0x5a) {
      yield* out8(port + 2, 0x0c)
      found.push(port)
    }
  }
  return found
}

/** INT 41h and 46h: the physical geometry of the first two disks, in ROM where no guest wipes it. */
function* diskVectors({ config }: Context): Service {
  for (const [index, vector] of [0x41, 0x46].entries()) {
    const geometry = config.disks[index]?.geometry
    if (!geometry) continue
    const offset = DISK_PARAMETERS + index * 16
    const cylinders = Math.min(0xffff, geometry.cylinders)
    const table = new Packer()
      .u16(cylinders)
      .u8(geometry.heads)
      .u16(0)
      .u16(0xffff)
      .u8(0)
      .u8(0xc0 | (geometry.heads > 8 ? 8 : 0))
      .u8(0)
      .u8(0)
      .u8(0)
      .u16(cylinders)
      .u8(geometry.sectors)
      .u8(0)
    yield* write(BIOS_SEGMENT, offset, table.bytes)
    yield* writeDword(0, vector * 4, ((BIOS_SEGMENT << 16) | offset) >>> 0)
  }
}

/** Finds the ROMs of adapters, copies them into shadow memory and calls their initialisation. */
function* adapterRoms(first: number, end: number): Service {
  for (let segment = first; segment < end;) {
    const head = yield* read(segment, 0, 4)
    const bytes = head[2]! * 512
    if (head[0] !== 0x55 || head[1] !== 0xaa || bytes === 0 || segment + bytes / 16 > 0xf000) {
      segment += 0x80
      continue
    }
    const image = yield* read(segment, 0, bytes)
    if (image.reduce((sum, byte) => (sum + byte) & 0xff, 0) === 0) {
      yield* shadowRom(segment, bytes)
      yield* callFar(segment, 3)
    }
    segment += Math.ceil(bytes / 0x800) * 0x80
  }
}

const POLLS = 20_000

/** Waits for a byte of the controller. @returns null when none comes */
function* controllerByte(): Service<number | null> {
  for (let tries = 0; tries < POLLS; tries++) if ((yield* in8(0x64)) & 1) return yield* in8(0x60)
  return null
}
function* controllerReady(): Service {
  for (let tries = 0; tries < POLLS; tries++) if (!((yield* in8(0x64)) & 2)) return
}
function* controllerCommand(command: number, data?: number): Service {
  yield* controllerReady()
  yield* out8(0x64, command)
  if (data === undefined) return
  yield* controllerReady()
  yield* out8(0x60, data)
}

/** F12 as the keyboard sends it, before and after the controller translates. */
const F12_CODES = new Set([0x07, 0x58])
const ACKNOWLEDGE = 0xfa

function* keyboard(): Service {
  let wantsMenu = false
  // What was pressed since power-on is lost to the reset of the controller; F12 shall count.
  for (let tries = 0; tries < 16 && (yield* in8(0x64)) & 1; tries++)
    if (F12_CODES.has(yield* in8(0x60))) wantsMenu = true
  yield* controllerCommand(0xaa)
  yield* controllerByte()
  // Translation, system flag (which tells a reset from power-on), keyboard interrupt; mouse off.
  yield* controllerCommand(0x60, 0x65)
  yield* controllerCommand(0xae)
  yield* controllerReady()
  yield* out8(0x60, 0xf4)
  for (let tries = 0; tries < 16; tries++) {
    const byte = yield* controllerByte()
    if (byte === null || byte === ACKNOWLEDGE) break
    if (F12_CODES.has(byte)) wantsMenu = true
  }
  if (wantsMenu) yield* storeKey(KEY_F12)
}

function* clock(): Service {
  const seconds = fromBcd(yield* readCmos(0))
  const minutes = fromBcd(yield* readCmos(2))
  const hours = fromBcd(yield* readCmos(4))
  yield* writeDword(BDA_SEGMENT, BDA.ticks, ticksOf(hours, minutes, seconds))
  yield* writeWord(BDA_SEGMENT, BDA.midnight, 0)
  yield* readCmos(0x0c)
  yield* writeCmos(0x0e, 0)
}

/** Tables for operating systems: in the BIOS segment, and those of ACPI at the end of RAM. */
function* writeTables(context: Context): Service {
  const { shadow, high } = romTables(context.config)
  for (const { address, bytes } of shadow) yield* write(address >>> 4, address & 15, bytes)
  // Upwards of 1 MiB only protected mode reaches; nothing else is in conventional memory yet.
  const BOUNCE = 0x10000
  for (const { address, bytes } of high) {
    yield* write(BOUNCE >>> 4, 0, bytes)
    yield* protectedCopy(BOUNCE, address, bytes.length)
  }
}

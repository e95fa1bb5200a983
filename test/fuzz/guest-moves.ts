import { type FuzzBoard, PLACES } from './fuzz-board.ts'
import type { Random } from './random.ts'

/** Where transfers go: RAM mostly, and devices' own memory and the ends of the address space. */
const TARGETS = [
  0x0,
  0x7ff0,
  0x20000,
  0x9fff8,
  0xa0000,
  0xb8000,
  0xc0000,
  0xffff0,
  0x100000,
  0xfec00000,
  0xfed00000,
  0xfee00000,
  PLACES.frameBuffer,
  0xfffffff0,
]

export function target(random: Random): number {
  if (random.oneIn(2)) return random.below(0x100000)
  return (random.pick(TARGETS) + random.below(32)) >>> 0
}

function word(board: FuzzBoard, address: number, value: number): void {
  board.memory.dmaWrite(address, Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24))
}

/** A whole floppy command, with channel 2 of the DMA controller set up for it or not. */
export function runFloppyCommand({ ports, clock }: FuzzBoard, random: Random): void {
  const drive = random.below(2)
  ports.write(0x3f2, 0x0c | (0x10 << drive) | drive, 1)
  ports.write(0x3f7, random.below(4), 1)
  if (!random.oneIn(4)) {
    const address = target(random)
    ports.write(0x0c, 0, 1)
    ports.write(0x0b, random.pick([0x46, 0x4a, 0x42, 0x56, 0x66]), 1)
    ports.write(0x04, address & 0xff, 1)
    ports.write(0x04, (address >> 8) & 0xff, 1)
    ports.write(0x81, (address >> 16) & 0xff, 1)
    ports.write(0x05, random.bits() & 0xff, 1)
    ports.write(0x05, random.below(6), 1)
    ports.write(0x0a, 2, 1)
  }
  clock.advance(random.below(50_000))
  const track = random.below(3)
  const head = random.below(2)
  const unit = (head << 2) | drive
  const sector = random.below(20)
  const commands = [
    [0xe6, unit, track, head, sector, 2, random.pick([18, 36, 9, 255]), 0x1b, 0xff],
    [0xc5, unit, track, head, sector, 2, 18, 0x1b, 0xff],
    [0x42, unit, track, head, 1, 2, 18, 0x1b, 0xff],
    [0x4d, unit, random.below(9), random.pick([0, 9, 18, 255]), 0x54, 0xf6],
    [0x4a, unit],
    [0x07, drive],
    [0x0f, unit, random.below(90)],
    [0x03, 0xdf, random.below(4)],
    [0x13, 0, random.bits() & 0xff, 0],
    [0x51, unit, track, head, sector, random.below(8), 18, 0x1b, random.bits() & 0xff],
  ]
  for (const byte of random.pick(commands)) ports.write(0x3f5, byte, 1)
}

/** A command of a drive, with the bus master's descriptors in memory. */
export function identifyAndMove(board: FuzzBoard, random: Random, base: number, busMaster: number): void {
  const { ports, clock } = board
  const table = random.oneIn(8) ? target(random) & ~3 : 0x1000
  for (let entry = 0; entry < 4; entry++) {
    word(board, table + entry * 8, target(random))
    word(board, table + entry * 8 + 4, random.pick([512, 2048, 0, 3, 0x80000200, 0x80000000, random.bits()]))
  }
  ports.write(busMaster + 4, table >>> 0, 4)
  if (random.oneIn(2)) ports.write(busMaster, random.pick([0, 1, 8, 9]), 1)
  ports.write(base + 6, random.pick([0xa0, 0xb0, 0xe0, 0xf0]), 1)
  for (const register of [1, 2, 3, 4, 5])
    ports.write(base + register, random.pick([0, 1, 2, random.bits() & 0xff]), 1)
  const packet = random.oneIn(2)
  ports.write(
    base + 7,
    packet ? 0xa0 : random.pick([0xec, 0x20, 0xc8, 0xca, 0x25, 0x35, 0x30, 0xc4, 0xc5, 0xa1]),
    1,
  )
  clock.advance(random.below(40_000))
  if (!packet) return
  const length = random.pick([0, 1, 8, 0xff, random.bits() & 0xff])
  const block = random.pick([0, 16, 0xff, random.bits() & 0xff])
  const opcodes = [
    0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x42, 0x43, 0x45, 0x46, 0x4a, 0x4b, 0x4e, 0x51,
    0x52, 0x55, 0x5a, 0xa5, 0xa8, 0xac, 0xb9, 0xbb, 0xbd, 0xbe,
  ]
  const bytes = [
    random.pick(opcodes),
    random.below(4),
    0,
    0,
    block,
    block,
    0,
    length,
    length,
    random.bits() & 0xff,
    0,
    0,
  ]
  for (let at = 0; at < 12; at += 2) ports.write(base, bytes[at]! | (bytes[at + 1]! << 8), 2)
  clock.advance(random.below(40_000))
}

/** A virtio disk that is set up, by either interface, and some requests, most of them whole. */
export function requestVirtio(board: FuzzBoard, random: Random): void {
  const { memory, ports } = board
  const disk = random.below(2)
  const window = PLACES.virtioWindows[disk]!
  const port = PLACES.virtioPorts[disk]!
  const isLegacy = random.oneIn(3)
  const [table, available, used] = isLegacy ? [0x30000, 0x30800, 0x31000] : [0x30000, 0x32000, 0x33000]
  const size = isLegacy ? 128 : random.pick([1, 8, 128])
  memory.dmaWrite(available, new Uint8Array(4))
  if (isLegacy) {
    ports.write(port + 18, 0, 1)
    ports.write(port + 4, random.bits(), 4)
    ports.write(port + 14, 0, 2)
    ports.write(port + 8, table >> 12, 4)
  } else {
    const set = (register: number, value: number, width: 1 | 2 | 4) =>
      memory.write(window + register, value, width)
    set(0x14, 0, 1)
    for (const half of [0, 1]) {
      set(8, half, 4)
      set(12, half === 1 ? 1 : memory.read(window + 4, 4) & random.bits(), 4)
    }
    set(0x14, 11, 1)
    set(0x16, 0, 2)
    set(0x18, size, 2)
    for (const [index, at] of [table, available, used].entries()) {
      set(0x20 + 8 * index, random.oneIn(16) ? target(random) : at, 4)
      set(0x24 + 8 * index, random.oneIn(32) ? 1 : 0, 4)
    }
    set(0x1c, 1, 2)
    set(0x14, 15, 1)
  }
  describeRequest(board, random, table)
  const requests = random.pick([1, 1, 1, 2, size, size + 1])
  word(board, available + 4, 0)
  word(board, available, (random.pick([0, 0, 1]) | (requests << 16)) >>> 0)
  if (isLegacy) ports.write(port + 16, 0, 2)
  else memory.write(window + 0x300, 0, 2)
  if (random.oneIn(2)) board.clock.advance(random.below(40_000))
}

/** Descriptors of a request, now and then such as no driver makes. */
function describeRequest(board: FuzzBoard, random: Random, directTable: number): void {
  const header = 0x34000
  word(board, header, random.pick([0, 0, 1, 1, 4, 8, random.bits()]))
  word(board, header + 8, random.pick([0, 5, 3999, random.below(4000), random.bits()]))
  word(board, header + 12, random.oneIn(16) ? random.bits() : 0)
  let table = directTable
  if (random.oneIn(3)) {
    descriptor(board, table, 0, 0x35000, random.oneIn(8) ? random.bits() : 16 * random.below(9), 4, 0)
    table = 0x35000
  }
  const pieces = random.below(6)
  const isWrite = random.oneIn(2)
  descriptor(board, table, 0, header, 16, 1, 1)
  for (let index = 1; index <= pieces; index++) {
    const length = random.oneIn(12) ? random.bits() : random.pick([512, 512, 1024, 65536, 100, 0])
    const flags = random.oneIn(24) ? random.below(8) : isWrite ? 1 : 3
    descriptor(
      board,
      table,
      index,
      target(random),
      length,
      flags,
      random.oneIn(24) ? random.below(9) : index + 1,
    )
  }
  descriptor(
    board,
    table,
    pieces + 1,
    0x34100,
    random.oneIn(8) ? random.below(3) : 1,
    random.oneIn(24) ? 0 : 2,
    0,
  )
}

function descriptor(
  board: FuzzBoard,
  table: number,
  index: number,
  address: number,
  length: number,
  flags: number,
  next: number,
): void {
  const at = table + 16 * index
  word(board, at, address)
  word(board, at + 4, 0)
  word(board, at + 8, length)
  word(board, at + 12, (flags | (next << 16)) >>> 0)
}

/** A request of fw_cfg by memory. */
export function moveDma(board: FuzzBoard, random: Random): void {
  const swap = (value: number) =>
    ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0
  const address = target(random)
  word(board, address, swap(random.pick([2, 4, 8, 16, 0x0020000a, 0x0019000a, random.bits()])))
  word(board, (address + 4) >>> 0, swap(random.pick([0, 16, 70_000, random.below(1 << 20), random.bits()])))
  word(board, (address + 8) >>> 0, random.oneIn(8) ? random.bits() : 0)
  word(board, (address + 12) >>> 0, swap(target(random)))
  if (random.oneIn(8)) board.ports.write(0x514, random.bits(), 4)
  board.ports.write(0x518, swap(address), 4)
}

/** A mode of the VGA or of VBE, then some drawing. */
export function setVideoMode({ ports }: FuzzBoard, random: Random): void {
  const set = (index: number, register: number, value: number) => {
    ports.write(index, register, 1)
    ports.write(index + 1, value & 0xff, 1)
  }
  if (random.oneIn(3)) {
    const dispi = (register: number, value: number) => {
      ports.write(0x1ce, register, 2)
      ports.write(0x1cf, value, 2)
    }
    dispi(4, 0)
    // Clearing and drawing a large picture takes longer than all the rest of a case.
    const large = random.oneIn(100)
    dispi(1, random.pick(large ? [1920, 2560, random.bits() & 0xffff] : [64, 320, 640, 0]))
    dispi(2, random.pick(large ? [1200, 1600, random.bits() & 0xffff] : [50, 200, 400, 0]))
    dispi(3, random.pick([4, 8, 15, 16, 24, 32]))
    dispi(4, random.pick([1, 0x41, 0x61, 0xc1, 0xe1]))
    dispi(random.pick([5, 6, 8, 9]), random.bits() & 0xffff)
    return
  }
  ports.write(0x3c2, random.pick([0x67, 0x63, 0xe3, 0x62, random.bits() & 0xff]), 1)
  set(0x3c4, 4, random.pick([2, 6, 0xe]))
  set(0x3c4, 2, random.pick([3, 15, 1]))
  set(0x3ce, 5, random.pick([0, 1, 2, 3, 0x10, 0x40]))
  set(0x3ce, 6, random.pick([0x0e, 0x05, 0x0f, 0x01]))
  for (let count = random.below(6); count > 0; count--) {
    set(0x3d4, random.below(25), random.bits())
    set(0x3ce, random.below(9), random.bits())
    set(0x3c4, random.below(5), random.bits())
  }
  ports.read(0x3da, 1)
  ports.write(0x3c0, 0x10, 1)
  ports.write(0x3c0, random.pick([0x0c, 0x01, 0x41, random.bits() & 0xff]), 1)
  ports.write(0x3c0, 0x20, 1)
}

const SERVICES = [
  0x10, 0x13, 0x14, 0x15, 0x16, 0x17, 0x1a, 0x40, 0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107,
  0x110, 0x119,
]
const HEADER_BYTES = 48

/** A call of the built-in firmware: its header, and random answers to what it asks. */
export function callFirmware({ ports, clock }: FuzzBoard, random: Random): void {
  const port = ports.read(0xf00, 2)
  const header = new Uint8Array(HEADER_BYTES)
  random.fill(header)
  const view = new DataView(header.buffer)
  view.setUint16(0, random.pick(SERVICES), true)
  if (!random.oneIn(3)) view.setUint32(2, (random.below(0x60) << 8) | (random.bits() & 0xff), true)
  for (let at = 0; at < HEADER_BYTES; at += 4) ports.write(port, view.getUint32(at, true), 4)
  for (let round = random.below(60); round > 0; round--) {
    for (let words = random.below(12); words > 0; words--) ports.read(port, random.oneIn(4) ? 1 : 4)
    if (random.oneIn(3)) ports.write(port, random.pick([0, 1, 0x80, 0xffffffff, random.bits()]), 4)
  }
  if (random.oneIn(4)) clock.advance(random.below(2_000_000))
}

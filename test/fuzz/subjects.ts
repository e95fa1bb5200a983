import { type FuzzBoard, PLACES } from './fuzz-board.ts'
import type { Random } from './random.ts'
import {
  callFirmware,
  identifyAndMove,
  moveDma,
  requestVirtio,
  runFloppyCommand,
  setVideoMode,
} from './guest-moves.ts'

/** Part of the address space that a device answers at. */
export interface Range {
  base: number
  length: number
}

/** One device as the harness hammers it. */
export interface Subject {
  name: string
  /** How many times longer its cases take than others': it gets so many times fewer. */
  cost?: number
  /** Devices put back to power-on at the start of each case. */
  devices: readonly string[]
  ports: readonly Range[]
  memory?: readonly Range[]
  /** Values that mean something at a port or address, on top of random ones. */
  values?: Readonly<Record<number, readonly number[]>>
  /** What drivers do, so that more than first registers is reached. */
  moves?: readonly Move[]
  /** What comes from outside of the machine. */
  events?: readonly Move[]
}

export type Move = (board: FuzzBoard, random: Random) => void

const range = (base: number, length: number): Range => ({ base, length })
const COMS = [0x3f8, 0x2f8, 0x3e8, 0x2e8]
const KEYS = [
  'KeyA',
  'ShiftRight',
  'Pause',
  'PrintScreen',
  'ArrowUp',
  'NumpadEnter',
  'Nonsense',
  'ControlLeft',
]
const ATA_OPCODES = [
  0x00, 0x08, 0x10, 0x20, 0x21, 0x24, 0x25, 0x27, 0x29, 0x30, 0x34, 0x35, 0x39, 0x3c, 0x40, 0x42, 0x70, 0x90,
  0x91, 0x94, 0x98, 0xa0, 0xa1, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xda, 0xe0, 0xe1, 0xe5, 0xe7, 0xea, 0xec, 0xef,
  0xf8,
]
const KEYBOARD_COMMANDS = [0xed, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf8, 0xfa, 0xfb, 0xfe, 0xff]
const MOUSE_COMMANDS = [
  0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff,
]
const CONTROLLER_COMMANDS = [
  0x20, 0x60, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xc0, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4,
]

const acknowledge: Move = ({ board }) => void board.acknowledge()
const interrupt: Move = (board, random) => board.setLine(random.below(16), random.oneIn(2))
const draw: Move = ({ board }, random) => {
  // Drawing takes longer than all the rest of a case.
  if (random.oneIn(200)) board.vga.update()
  else board.vga.text()
}
const type: Move = ({ board }, random) => board.keyboard.key(random.pick(KEYS), random.oneIn(2))
const point: Move = ({ board }, random) => {
  const [x, y] = [random.below(70000) - 300, random.below(70000) - 300]
  if (random.oneIn(2)) board.mouse.move(x, y, random.below(9) - 4, random.below(32))
  else board.mouse.moveTo(x, y, 0, random.below(32))
}
const roll: Move = ({ board }, random) =>
  board.serialMouse?.move(random.below(1000) - 500, random.below(1000) - 500, 0, random.below(8))
const backdoor: Move = ({ board }, random) =>
  board.mouse.call({
    eax: random.oneIn(20) ? random.bits() : 0x564d5868,
    ebx: random.pick([0, 1, 4, 6, 7, 0x45414552, 0xf5, 0x4c455252, 0x53424152, random.bits()]),
    ecx: random.pick([10, 39, 40, 41, 86, random.bits()]),
    edx: 0x5658,
    esi: random.bits(),
    edi: random.bits(),
  })
const receive: Move = ({ board }, random) => {
  const bytes = new Uint8Array(random.oneIn(50) ? 70_000 : random.below(40))
  random.pick(board.uarts).input(bytes)
}
const changeFloppy: Move = (board, random) =>
  board.insertFloppy(random.oneIn(2) ? 1 : 0, random.oneIn(3) ? null : random.below(3))
const changeCd: Move = (board, random) => board.insertCd(random.oneIn(3) ? null : random.below(2))
const pressPower: Move = ({ board }, random) =>
  random.oneIn(2) ? board.acpi.pressPowerButton() : board.acpi.raiseEvent(random.below(32))

/** Every device that the board wires; the host bridge, the ISA bridge and the functions' headers are `pci`. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: 'pic',
    devices: ['pic'],
    ports: [range(0x20, 2), range(0xa0, 2), range(0x4d0, 2)],
    values: {
      0x20: [0x11, 0x13, 0x19, 0x20, 0x60, 0x67, 0xa0, 0xc0, 0xe7, 0x0a, 0x0b, 0x0c, 0x68, 0x48],
      0xa0: [0x11, 0x20, 0x0a, 0x0b, 0x0c, 0x68],
      0x21: [0x01, 0x03, 0x13, 0x04, 0x08, 0x70],
    },
    events: [acknowledge, interrupt],
  },
  {
    name: 'pit',
    devices: ['pit', 'system-control'],
    ports: [range(0x40, 4), range(0x61, 1)],
    values: {
      0x40: [0, 1, 2, 3],
      0x42: [0, 1, 2, 3],
      0x43: [0x30, 0x34, 0x36, 0x38, 0x3a, 0xb6, 0xc2, 0xe2, 0x00],
    },
  },
  { name: 'system-control', devices: ['system-control', 'pit'], ports: [range(0x61, 1), range(0x92, 1)] },
  {
    name: 'rtc',
    devices: ['rtc'],
    ports: [range(0x70, 4)],
    values: {
      0x70: [0, 1, 4, 9, 10, 11, 12, 13, 0x32, 0x37, 0x7f],
      0x71: [0x26, 0x2f, 0x20, 0x70, 0x7a, 0x82, 0x99],
    },
  },
  {
    name: 'dma',
    devices: ['dma', 'fdc'],
    ports: [range(0x00, 16), range(0xc0, 32), range(0x80, 16)],
    moves: [runFloppyCommand],
  },
  {
    name: 'i8042',
    devices: ['i8042', 'keyboard', 'mouse', 'vmware-backdoor'],
    ports: [range(0x60, 1), range(0x64, 1)],
    values: { 0x60: [...KEYBOARD_COMMANDS, ...MOUSE_COMMANDS, 0, 1, 2, 3, 0x47], 0x64: CONTROLLER_COMMANDS },
    events: [type, point],
  },
  {
    name: 'keyboard',
    devices: ['keyboard', 'i8042'],
    ports: [range(0x60, 1)],
    values: { 0x60: [...KEYBOARD_COMMANDS, 0, 1, 2, 3] },
    events: [type],
  },
  {
    name: 'mouse',
    devices: ['mouse', 'i8042', 'vmware-backdoor'],
    ports: [range(0x60, 1), range(0x64, 1)],
    values: { 0x60: [...MOUSE_COMMANDS, 200, 100, 80, 0, 3], 0x64: [0xd4] },
    events: [point],
  },
  {
    name: 'vmware-backdoor',
    devices: ['vmware-backdoor', 'mouse', 'i8042'],
    ports: [range(0x5658, 4), range(0x60, 1)],
    moves: [backdoor],
    events: [point],
  },
  {
    name: 'fdc',
    devices: ['fdc', 'dma'],
    ports: [range(0x3f0, 6), range(0x3f7, 1), range(0x04, 2)],
    values: {
      0x3f2: [0x0c, 0x1c, 0x2d, 0x3c, 0x08, 0x00, 0x1e],
      0x3f4: [0x80, 0x00, 0x40],
      0x3f5: [
        0x03, 0x04, 0x07, 0x08, 0x0a, 0x0e, 0x0f, 0x10, 0x12, 0x13, 0x14, 0x4d, 0xe6, 0xc5, 0x94, 0x8f, 0x00,
        0x01,
      ],
      0x3f7: [0, 1, 2, 3],
    },
    moves: [runFloppyCommand],
    events: [changeFloppy],
  },
  {
    name: 'ide-disk',
    devices: ['ide0', 'ide-pci'],
    ports: [range(0x1f0, 8), range(0x3f6, 1), range(PLACES.busMaster, 8)],
    values: {
      0x1f6: [0xa0, 0xb0, 0xe0, 0xf0, 0x40],
      0x1f7: ATA_OPCODES,
      0x3f6: [0, 2, 4, 6, 0x80],
      0x1f2: [0, 1, 2, 16],
    },
    moves: [
      (board, random) => identifyAndMove(board, random, 0x1f0, PLACES.busMaster),
      (board) => board.place(),
    ],
  },
  {
    name: 'ide-cdrom',
    devices: ['ide1', 'ide-pci'],
    ports: [range(0x170, 8), range(0x376, 1), range(PLACES.busMaster + 8, 8)],
    values: { 0x176: [0xa0, 0xb0], 0x177: [0xa0, 0xa1, 0x08, 0x90, 0xec, 0xef, 0x00], 0x376: [0, 2, 4] },
    moves: [
      (board, random) => identifyAndMove(board, random, 0x170, PLACES.busMaster + 8),
      (board) => board.place(),
    ],
    events: [changeCd],
  },
  {
    name: 'virtio-disk',
    cost: 2,
    devices: ['virtio0', 'virtio1'],
    ports: PLACES.virtioPorts.map((base) => range(base, 64)),
    memory: PLACES.virtioWindows.flatMap((base) => [range(base, 0x40), range(base, 0x400)]),
    values: {
      [PLACES.virtioPorts[0]! + 8]: [0, 0x30, 0xff],
      [PLACES.virtioPorts[0]! + 18]: [0, 1, 3, 7, 11, 15],
      [PLACES.virtioWindows[0]! + 0x14]: [0, 3, 11, 15],
      [PLACES.virtioWindows[0]! + 0x16]: [0, 1],
      [PLACES.virtioWindows[0]! + 0x1c]: [0, 1],
    },
    moves: [requestVirtio, requestVirtio, requestVirtio, (board) => board.place()],
  },
  {
    name: 'uart',
    devices: ['com1', 'com2', 'com3', 'com4'],
    ports: COMS.map((base) => range(base, 8)),
    values: Object.fromEntries(
      COMS.flatMap((base) => [
        [base, [0, 1, 12, 0xff]],
        [base + 1, [0, 1, 2, 4, 8, 15]],
        [base + 2, [0, 1, 7, 0xc7]],
        [base + 3, [3, 0x83, 0x80, 0x43]],
        [base + 4, [0, 3, 0x0b, 0x1b]],
      ]),
    ),
    events: [receive],
  },
  {
    name: 'serial-mouse',
    devices: ['mouse-com2', 'com2'],
    ports: [range(0x2f8, 8)],
    values: {
      0x2f8: [96, 0, 0xff],
      0x2f9: [0, 1],
      0x2fa: [0, 1, 0xc7],
      0x2fb: [2, 0x82],
      0x2fc: [0, 1, 2, 3, 0x0b, 0x1b],
    },
    events: [roll],
  },
  {
    name: 'parallel',
    devices: ['lpt1'],
    ports: [range(0x378, 3)],
    values: { 0x37a: [0x0c, 0x0d, 0x1c, 0x1d, 0x3f] },
  },
  {
    name: 'vga',
    cost: 10,
    devices: ['vga', 'vga-pci'],
    ports: [
      range(0x3c0, 16),
      range(0x3d4, 2),
      range(0x3da, 1),
      range(0x3b4, 2),
      range(0x3ba, 1),
      range(0x1ce, 3),
    ],
    memory: [
      range(0xa0000, 0x20000),
      range(PLACES.frameBuffer, 0x1000000),
      range(PLACES.vgaRegisters, 0x620),
    ],
    values: {
      0x1ce: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      0x1cf: [0xb0c5, 0, 1, 0x41, 0xc1, 4, 8, 15, 16, 24, 32, 640, 480],
    },
    moves: [setVideoMode, (board) => board.place()],
    events: [draw],
  },
  {
    name: 'dispi',
    cost: 10,
    devices: ['vga', 'vga-pci'],
    ports: [range(0x1ce, 3)],
    memory: [range(0xa0000, 0x10000), range(PLACES.frameBuffer, 0x1000000)],
    values: {
      0x1ce: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      0x1cf: [0, 1, 0x41, 0x61, 0xc1, 4, 8, 15, 16, 24, 32, 0xffff],
    },
    moves: [(board) => board.place()],
    events: [draw],
  },
  {
    name: 'pci',
    devices: ['i440fx', 'pci-config', 'piix3', 'vga-pci', 'ide-pci', 'acpi-pm'],
    ports: [range(0xcf8, 8)],
    memory: [range(0xc0000, 0x40000), range(0xfffe0000, 0x20000)],
    values: {
      0xcf8: [
        0, 0x58, 0x5c, 0x60, 0x800, 0x840, 0x904, 0x920, 0xb04, 0xb40, 0xb90, 0xbd0, 0x1004, 0x1010, 0x103c,
      ].map((address) => 0x80000000 + address),
      0xcf9: [0x02, 0x06, 0x0e, 0x00],
      0xcfc: [0xffffffff, 0x1f0, 0xc001, 0xe0000000, 0x33, 0x11, 7, 0],
    },
  },
  {
    name: 'local-apic',
    devices: ['local-apic-0'],
    ports: [],
    memory: [range(0xfee00000, 0x400)],
    values: {
      0xfee000b0: [0],
      0xfee000f0: [0x1ff, 0xff, 0x10f],
      0xfee00300: [0x44030, 0x84040, 0xc4050, 0x500, 0x4030, 0x40400, 0x608],
      0xfee00320: [0x20030, 0x30, 0x10030, 0x00005],
      0xfee00350: [0x700, 0x8700, 0x10700],
      0xfee00380: [0, 1, 100, 0xffffffff],
      0xfee003e0: [0xb, 0, 3],
    },
    events: [acknowledge, interrupt],
  },
  {
    name: 'io-apic',
    devices: ['io-apic', 'local-apic-0'],
    ports: [],
    memory: [range(0xfec00000, 0x60), range(0xfee000f0, 4)],
    values: {
      0xfec00000: Array.from({ length: 0x40 }, (_, index) => index),
      0xfec00010: [0x31, 0x8031, 0xa040, 0x10000, 0x0700, 0x0400, 0x0200, 0x8900],
      0xfee000f0: [0x1ff],
    },
    events: [acknowledge, interrupt],
  },
  {
    name: 'hpet',
    devices: ['hpet'],
    ports: [],
    memory: [range(0xfed00000, 0x400)],
    values: {
      0xfed00010: [0, 1, 2, 3],
      0xfed00100: [0x4c, 0x0c, 0x2a04, 0x2804, 0x06, 0x104],
      0xfed00108: [0, 1, 1000, 0xffffffff],
    },
  },
  {
    name: 'acpi-pm',
    devices: ['acpi-pm'],
    ports: [range(PLACES.pm, 64), range(PLACES.smbus, 16), range(0xb2, 2)],
    values: { [PLACES.pm + 4]: [1, 0x2000, 0x2001, 0x3401], [PLACES.pm + 2]: [1, 0x100, 0x401, 0xffff] },
    moves: [(board) => board.place()],
    events: [pressPower],
  },
  {
    name: 'fw-cfg',
    devices: ['fw-cfg'],
    ports: [range(0x510, 2), range(0x514, 8)],
    values: { 0x510: [0, 1, 5, 0x19, 0x20, 0x21, 0x8000], 0x518: [0x00100000, 0x00001000] },
    moves: [moveDma],
  },
  {
    name: 'debug-ports',
    devices: [],
    ports: [range(0xe9, 1), range(0xf4, 4)],
  },
  {
    name: 'firmware',
    cost: 4,
    devices: ['firmware'],
    ports: [range(0xf00, 128)],
    moves: [callFirmware],
  },
]

/** All of it at once. */
export const MACHINE: Subject = {
  name: 'machine',
  devices: SUBJECTS.flatMap(({ devices }) => devices).filter((id, index, all) => all.indexOf(id) === index),
  ports: SUBJECTS.flatMap(({ ports }) => ports),
  memory: [range(0, 0x100000), ...SUBJECTS.flatMap(({ memory }) => memory ?? [])],
  values: Object.assign({}, ...SUBJECTS.map(({ values }) => values)) as NonNullable<Subject['values']>,
  moves: SUBJECTS.flatMap(({ moves }) => moves ?? []),
  events: SUBJECTS.flatMap(({ events }) => events ?? []),
}

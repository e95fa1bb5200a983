import { CR0 } from '../../../engine/vcpu/cpu-state.ts'
import { TF } from '../../../engine/isa/flags.ts'
import { ALL_SELECTORS, type Mode, PARAGRAPHS } from './system-case.ts'
import {
  BASE,
  CODE,
  DATA,
  DIRECTORY,
  GDT,
  GDT_LIMIT,
  IDT,
  PADS,
  PAE,
  SEL,
  STACKS,
  TABLE,
  VECTORS,
  VECTOR_TABLE,
  WATCHED,
} from './layout.ts'
import {
  type Writing,
  farDirect,
  farReturn,
  farThroughMemory,
  flagsImage,
  scratch,
  throughCode,
} from './transfers.ts'

export interface Snippet {
  name: string
  modes: readonly Mode[]
  write: (writing: Writing) => void
}

const ALL: readonly Mode[] = ['real', 'v86', 'protected16', 'protected32']
const PROTECTED: readonly Mode[] = ['protected16', 'protected32']
const [EAX, ECX, EDX, EBX, ESP, ESI, EDI] = [0, 1, 2, 3, 4, 6, 7]

const size = ({ random }: Writing): 2 | 4 => (random.oneIn(2) ? 2 : 4)
/** Somewhere in the data of the arena, at times across a page. */
const place = ({ random }: Writing): number =>
  DATA +
  (random.oneIn(6)
    ? 0xffd + random.below(4)
    : random.oneIn(3)
      ? 0x1000 + random.below(0xf00)
      : random.below(0x1f00))

function dataSelector({ random, paragraphs, level }: Writing): number {
  if (paragraphs) return random.pick(PARAGRAPHS)
  if (random.oneIn(3)) return random.pick(ALL_SELECTORS)
  return random.pick([
    SEL.userData,
    SEL.userData16,
    0,
    [SEL.handlerData, SEL.data1, SEL.data2, SEL.userData][level]!,
    SEL.readOnly,
  ])
}

/** Descriptor tables: pseudo-descriptors that leave the harness what it needs. */
function loadTable(w: Writing, register: 2 | 3): void {
  const { code, random, test } = w
  const table =
    register === 2
      ? { base: GDT, limits: [GDT_LIMIT, GDT_LIMIT - 8, 0x17f] }
      : test.real
        ? { base: VECTOR_TABLE, limits: [0x3ff, 0x1ff, 0xbf] }
        : { base: IDT, limits: [VECTORS * 8 - 1, 0x27 * 8 + 7] }
  const at = scratch(w, random.pick(table.limits) | (table.base << 16), table.base >>> 16)
  code
    .raw(...throughCode(w))
    .sized(size(w), 0x0f, 0x01)
    .memory(register, at)
}

function controlRegister(w: Writing): void {
  const { code, random, test } = w
  const [index, value] = random.pick<[number, number]>([
    [0, test.cr0 ^ random.pick([2, 4, 8, 0x20, 0x10000, 0x40000])],
    [0, test.cr0 | random.pick([0x40000000, 0x6000_0000])],
    [2, random.word()],
    [3, test.cr3],
    [3, test.cr3 | random.pick([8, 0x10, 0x18])],
    [4, test.cr4 ^ random.pick([4, 8, 0x80, 0x10])],

    [1, 0],
    [5, 0],
  ])
  // Which of #UD and #GP a register that does not exist gives to a user: see docs/conformance.md.
  if (w.level > 0 && (index === 1 || index === 5)) return
  code.setRegister(EAX, value).raw(0x0f, 0x22, 0xc0 | (index << 3) | EAX)
}

function access(w: Writing): void {
  const { code, random } = w
  const at = place(w)
  const bytes = size(w)
  // A read-modify-write faults as a write does, see docs/conformance.md.
  switch (w.test.cr0 & CR0.PG ? random.pick([0, 1, 4]) : random.below(6)) {
    case 0:
      return void code.sized(bytes, 0x8b).memory(EAX, at)
    case 1:
      return void code.sized(bytes, 0x89).memory(EBX, at)
    case 2:
      return void code.sized(bytes, 0x01).memory(ECX, at)
    case 3:
      return void code.raw(0xfe).memory(0, at)
    case 4:
      return void code.sized(bytes, 0xff).memory(6, at)
    default:
      return void code.sized(bytes, 0x8f).memory(0, at)
  }
}

function strings(w: Writing): void {
  const { code, random } = w
  const narrow = code.bits === 16
  const origin = narrow ? BASE : 0
  code.setRegister(ESI, place(w) - origin).setRegister(EDI, place(w) - origin)
  code.setRegister(ECX, random.below(20)).raw(random.oneIn(2) ? 0xfc : 0xfd)
  code.raw(...(random.oneIn(3) ? [] : [random.pick([0xf2, 0xf3])]))
  code.sized(size(w), random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]))
}

/** An ordinary instruction with 16-bit addressing, anywhere in its 64 KiB. */
function ordinary(w: Writing): void {
  const { code, random } = w
  // Elsewhere a store anywhere might hit descriptors and page tables.
  const opcode = random.pick(w.test.real ? ORDINARY : READERS)
  let modrm = random.below(256)
  // SP as a destination loses the stack.
  if (modrm >= 0xc0 && (opcode[0]! & 2 ? (modrm >> 3) & 7 : modrm & 7) === ESP) modrm ^= 1
  if (opcode[1] !== undefined) modrm = (modrm & 0xc7) | (opcode[1] << 3)
  if (modrm >= 0xc0 && (modrm & 7) === ESP) modrm ^= 1
  const mod = modrm >> 6
  const displacement = mod === 1 ? 1 : mod === 2 || (mod === 0 && (modrm & 7) === 6) ? 2 : 0
  const prefixes = random.oneIn(4) ? [random.pick([0x26, 0x2e, 0x36, 0x3e])] : []
  code
    .raw(...prefixes)
    .sized(size(w), opcode[0]!, modrm)
    .immediate(random.word(), displacement)
  if (opcode[2]) code.immediate(random.word(), opcode[2])
  // Gives flags that the manual leaves undefined a value.
  code.raw(0x39, 0xd8)
}

/** Opcode, digit, bytes of immediate. */
const ORDINARY: readonly (readonly [number, number?, number?])[] = [
  ...[0x00, 0x01, 0x02, 0x03, 0x08, 0x0a, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1a, 0x1b, 0x20, 0x21].map(
    (o) => [o] as const,
  ),
  ...[0x22, 0x23, 0x28, 0x29, 0x2a, 0x2b, 0x30, 0x31, 0x38, 0x39, 0x3a, 0x3b, 0x84, 0x85, 0x86, 0x87].map(
    (o) => [o] as const,
  ),
  ...[0x88, 0x89, 0x8a, 0x8b].map((o) => [o] as const),
  ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((digit) => [
    [0x80, digit, 1] as const,
    [0x83, digit, 1] as const,
    [0xd0, digit] as const,
    [0xd1, digit] as const,
  ]),
  [0xc6, 0, 1],
  [0xf6, 0, 1],
  [0xf6, 2],
  [0xf7, 2],
  [0xf6, 3],
  [0xf7, 3],
  [0xfe, 0],
  [0xfe, 1],
  [0xff, 0],
  [0xff, 1],
  [0xff, 6],
  [0x8f, 0],
]

/** Those that do not write what they have read. */
const READERS = ORDINARY.filter(
  ([opcode]) =>
    (opcode < 0x40 && (opcode & 2) !== 0) || (opcode >= 0x84 && opcode <= 0x8b && (opcode & 0xfe) !== 0x86),
)

export const SNIPPETS: readonly Snippet[] = [
  { name: 'ordinary', modes: ['real', 'v86'], write: ordinary },
  { name: 'ordinary', modes: ['real', 'v86', 'protected16'], write: ordinary },
  { name: 'ordinary', modes: ['real', 'v86'], write: ordinary },
  { name: 'access', modes: ALL, write: access },
  { name: 'access', modes: PROTECTED, write: access },
  { name: 'strings', modes: ALL, write: strings },
  {
    name: 'watched',
    modes: ALL,
    write: (w) =>
      w.code.sized(size(w), w.random.pick([0x8b, 0x89])).memory(EBX, WATCHED + 4 * w.random.below(16)),
  },
  {
    name: 'mov sreg',
    modes: ALL,
    write: (w) =>
      w.code
        .setRegister(EAX, dataSelector(w))
        .raw(
          0x8e,
          0xc0 | (w.random.pick([0, 3, 4, 5, w.random.oneIn(6) ? 2 : 3, w.random.oneIn(20) ? 1 : 4]) << 3),
        ),
  },
  {
    name: 'pop sreg',
    modes: ALL,
    write: (w) => {
      const bytes = size(w)
      w.code
        .push(dataSelector(w), bytes)
        .sized(bytes, ...w.random.pick([[0x07], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9]]))
    },
  },
  {
    name: 'push sreg',
    modes: ALL,
    write: (w) =>
      w.code.sized(2, ...w.random.pick([[0x06], [0x0e], [0x16], [0x1e], [0x0f, 0xa0], [0x0f, 0xa8]])),
  },
  {
    name: 'load far pointer',
    modes: ALL,
    write: (w) => {
      const bytes = size(w)
      const offset = w.random.word()
      const selector = dataSelector(w)
      const at = bytes === 4 ? scratch(w, offset, selector) : scratch(w, (offset & 0xffff) | (selector << 16))
      w.code
        .raw(...throughCode(w))
        .sized(bytes, ...w.random.pick([[0xc4], [0xc5], [0x0f, 0xb4], [0x0f, 0xb5]]))
        .memory(EDX, at)
    },
  },
  { name: 'jmp far', modes: ALL, write: (w) => farDirect(w, 0xea) },
  { name: 'call far', modes: ALL, write: (w) => farDirect(w, 0x9a) },
  { name: 'call far', modes: ALL, write: (w) => farDirect(w, 0x9a) },
  { name: 'jmp far m', modes: ALL, write: (w) => farThroughMemory(w, 5) },
  { name: 'call far m', modes: ALL, write: (w) => farThroughMemory(w, 3) },
  { name: 'retf', modes: ALL, write: (w) => farReturn(w, 'retf') },
  { name: 'iret', modes: ALL, write: (w) => farReturn(w, 'iret') },
  { name: 'iret', modes: ALL, write: (w) => farReturn(w, 'iret') },
  {
    name: 'int',
    modes: ALL,
    write: (w) => w.code.raw(0xcd, w.random.oneIn(8) ? w.random.below(0x34) : 0x20 + w.random.below(16)),
  },
  { name: 'int', modes: ALL, write: (w) => w.code.raw(0xcd, 0x20 + w.random.below(16)) },
  { name: 'int3', modes: ALL, write: (w) => w.random.oneIn(4) && w.code.raw(0xcc) },
  { name: 'into', modes: ALL, write: (w) => w.code.raw(0xce) },
  { name: 'ud2', modes: ALL, write: (w) => w.random.oneIn(3) && w.code.raw(0x0f, 0x0b) },
  {
    name: 'div by zero',
    modes: ALL,
    write: (w) => w.random.oneIn(3) && w.code.setRegister(ECX, 0).sized(size(w), 0xf7, 0xf1),
  },
  {
    name: 'bound',
    modes: ALL,
    write: (w) =>
      w.code
        .setRegister(EAX, w.random.below(6))
        .sized(4, 0x62)
        .memory(EAX, scratch(w, 1, 4)),
  },
  { name: 'pushf', modes: ALL, write: (w) => w.code.sized(size(w), 0x9c) },
  {
    name: 'popf',
    modes: ALL,
    write: (w) => {
      const bytes = size(w)
      w.code.push(flagsImage(w), bytes).sized(bytes, 0x9d)
    },
  },
  {
    name: 'cli',
    modes: ALL,
    write: (w) => {
      // After STI, QEMU does not single-step.
      const steps = (w.test.eflags & TF) !== 0 || w.test.names.some((name) => /popf|iret|far/.test(name))
      w.code.raw(steps ? 0xfa : w.random.pick([0xfa, 0xfb]))
    },
  },
  { name: 'pusha', modes: ALL, write: (w) => w.code.sized(size(w), 0x60) },
  {
    name: 'enter',
    modes: ALL,
    write: (w) => {
      const bytes = w.code.bits === 32 ? 4 : size(w)
      w.code.sized(bytes, 0xc8).immediate(w.random.below(40), 2).raw(0).sized(bytes, 0xc9)
    },
  },
  {
    name: 'lar, lsl, verr, verw, arpl',
    modes: ALL,
    write: (w) => {
      const { code, random } = w
      code.setRegister(EBX, random.pick(ALL_SELECTORS)).setRegister(ECX, random.word())
      const bytes = size(w)
      switch (random.below(5)) {
        case 0:
          // What lies between type and granularity is undefined.
          return void code
            .sized(bytes, 0x0f, 0x02, 0xc3)
            .raw(0x0f, 0x94, 0xc2)
            .sized(4, 0x25)
            .immediate(0xfff0ffff, 4)
        case 1:
          return void code.sized(bytes, 0x0f, 0x03, 0xc3)
        case 2:
          return void code.raw(0x0f, 0x00, 0xe3)
        case 3:
          return void code.raw(0x0f, 0x00, 0xeb)
        default:
          return void code.raw(0x63, 0xcb)
      }
    },
  },
  { name: 'lgdt', modes: ALL, write: (w) => loadTable(w, 2) },
  { name: 'lidt', modes: ALL, write: (w) => loadTable(w, 3) },
  {
    name: 'sgdt, sidt',
    modes: ALL,
    write: (w) => w.code.sized(size(w), 0x0f, 0x01).memory(w.random.below(2), scratch(w, 0, 0)),
  },
  {
    name: 'sldt, str, smsw',
    modes: ALL,
    write: (w) =>
      w.code.sized(
        size(w),
        0x0f,
        ...w.random.pick([
          [0x00, 0xc0],
          [0x00, 0xc8],
          [0x01, 0xe0],
        ]),
      ),
  },
  {
    name: 'lldt, ltr',
    modes: ALL,
    write: (w) =>
      w.code
        .setRegister(
          EAX,
          w.random.oneIn(2)
            ? w.random.pick(ALL_SELECTORS.slice(2))
            : w.random.pick([SEL.ldt, SEL.wideTask, SEL.narrowTask]),
        )
        .raw(0x0f, 0x00, w.random.pick([0xd0, 0xd8])),
  },
  {
    name: 'lmsw',
    modes: PROTECTED,
    write: (w) => w.code.setRegister(EAX, w.random.below(16)).raw(0x0f, 0x01, 0xf0),
  },
  { name: 'clts', modes: ALL, write: (w) => w.code.raw(0x0f, 0x06) },
  { name: 'mov to cr', modes: PROTECTED, write: controlRegister },
  {
    name: 'mov from cr',
    modes: ALL,
    write: (w) =>
      w.code.raw(0x0f, 0x20, 0xc0 | (w.random.pick(w.level === 0 ? [0, 2, 3, 4, 1, 7] : [0, 2, 3, 4]) << 3)),
  },
  {
    name: 'mov dr',
    modes: ALL,
    write: (w) => {
      const { code, random } = w
      const index = random.below(8)
      if (random.oneIn(2)) code.raw(0x0f, 0x21, 0xc0 | (index << 3))
      else {
        const value =
          index === 7 || index === 5
            ? random.pick([0, 0x400, 1])
            : random.oneIn(2)
              ? WATCHED + 16 * (index & 3)
              : 0
        code.setRegister(EAX, value).raw(0x0f, 0x23, 0xc0 | (index << 3))
      }
    },
  },
  { name: 'invlpg', modes: ALL, write: (w) => w.code.raw(0x0f, 0x01).memory(7, place(w)) },
  {
    name: 'page table',
    modes: ['protected32'],
    write: (w) => {
      const { code, random, test } = w
      const page = random.pick([0x15, 0x16])
      const at = test.cr3 === DIRECTORY ? TABLE + page * 4 : PAE.table + page * 8
      code
        .raw(0xc7)
        .memory(0, at)
        .immediate((page << 12) | random.pick([7, 5, 3, 1, 0, 0x67]), 4)
      if (random.oneIn(2)) code.raw(0x0f, 0x01).memory(7, page << 12)
      else code.setRegister(EAX, test.cr3).raw(0x0f, 0x22, 0xd8)
      access(w)
    },
  },
  {
    name: 'out',
    modes: ALL,
    write: (w) => {
      const { code, random } = w
      if (random.oneIn(2)) code.raw(random.pick([0xe6, 0xe7]), 0x80)
      else code.setRegister(EDX, 0x80).raw(random.pick([0xee, 0xef]))
    },
  },
  { name: 'in', modes: ALL, write: (w) => w.code.raw(0xe4, 0xe9) },
  { name: 'wbinvd', modes: ALL, write: (w) => w.code.raw(0x0f, w.random.pick([0x08, 0x09])) },
  {
    name: 'msr',
    modes: PROTECTED,
    write: (w) => {
      const { code, random } = w
      code.setRegister(ECX, random.pick([0x174, 0x175, 0x176])).setRegister(EDX, 0)
      if (random.oneIn(2)) return void code.raw(0x0f, 0x32)
      const value = random.pick([0, SEL.handlerCode, SEL.handlerCode | 3])
      code.setRegister(ECX, 0x174).setRegister(EAX, value).raw(0x0f, 0x30)
    },
  },
  {
    name: 'sysenter, sysexit',
    modes: PROTECTED,
    write: (w) => {
      const { code, random } = w
      if (random.oneIn(2)) return void code.raw(0x0f, 0x34)
      code
        .setRegister(EDX, CODE + PADS.stop)
        .setRegister(ECX, STACKS[3])
        .raw(0x0f, 0x35)
    },
  },
  { name: 'hlt', modes: ['v86'], write: (w) => w.random.oneIn(3) && w.code.raw(0xf4) },
  { name: 'hlt', modes: PROTECTED, write: (w) => w.level > 0 && w.code.raw(0xf4) },
  {
    name: 'a20',
    modes: ['real'],
    write: (w) => {
      const { code, random } = w
      code.setRegister(EAX, 0xffff).raw(0x8e, 0xe0)
      if (random.oneIn(2)) code.raw(0xb0, random.pick([0, 2]), 0xe6, 0x92)
      code.raw(0x64, random.pick([0x8b, 0x89, 0x01])).memory(EBX, BASE + 0x710)
    },
  },
  {
    name: 'x87 and #NM',
    modes: ALL,
    write: (w) => w.code.raw(...w.random.pick([[0x9b], [0xdb, 0xe3], [0xd9, 0xe8]])),
  },
]

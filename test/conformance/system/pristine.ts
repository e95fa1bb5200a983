import {
  ARENA,
  ARENA_BYTES,
  BASE,
  CODE,
  DATA,
  DIRECTORY,
  GDT,
  HANDLER_STACKS,
  IDT,
  LDT,
  LDT_ENTRIES,
  MAIN_TASK_LIMIT,
  PADS,
  PAE,
  SEL,
  STACKS,
  TABLE,
  TASK,
  VECTORS,
  VECTOR_TABLE,
} from './layout.ts'
import type { Harness } from './harness.ts'

/** The two words of a segment or system descriptor; `flags` are bits 52-55. */
export function descriptor(base: number, limit: number, access: number, flags: number): [number, number] {
  return [
    (limit & 0xffff) | (base << 16),
    ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000),
  ]
}

/** The two words of a gate; `type` holds the present bit and the level. */
export function gate(selector: number, offset: number, type: number, parameters = 0): [number, number] {
  const high = (type & 0xf) >= 0xc ? offset & 0xffff0000 : 0
  return [(selector << 16) | (offset & 0xffff), high | (type << 8) | parameters]
}

const PAGES = 0xc
const BIG = 4

/** The arena before the patches of a case. */
export function pristine(harness: Pick<Harness, 'symbol'>): Uint8Array {
  const bytes = new Uint8Array(ARENA_BYTES)
  const view = new DataView(bytes.buffer)
  const put = (address: number, ...words: number[]): void =>
    words.forEach((word, i) => view.setInt32(address - ARENA + i * 4, word, true))
  const segment = (selector: number, ...words: [number, number]): void =>
    put(GDT + (selector & 0xfff8), ...words)

  // Below the tables zeros, which are popped as an address where a breakpoint is; above them something to work on.
  let x = 12345
  for (let at = DATA; at < ARENA + ARENA_BYTES; at++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0
    const byte = x >>> 24
    // INT1, which QEMU does not have.
    bytes[at - ARENA] = byte === 0xf1 ? 0xcc : byte
  }

  // The null descriptor lies where code goes that returns through an empty stack.
  put(GDT, -0x33333334, -0x33333334)
  segment(SEL.handlerCode, ...descriptor(0, 0xfffff, 0x9b, PAGES))
  segment(SEL.handlerData, ...descriptor(0, 0xfffff, 0x93, PAGES))
  segment(SEL.handlerNarrow, ...descriptor(0, 0xffff, 0x9b, 0))
  segment(SEL.data16, ...descriptor(BASE, 0xffff, 0x93, 0))
  segment(SEL.mainTask, ...descriptor(TASK.main, MAIN_TASK_LIMIT, 0x89, 0))
  segment(SEL.wideTask, ...descriptor(TASK.wide, 0x67, 0x89, 0))
  segment(SEL.narrowTask, ...descriptor(TASK.narrow, 0x2b, 0x81, 0))
  segment(SEL.handlerTask, ...descriptor(TASK.handler, 0x67, 0x89, 0))
  segment(SEL.doubleFaultTask, ...descriptor(TASK.doubleFault, 0x67, 0x89, 0))
  segment(SEL.ldt, ...descriptor(LDT, LDT_ENTRIES * 8 - 1, 0x82, 0))
  segment(SEL.userCode, ...descriptor(0, 0xfffff, 0xfb, PAGES))
  segment(SEL.userData, ...descriptor(0, 0xfffff, 0xf3, PAGES))
  segment(SEL.code16, ...descriptor(BASE, 0xffff, 0x9b, 0))
  segment(SEL.userCode16, ...descriptor(BASE, 0xffff, 0xfb, 0))
  segment(SEL.userData16, ...descriptor(BASE, 0xffff, 0xf3, 0))
  segment(SEL.code1, ...descriptor(0, 0xfffff, 0xbb, PAGES))
  segment(SEL.data1, ...descriptor(0, 0xfffff, 0xb3, PAGES))
  segment(SEL.code2, ...descriptor(0, 0xfffff, 0xdb, PAGES))
  segment(SEL.data2, ...descriptor(0, 0xfffff, 0xd3, PAGES))
  segment(SEL.conforming, ...descriptor(0, 0xfffff, 0x9f, PAGES))
  segment(SEL.executeOnly, ...descriptor(0, 0xfffff, 0x99, PAGES))
  segment(SEL.readOnly, ...descriptor(BASE, 0xfffff, 0xf0, BIG))
  segment(SEL.expandDown, ...descriptor(0, 0x13fff, 0xf6, BIG))

  for (let vector = 0; vector < VECTORS; vector++) {
    const level = vector === 3 || vector === 4 || vector >= 0x20 ? 0xee : 0x8e
    put(IDT + vector * 8, ...gate(SEL.handlerCode, harness.symbol(`wide${vector}`), level))
  }
  put(IDT + 8 * 8, ...gate(SEL.doubleFaultTask, 0, 0x85))
  for (let vector = 0; vector < 256; vector++)
    put(VECTOR_TABLE + vector * 4, harness.symbol(`real${Math.min(vector, VECTORS - 1)}`))

  // Two usable segments of each kind in the LDT; cases fill the rest.
  put(LDT + 8, ...descriptor(0, 0xfffff, 0xfb, PAGES))
  put(LDT + 16, ...descriptor(0, 0xfffff, 0xf3, PAGES))
  put(LDT + 24, ...descriptor(0, 0xfffff, 0x9b, PAGES))
  put(LDT + 32, ...descriptor(0, 0xfffff, 0x93, PAGES))
  put(LDT + 40, ...descriptor(BASE, 0xffff, 0xf3, 0))

  put(TASK.main + 4, STACKS[0], SEL.handlerData, STACKS[1], SEL.data1, STACKS[2], SEL.data2)
  view.setUint16(TASK.main - ARENA + 102, 0x68, true)
  bytes[TASK.main - ARENA + 0x68 + (0xe9 >> 3)] = 0xf0
  bytes[TASK.main - ARENA + MAIN_TASK_LIMIT] = 0xff
  const task = (address: number, entry: number, stack: number, code: number, data: number): void => {
    const at = address - ARENA
    put(address + 4, STACKS[0], SEL.handlerData)
    put(address + 28, DIRECTORY, entry, 2)
    put(address + 40, 0x11, 0x22, 0x33, 0x44, stack, 0x66, 0x77, 0x88)
    put(address + 72, data, code, data, data, 0, 0, 0)
    view.setUint16(at + 102, 104, true)
  }
  task(TASK.wide, CODE + PADS.stop, STACKS[0] - 0x80, SEL.handlerCode, SEL.handlerData)
  task(TASK.handler, harness.symbol('task_entry'), HANDLER_STACKS.task, SEL.handlerCode, SEL.handlerData)
  task(
    TASK.doubleFault,
    harness.symbol('double_fault_entry'),
    HANDLER_STACKS.doubleFault,
    SEL.handlerCode,
    SEL.handlerData,
  )
  const narrow = [0, STACKS[0] - BASE, SEL.data16, 0, 0, 0, 0]
  narrow.push(CODE - BASE + PADS.stop, 2, 0x11, 0x22, 0x33, 0x44, STACKS[0] - BASE - 0x80, 0x66, 0x77, 0x88)
  narrow.push(SEL.data16, SEL.code16, SEL.data16, SEL.data16, 0)
  narrow.forEach((word, i) => view.setUint16(TASK.narrow - ARENA + i * 2, word, true))

  bytes.fill(0, DIRECTORY - ARENA, TABLE + 0x1000 - ARENA)
  put(DIRECTORY, TABLE | 7, 0x87, 0)
  for (let page = 0; page < 1024; page++) put(TABLE + page * 4, (page << 12) | 7)
  bytes.fill(0, PAE.pointers - ARENA, PAE.table + 0x1000 - ARENA)
  put(PAE.pointers, PAE.directory | 1, 0)
  put(PAE.directory, PAE.table | 7, 0, 0x200087, 0, 0x87, 0)
  for (let page = 0; page < 512; page++) put(PAE.table + page * 8, (page << 12) | 7, 0)

  bytes.fill(0xcc, CODE - ARENA, CODE + 0x1000 - ARENA)
  const pad = (offset: number, ...code: number[]): void => bytes.set(code, CODE + offset - ARENA)
  pad(PADS.retf, 0xcb)
  pad(PADS.retfWide, 0x66, 0xcb)
  pad(PADS.iret, 0xcf)
  pad(PADS.iretWide, 0x66, 0xcf)
  return bytes
}

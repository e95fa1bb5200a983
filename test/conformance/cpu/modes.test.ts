import { expect, it } from 'vitest'
import { ES } from '../../../engine/isa/state.ts'
import { RAM_BASE } from '../../../engine/memory/layout.ts'
import { runBareMetal } from './bare-metal.ts'
import { buildProcessor } from './processor.ts'
import { Random } from './random.ts'
import { StreamBuilder } from './stream.ts'
import { CODE, CODE_END, USER_DATA } from './user-layout.ts'
import { type Outcome, type StreamCase, UserProcess } from './user-process.ts'

const STREAMS = 2_000
const BUDGET = 100_000
const PAGE_TABLE = 0x181000
const OTHER_CODE = 0x300000

const user = new UserProcess()
const builder = new StreamBuilder(user, new Random(11), { length: 8, segments: false })

/** Streams with their outcome in one run, flat. */
function streams(count: number): { test: StreamCase; outcome: Outcome }[] {
  const list: { test: StreamCase; outcome: Outcome }[] = []
  while (list.length < count) {
    const made = builder.next()
    if (!made) continue
    user.load(made.test)
    list.push({ test: made.test, outcome: user.finish(BUDGET)! })
  }
  return list
}

it('runs streams through segments that are not quite flat as through flat ones', () => {
  for (const { test, outcome } of streams(STREAMS)) {
    user.load(test)
    // Nothing lies beyond, but accesses now go through the segment caches.
    user.processor.vcpu.segmentation.setCache(ES, USER_DATA, 0, 0xffffefff | 0, 0xc0f3)
    expect(user.finish(BUDGET), JSON.stringify(test)).toEqual(outcome)
  }
})

it('sees that the code of a linear page has become another one', () => {
  const { vcpu, memory, ramView, ram } = user.processor
  const map = (physical: number, linear: number): void => {
    for (let at = 0; at < CODE_END - CODE; at += 4096) {
      ramView.setUint32(PAGE_TABLE + ((linear + at) >> 12) * 4, (physical + at) | 7, true)
      vcpu.mmu.invalidatePage(linear + at)
    }
  }
  const list = streams(STREAMS / 2).filter(({ test }) => !test.names.includes('self-modification'))
  list.forEach(({ test, outcome }, i) => {
    // The code of the stream goes to another physical page; the usual one has the stream after it.
    user.load(test)
    memory.dmaWrite(OTHER_CODE, ram.slice(CODE, CODE_END))
    const other = list[(i + 1) % list.length]!.test
    user.load({ ...test, at: other.at, code: other.code })
    map(OTHER_CODE, CODE)
    const result = user.finish(BUDGET)!
    map(CODE, CODE)
    expect({ ...result, hash: 0 }, JSON.stringify(test)).toEqual({ ...outcome, hash: 0 })
  })
})

it('notes writes to video memory again once they have been looked at, and forgets no translation for that', () => {
  const { vcpu, memory } = buildProcessor()
  const { mmu } = vcpu
  const backing = { offset: RAM_BASE + 0x40000 }
  const video = { name: 'video', base: 0x40000, length: 0x4000, read: backing, write: backing, priority: 1 }
  const window = memory.map({ ...video, tracksDirty: true })
  mmu.write(0x41000, 1, 4)
  mmu.write(0x50000, 1, 4)
  mmu.read(0x41000, 4)
  expect(window.takeDirty()).toEqual([1])
  const known = { misses: mmu.misses, flushes: mmu.flushes }
  expect(mmu.read(0x41000, 4)).toBe(1)
  mmu.write(0x50000, 2, 4)
  expect({ misses: mmu.misses, flushes: mmu.flushes }).toEqual(known)
  mmu.write(0x41004, 2, 4)
  mmu.write(0x41008, 3, 4)
  expect(window.takeDirty()).toEqual([1])
})

it('sees code that a device writes while it runs', () => {
  const program = `
    bits 16
    mov cx, 3
    again:
      mov al, cl
      out 0xf8, al
    changed:
      mov bx, 0
      movzx eax, bx
      mov dx, 0xe9
      out dx, eax
      loop again
      cli
      hlt`
  const first = runBareMetal(program)
  const target = Number(first.symbols.get('changed')) + 1
  first.processor.ports.map(
    { name: 'writer', base: 0xf8, length: 1 },
    {
      read: () => 0xff,
      write: (_offset, value) => first.processor.memory.dmaWrite(target, Uint8Array.of(value)),
    },
  )
  expect(first.log).toEqual([0, 0, 0])
  expect(runBareMetal(program).log).toEqual([3, 2, 1])
})

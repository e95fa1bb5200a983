import { describe, expect, it } from 'vitest'
import { MemoryMap } from '../bus/memory-map.ts'
import { Decoder } from '../isa/decoder.ts'
import { buildOpcodeTable } from '../isa/encoding.ts'
import { describeAll } from '../isa/index.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { RAM_BASE } from '../memory/layout.ts'
import { CPU_MODELS } from '../vcpu/model.ts'
import { CodeCache } from './code-cache.ts'
import type { CodeVariant } from './code-variant.ts'
import { allForms } from './form.ts'
import { Handler } from './record.ts'

const PAGE = RAM_BASE / 4096
const MODE: CodeVariant = { code32: true, stack32: true, flat: true, limitedFrom: 8, low: 0, high: 4096 }
const [NOP, RET, JMP] = [0x90, 0xc3, 0xe9]

/** A page with two instructions in its second 64 bytes, and some NOPs further on that nobody has decoded. */
function pageOfCode() {
  const guest = new GuestMemory(1)
  const memory = new MemoryMap(guest)
  const table = buildOpcodeTable(describeAll(), CPU_MODELS.max.features)
  const handlers = new Map([...allForms(table).keys()].map((key, i) => [key, i + Handler.FIRST_INSTRUCTION]))
  const code = new CodeCache(memory, table, new Decoder(table), handlers, { needsGap: () => false })
  const protectedPages: number[] = []
  code.onCodePage = (page) => protectedPages.push(page)
  guest.ram.set([NOP, RET], 64)
  guest.ram.fill(NOP, 128, 200)
  code.recordAt(PAGE, 64, MODE)
  return { code, guest, protectedPages }
}

describe('a page with decoded code', () => {
  it('is watched while an instruction of it is left', () => {
    const { code } = pageOfCode()
    code.written(RAM_BASE + 64, 1)
    expect(code.holdsCode(PAGE)).toBe(true)
    expect(code.hitsCode(RAM_BASE + 65, 1)).toBe(true)
  })

  it('is memory like any other once they have been overwritten, one by one', () => {
    const { code } = pageOfCode()
    code.written(RAM_BASE + 65, 1)
    code.written(RAM_BASE + 64, 1)
    expect(code.hitsCode(RAM_BASE + 64, 4)).toBe(false)
    expect(code.holdsCode(PAGE)).toBe(false)
  })

  it.each([382, 386])(
    'is memory like any other once a jump at 382 to 386, in two pieces of 64 bytes, is overwritten at %i',
    (offset) => {
      const { code, guest } = pageOfCode()
      code.written(RAM_BASE + 64, 2)
      guest.ram.set([JMP, 0, 0, 0, 0], 382)
      code.recordAt(PAGE, 382, MODE)
      expect(code.holdsCode(PAGE)).toBe(true)
      code.written(RAM_BASE + offset, 1)
      expect(code.holdsCode(PAGE)).toBe(false)
    },
  )

  it('is watched again when code is decoded from it again', () => {
    const { code, protectedPages } = pageOfCode()
    code.written(RAM_BASE + 64, 2)
    expect(code.holdsCode(PAGE)).toBe(false)
    code.recordAt(PAGE, 64, MODE)
    expect(code.holdsCode(PAGE)).toBe(true)
    expect(protectedPages).toEqual([PAGE, PAGE])
  })

  it('is protected anew when all of its code is patched and run: the page walk may have opened it between', () => {
    const { code, protectedPages } = pageOfCode()
    code.written(RAM_BASE + 64, 2)
    code.recordAt(PAGE, 64, MODE)
    expect(code.hitsCode(RAM_BASE + 64, 1)).toBe(true)
    expect(protectedPages).toEqual([PAGE, PAGE])
  })

  it('gives up what is about to be overwritten once three instructions in a row have been, up to the next 64 bytes', () => {
    const { code } = pageOfCode()
    code.onCodePage = () => {}
    code.recordAt(PAGE, 128, MODE)
    for (const offset of [130, 131, 132]) code.written(RAM_BASE + offset, 1)
    expect(code.hitsCode(RAM_BASE + 133, 1)).toBe(true)
    code.written(RAM_BASE + 133, 1)
    expect(code.hitsCode(RAM_BASE + 134, 58)).toBe(false)
    expect(code.hitsCode(RAM_BASE + 129, 1)).toBe(true)
    expect(code.hitsCode(RAM_BASE + 192, 1)).toBe(true)
  })

  it('needs no new protection while some of its code is left', () => {
    const { code, protectedPages } = pageOfCode()
    code.written(RAM_BASE + 64, 1)
    code.recordAt(PAGE, 64, MODE)
    expect(protectedPages).toEqual([PAGE])
  })
})

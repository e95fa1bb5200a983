import { describe, expect, it } from 'vitest'
import { State } from '../../../engine/isa/state.ts'
import { runBareMetal } from './bare-metal.ts'

/** Interrupts and far transfers between paragraphs, with the stack beside the code, as programs of DOS have it. */
const PROGRAM = `
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x1ff0
  mov word [0x60 * 4], handler
  mov word [0x60 * 4 + 2], cs
  mov word [far_pointer], elsewhere - 0x100
  mov word [far_pointer + 2], 0x10
  mov cx, 400
again:
  add bx, cx
  stc
  int 0x60
  adc dx, 0
  call 0x10:(elsewhere - 0x100)
  call far [far_pointer]
  jmp 0x20:(behind - 0x200)
behind:
  jmp 0:next
next:
  test cx, 63
  jnz same
  ; Another handler from now on, and other code at the same place.
  xor byte [patched + 2], 3
same:
  dec cx
  jnz again
  hlt
handler:
  push bp
  mov bp, sp
  xor word [bp + 6], 1
  lea si, [si + bx]
  pop bp
  iret
elsewhere:
patched:
  add di, 5
  pushf
  push cs
  pop ax
  add dx, ax
  popf
  retf
far_pointer:
  dw 0, 0
`

function outcome(way: { stepped?: boolean; translated?: boolean }) {
  const { exit, processor } = runBareMetal(PROGRAM, 'max', way)
  const { vcpu } = processor
  const words = vcpu.state.words
  const registers = [...words.subarray(State.GPR / 4, State.GPR / 4 + 16)]
  return { exit, registers, flags: vcpu.state.eflags, processor }
}

describe('regions that end in far transfers', () => {
  it('do what the interpreter and single steps do', () => {
    const stepped = outcome({ stepped: true })
    const quick = outcome({})
    const translated = outcome({ translated: true })
    expect(quick.exit).toBe('halt')
    for (const { registers, flags } of [stepped, translated])
      expect({ registers, flags }).toEqual({ registers: quick.registers, flags: quick.flags })
    const { exits } = translated.processor.vcpu.counters()
    expect(exits['region-far']).toBeGreaterThan(1000)
    expect(exits['region-memory']).toBeLessThan(200)
  })
})

import { beforeEach, describe, expect, it } from 'vitest'
import type { CpuModelName } from '../../../engine/vcpu/model.ts'
import { PAGE_TABLES, protectedFrame, ring3 } from './bare-metal.ts'
import { BUSY_HANDLER, FIELD, LOG, ManagedMachine, NMI, SMBASE, SMI } from './managed-machine.ts'

// System management mode: SDM vol. 3, chapter of that name.

describe.each([false, true])('system management mode (translated: %s)', (translated) => {
  let machine: ManagedMachine
  beforeEach(() => {
    machine = new ManagedMachine(translated)
  })

  it('interrupts real mode and leaves no trace', () => {
    machine.start(
      `mov sp, 0x900
      mov ebx, 0x11112222
      mov cx, 50
      .again: ${SMI}
      loop .again
      pushf
      pop ax
      and ax, 0xcd5
      ${LOG}
      mov eax, ebx
      ${LOG}
      mov ax, ds
      ${LOG}
      hlt`,
      { [SMBASE]: BUSY_HANDLER },
    )
    expect(machine.run()).toBe('halt')
    const flags = machine.log[50]!
    expect(machine.log).toEqual([
      ...Array.from({ length: 50 }, (_, i) => 0xa501 + i),
      flags,
      0x11112222,
      0x11110000,
    ])
    expect(flags & 0x401).toBe(0)
    expect(machine.active).toEqual(Array.from({ length: 100 }, (_, i) => i % 2 === 0))
    expect(machine.field(FIELD.SMBASE)).toBe(SMBASE)
    expect(machine.field(FIELD.REVISION)).toBe(0x30000)
    expect(machine.field(FIELD.HALT) & 0xffff).toBe(0)
    expect(machine.field(FIELD.CR0) & 1).toBe(0)
  })

  it('interrupts a program at level 3 with paging', () => {
    machine.start(
      protectedFrame(`
        ${PAGE_TABLES}
        mov eax, 0x20000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        ${ring3(
          `mov ebx, 0x33334444
          mov ecx, 50
          .again: ${SMI}
          loop .again
          mov eax, ebx
          ${LOG}
          mov eax, cs
          ${LOG}`,
          0x3002,
        )}`),
      { [SMBASE]: BUSY_HANDLER },
    )
    expect(machine.run()).toBe('halt')
    expect(machine.log.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, i) => 0xa501 + i))
    expect(machine.log.slice(50)).toEqual([0x33334444, 0x1b])
    expect(machine.field(FIELD.CR0) & 0x80000001).toBe(0x80000001 | 0)
  })

  it('gives the handler segments of 4 GiB, interrupts off, and its place as CS', () => {
    machine.start(`sti\n${SMI}\nhlt`, {
      [SMBASE]: `
        mov ax, cs
        movzx eax, ax
        ${LOG}
        pushf
        pop ax
        movzx eax, ax
        ${LOG}
        mov eax, cr0
        and eax, 0x80000001
        ${LOG}
        mov dword [dword 0x110000], 0x5678
        mov eax, [dword 0x110000]
        ${LOG}
        rsm`,
    })
    // A stack at the end of the first MiB, which has nothing to do with the handler's.
    machine.processor.vcpu.setRegister(4, 0x900)
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([0x3000, 2, 0, 0x5678])
  })

  it('goes where the handler has moved it', () => {
    const move = `mov dword [cs:${FIELD.SMBASE}], 0x48000\nmov eax, 1\n${LOG}\nrsm`
    machine.start(`${SMI}\n${SMI}\nhlt`, { [SMBASE]: move, 0x48000: `mov eax, 2\n${LOG}\nrsm` })
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([1, 2])
  })

  it('goes on waiting after RSM, or behind the HLT where the handler says so', () => {
    const handler = `
      movzx eax, word [cs:${FIELD.HALT}]
      ${LOG}
      mov ax, [cs:0x9000]
      mov [cs:${FIELD.HALT}], ax
      rsm`
    machine.start(`hlt\nmov eax, 7\n${LOG}\nhlt`, { [SMBASE]: handler })
    const { vcpu, ramView } = machine.processor
    ramView.setUint16(SMBASE + 0x9000, 1, true)
    expect(machine.run()).toBe('halt')
    vcpu.raiseSmi()
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([1])
    ramView.setUint16(SMBASE + 0x9000, 0, true)
    vcpu.raiseSmi()
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([1, 1, 7])
  })

  it('holds another SMI and an NMI back until RSM', () => {
    const program = `
      mov word [8], .nmi
      mov word [10], 0
      mov sp, 0x900
      ${SMI}
      hlt
      .nmi: mov eax, 9
      ${LOG}
      iret`
    const handler = `
      inc dword [cs:0x9000]
      mov eax, [cs:0x9000]
      ${LOG}
      cmp eax, 1
      jne .end
      ${SMI}
      ${NMI}
      nop
      mov eax, 5
      ${LOG}
      .end: rsm`
    machine.start(program, { [SMBASE]: handler })
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([1, 5, 2, 9])
  })

  it('keeps NMIs blocked over an SMI within their handler', () => {
    const program = `
      mov word [8], .nmi
      mov word [10], 0
      mov sp, 0x900
      ${NMI}
      nop
      mov eax, 4
      ${LOG}
      hlt
      .nmi: mov eax, 1
      ${LOG}
      cmp word [0x2000], 0
      jne .end
      inc word [0x2000]
      ${NMI}
      ${SMI}
      nop
      mov eax, 3
      ${LOG}
      .end: iret`
    machine.start(program, { [SMBASE]: `mov eax, 2\n${LOG}\nrsm` })
    expect(machine.run()).toBe('halt')
    // The second NMI comes with the IRET of the first.
    expect(machine.log).toEqual([1, 2, 3, 1, 4])
  })

  it('shuts down at a state that cannot be', () => {
    for (const change of [
      `mov dword [cs:${FIELD.CR0}], 0x80000010`,
      `mov dword [cs:${FIELD.CR0}], 0x20000010`,
      'mov dword [cs:0xff04], -1',
    ]) {
      machine.start(`${SMI}\nhlt`, { [SMBASE]: `${change}\nrsm` })
      expect(machine.run()).toBe('shutdown')
    }
  })

  it('is in the saved state, in the middle of the handler', () => {
    machine.start(`mov ebx, 0x77\n${SMI}\nmov eax, ebx\n${LOG}\nhlt`, {
      [SMBASE]: `mov ebx, 1\nhlt\nmov eax, ebx\n${LOG}\nrsm`,
    })
    expect(machine.run()).toBe('halt')
    const saved = machine.processor.vcpu.save()
    const other = new ManagedMachine(translated)
    other.processor.ram.set(machine.processor.ram)
    other.processor.vcpu.restore(structuredClone(saved))
    expect(other.active.at(-1)).toBe(true)
    // An interrupt that is not taken does not wake it; the debugger's register does.
    other.processor.vcpu.restore({ ...structuredClone(saved), halted: false })
    expect(other.run()).toBe('halt')
    expect(other.log).toEqual([1, 0x77])
    expect(other.active.at(-1)).toBe(false)
  })
})

describe('RSM', () => {
  const OUTSIDE = `mov word [24], .invalid\nmov word [26], 0\nmov sp, 0x900\nrsm\nhlt\n.invalid: mov ax, 6\nout 0xe9, ax\nhlt`

  it.each<CpuModelName>(['386', '486', 'pentium', 'max'])('is invalid elsewhere, on a %s', (model) => {
    const machine = new ManagedMachine(false, model)
    machine.start(OUTSIDE, {})
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([6])
  })

  it('finds SMBASE in units of 32 KiB before the P6', () => {
    const handler = { [SMBASE]: `mov dword [cs:${FIELD.SMBASE}], 0x40100\nrsm` }
    for (const [model, exit] of [
      ['pentium', 'shutdown'],
      ['pentium2', 'halt'],
    ] as const) {
      const machine = new ManagedMachine(false, model)
      machine.start(`${SMI}\nhlt`, handler)
      expect(machine.run()).toBe(exit)
    }
  })

  it('is unknown to a 386, which has no SMI either', () => {
    const machine = new ManagedMachine(false, '386')
    machine.start(`${SMI}\nmov eax, 3\n${LOG}\nhlt`, { [SMBASE]: `mov eax, 4\n${LOG}` })
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([3])
  })
})

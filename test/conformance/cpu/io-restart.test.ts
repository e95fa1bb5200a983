import { beforeEach, describe, expect, it } from 'vitest'
import { ECX, ESI } from '../../../engine/isa/state.ts'
import { FIELD, LOG, ManagedMachine, SMBASE } from './managed-machine.ts'

// I/O instruction restart: SDM vol. 3, "System Management Mode", section of that name. A device is off until its handler
// turns it on; an access to it meanwhile raises an SMI and comes to nothing.

const DEVICE = 0x300
const POWER = 0x310
const RESTART = `mov word [cs:${FIELD.IO_RESTART}], 0xff`
/** Logs what the field holds, turns the device on and goes back. */
const handler = (change: string): Record<number, string> => ({
  [SMBASE]: `
    movzx eax, word [cs:${FIELD.IO_RESTART}]
    ${LOG}
    mov dx, ${POWER}
    out dx, al
    ${change}
    mov eax, 0xdead
    mov ecx, eax
    mov esi, eax
    mov edi, eax
    rsm`,
})

describe.each([false, true])('an I/O instruction that an SMI comes out of (translated: %s)', (translated) => {
  let machine: ManagedMachine
  let isOn = false
  let trapsAt = 0
  let taken: number[] = []
  beforeEach(() => {
    machine = new ManagedMachine(translated)
    isOn = false
    trapsAt = 0
    taken = []
    const { ports, vcpu } = machine.processor
    const isTrapped = (): boolean => {
      if (isOn || taken.length < trapsAt) return false
      vcpu.raiseSmi()
      return true
    }
    ports.map(
      { name: 'device', base: DEVICE, length: 4, width: 4 },
      {
        read: () => (isTrapped() ? 0xff : taken.push(0x11 * (taken.length + 1)) * 0x11),
        write: (_, value) => void (isTrapped() || taken.push(value)),
      },
    )
    ports.map({ name: 'power', base: POWER, length: 1 }, { read: () => 0, write: () => void (isOn = true) })
  })

  it('is run again where the handler says so', () => {
    machine.start(
      `mov dx, ${DEVICE}
      mov eax, 0x12345678
      out dx, eax
      ${LOG}
      hlt`,
      handler(RESTART),
    )
    expect(machine.run()).toBe('halt')
    expect(taken).toEqual([0x12345678])
    expect(machine.log).toEqual([0, 0x12345678])
  })

  it('is over where it says nothing', () => {
    machine.start(
      `mov dx, ${DEVICE}
      mov eax, 0x12345678
      out dx, eax
      ${LOG}
      hlt`,
      handler(''),
    )
    expect(machine.run()).toBe('halt')
    expect(taken).toEqual([])
    expect(machine.log).toEqual([0, 0x12345678])
  })

  it('reads again, in a loop that has run before', () => {
    trapsAt = 40
    machine.start(
      `mov dx, ${DEVICE}
      mov cx, 60
      xor ebx, ebx
      .again: in al, dx
      movzx eax, al
      add ebx, eax
      dec cx
      jnz .again
      mov eax, ebx
      ${LOG}
      hlt`,
      handler(RESTART),
    )
    expect(machine.run()).toBe('halt')
    expect(taken).toHaveLength(60)
    const bytes = taken.map((_, i) => ((i + 1) * 0x11) & 0xff)
    expect(machine.log).toEqual([0, bytes.reduce((sum, byte) => sum + byte, 0)])
  })

  it.each([0, 1, 3])('goes on with a repetition of OUTS (%i before it)', (before) => {
    trapsAt = before
    machine.start(
      `mov dx, ${DEVICE}
      mov si, .text
      mov cx, 5
      cld
      rep outsb
      hlt
      .text: db 1, 2, 3, 4, 5`,
      handler(RESTART),
    )
    expect(machine.run()).toBe('halt')
    expect(taken).toEqual([1, 2, 3, 4, 5])
    expect(machine.processor.vcpu.register(ECX) & 0xffff).toBe(0)
  })

  it('goes on with a repetition of INS downwards', () => {
    trapsAt = 2
    machine.start(
      `mov dx, ${DEVICE}
      mov di, 0x2003
      mov cx, 4
      std
      rep insb
      cld
      mov eax, [0x2000]
      ${LOG}
      hlt`,
      handler(RESTART),
    )
    expect(machine.run()).toBe('halt')
    expect(machine.log).toEqual([0, 0x11223344])
  })

  it('without REP takes its registers back', () => {
    machine.start(
      `mov dx, ${DEVICE}
      mov si, .text
      outsb
      hlt
      .text: db 9`,
      handler(RESTART),
    )
    expect(machine.run()).toBe('halt')
    expect(taken).toEqual([9])
    const { vcpu, ramView } = machine.processor
    expect(ramView.getUint8((vcpu.register(ESI) & 0xffff) - 1)).toBe(9)
  })

  it('that another SMI found does not run twice', () => {
    const { vcpu } = machine.processor
    isOn = true
    machine.start(`mov dx, ${DEVICE}\nmov al, 3\nout dx, al\nhlt`, handler(RESTART))
    expect(machine.run()).toBe('halt')
    vcpu.raiseSmi()
    expect(machine.run()).toBe('halt')
    expect(taken).toEqual([3])
    expect(machine.log).toEqual([0])
  })
})

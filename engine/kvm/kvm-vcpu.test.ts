import { afterEach, describe, expect } from 'vitest'
import { EAX, EBX, State } from '../isa/state.ts'
import { RAM_BASE, ROM_BASE, VRAM_BASE } from '../memory/layout.ts'
import type { SavedVcpu } from '../vcpu/saved-vcpu.ts'
import { assembleAt, itWithKvm, TestMachine } from './test-kvm.ts'

let machines: TestMachine[] = []
afterEach(() => {
  for (const machine of machines) machine.close()
  machines = []
})
function powerOn(...lines: string[]): TestMachine {
  const machine = new TestMachine()
  machines.push(machine)
  machine.start(...lines)
  return machine
}

const exitsOf = (machine: TestMachine) => machine.vcpu.counters().exits

/** Puts a handler behind an interrupt that writes a value to port 10h, and then does what is said. */
function handle(machine: TestMachine, vector: number, value: number, ...then: string[]): void {
  const at = 0x4000 + vector * 64
  machine.guest.view.setUint16(RAM_BASE + 4 * vector, at, true)
  const code = assembleAt(at, 'bits 16', 'push ax', `mov ax, ${value}`, 'out 10h, ax', 'pop ax', ...then)
  machine.guest.ram.set(code, at)
}

describe('a processor of KVM', () => {
  itWithKvm('runs a real-mode program to its HLT', () => {
    const machine = powerOn('mov ax, 6', 'mov bx, 7', 'mul bx', 'out 10h, ax', 'hlt')
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([42])
    expect(exitsOf(machine)).toMatchObject({ 'pio-write': 1, halt: 1 })
  })

  itWithKvm('runs 32-bit code without paging', () => {
    const machine = powerOn(
      'lgdt [gdt]',
      'mov eax, cr0',
      'or al, 1',
      'mov cr0, eax',
      'jmp 8:flat',
      'bits 32',
      'flat: mov ax, 16',
      'mov ds, ax',
      'mov eax, [200000h]',
      'add eax, 1',
      'out 10h, eax',
      'hlt',
      'gdt: dw 23',
      'dd table',
      'table: dq 0, 00cf9a000000ffffh, 00cf92000000ffffh',
    )
    machine.guest.view.setUint32(RAM_BASE + 0x200000, 0x12345677, true)
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([0x12345678])
  })

  itWithKvm('stops an endless loop when its time is over', () => {
    const machine = powerOn('jmp $')
    const late: number[] = []
    for (let i = 0; i < 15; i++) {
      const start = performance.now()
      expect(machine.run(1_000_000)).toBe('stop')
      late.push(performance.now() - start - 1)
    }
    expect(late.sort((a, b) => a - b)[7]).toBeLessThan(50)
    expect(exitsOf(machine)['kick']).toBe(15)
  })

  itWithKvm('stops at an access when the machine asks, with the access done', () => {
    const machine = powerOn('in eax, 14h', 'inc eax', 'out 10h, eax', 'hlt')
    machine.ports.map(
      { name: 'stop', base: 0x14, length: 4, width: 4 },
      {
        read: () => {
          machine.vcpu.requestStop()
          return 0x1000
        },
        write: () => {},
      },
    )
    expect(machine.run()).toBe('stop')
    expect(machine.vcpu.register(EAX)).toBe(0x1000)
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([0x1001])
  })

  itWithKvm('shows and changes registers during an access, as the back door does', () => {
    const machine = powerOn(
      'mov ebx, 11111111h',
      'mov eax, 22222222h',
      'in eax, 14h',
      'add eax, ebx',
      'out 10h, eax',
      'hlt',
    )
    machine.ports.map(
      { name: 'back door', base: 0x14, length: 4, width: 4 },
      {
        read: () => {
          const { vcpu } = machine
          const sum = vcpu.register(EAX) + vcpu.register(EBX)
          vcpu.setRegister(EBX, 1)
          vcpu.setRegister(EAX, sum)
          return vcpu.register(EAX)
        },
        write: () => {},
      },
    )
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([0x33333334])
  })

  itWithKvm('counts a triple fault as a shutdown', () => {
    // An interrupt table without entries, in protected mode: nothing can be delivered.
    const machine = powerOn(
      'lidt [empty]',
      'mov eax, cr0',
      'or al, 1',
      'mov cr0, eax',
      'mov ax, 0fff8h',
      'mov ds, ax',
      'hlt',
      'empty: dw 0',
      'dd 0',
    )
    expect(machine.run()).toBe('shutdown')
    machine.vcpu.reset()
    expect(machine.vcpu.save().words[State.CR0]! & 1).toBe(0)
  })
})

describe('an interrupt', () => {
  itWithKvm('is taken when the guest allows interrupts', () => {
    const machine = powerOn('sti', 'mov cx, 0', 'jmp $')
    handle(machine, 0x21, 0x21, 'cli', 'hlt')
    machine.vectors.push(0x21)
    machine.vcpu.setInterruptRequest(true)
    machine.ports.map({ name: 'x', base: 0x20, length: 1 }, { read: () => 0, write: () => {} })
    expect(machine.run()).toBe('halt')
    expect(machine.written[0]).toBe(0x21)
    expect(machine.vcpu.counters().interrupts['21']).toBe(1)
    expect(exitsOf(machine)['interrupt-window']).toBeGreaterThan(0)
  })

  itWithKvm('waits while the guest does not', () => {
    const machine = powerOn(
      'cli',
      'mov ax, 1',
      'out 10h, ax',
      'out 10h, ax',
      'sti',
      'mov cx, 5000',
      'loop $',
      'cli',
      'hlt',
    )
    handle(machine, 0x30, 0x30, 'iret')
    machine.vectors.push(0x30)
    machine.vcpu.setInterruptRequest(true)
    machine.ports.map({ name: 'pic', base: 0x20, length: 1 }, { read: () => 0, write: () => {} })
    // The controller takes INTR back when it is acknowledged.
    const acknowledged = machine.vectors.shift.bind(machine.vectors)
    machine.vectors.shift = () => {
      machine.vcpu.setInterruptRequest(false)
      return acknowledged()
    }
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([1, 1, 0x30])
  })

  itWithKvm('wakes a processor that halts, and not with interrupts off', () => {
    const machine = powerOn('sti', 'hlt', 'mov ax, 5', 'out 10h, ax', 'cli', 'hlt')
    handle(machine, 0x40, 0x40, 'iret')
    expect(machine.run()).toBe('halt')
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([])
    machine.vectors.push(0x40)
    machine.vcpu.setInterruptRequest(true)
    machine.ports.map(
      { name: 'end of interrupt', base: 0x14, length: 1 },
      { read: () => 0, write: () => machine.vcpu.setInterruptRequest(false) },
    )
    handle(machine, 0x40, 0x40, 'out 14h, al', 'iret')
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([0x40, 5])
    machine.vcpu.setInterruptRequest(true)
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([0x40, 5])
  })

  itWithKvm('that is not maskable wakes it all the same', () => {
    const machine = powerOn('cli', 'hlt', 'mov ax, 5', 'out 10h, ax', 'hlt')
    handle(machine, 2, 0x222, 'iret')
    expect(machine.run()).toBe('halt')
    machine.vcpu.raiseNmi()
    expect(machine.run()).toBe('halt')
    expect(machine.written).toEqual([0x222, 5])
  })
})

describe('memory under KVM', () => {
  itWithKvm('has devices where the map has them', () => {
    const machine = powerOn(
      'mov ax, 0a000h',
      'mov ds, ax',
      'mov eax, [10h]',
      'mov [20h], eax',
      'mov [0fffh], ax',
      'hlt',
    )
    const accesses: unknown[] = []
    const device = {
      read: (offset: number, size: number) => {
        accesses.push(['read', offset, size])
        return 0x11223344
      },
      write: (offset: number, value: number, size: number) =>
        void accesses.push(['write', offset, value, size]),
    }
    machine.memory.map({
      name: 'device',
      base: 0xa0000,
      length: 0x20000,
      read: { device },
      write: { device },
      priority: 1,
    })
    expect(machine.run()).toBe('halt')
    // The last one lies in two pages.
    expect(accesses).toEqual([
      ['read', 0x10, 4],
      ['write', 0x20, 0x11223344, 4],
      ['write', 0xfff, 0x44, 1],
      ['write', 0x1000, 0x33, 1],
    ])
    expect(exitsOf(machine)['mmio-read']).toBe(1)
  })

  itWithKvm('follows the map when it changes', () => {
    const machine = powerOn(
      'mov ax, 0c000h',
      'mov ds, ax',
      'mov byte [0], 1', // ROM: lost
      'out 14h, al',
      'mov byte [1], 2', // RAM by now
      'out 14h, al',
      'mov byte [2], 3', // reads ROM, writes RAM
      'mov al, [2]',
      'out 10h, al',
      'hlt',
    )
    const { memory, guest } = machine
    guest.rom[2] = 0x77
    const rom = { offset: ROM_BASE }
    const ram = { offset: RAM_BASE + 0xc0000 }
    const region = memory.map({
      name: 'rom',
      base: 0xc0000,
      length: 0x1000,
      read: rom,
      write: null,
      priority: 1,
    })
    const steps = [
      () => region.update({ read: ram, write: ram }),
      () => region.update({ read: rom, write: ram }),
    ]
    machine.ports.map(
      { name: 'chipset', base: 0x14, length: 1 },
      { read: () => 0, write: () => steps.shift()?.() },
    )
    expect(machine.run()).toBe('halt')
    expect([...guest.rom.subarray(0, 2)]).toEqual([0, 0])
    expect([...guest.ram.subarray(0xc0000, 0xc0003)]).toEqual([0, 2, 3])
    expect(machine.written).toEqual([0x77])
  })

  itWithKvm('notes the pages of video memory that were written', () => {
    const machine = powerOn(
      'mov ax, 0a000h',
      'mov es, ax',
      'mov byte [es:1234h], 5',
      'mov byte [es:5678h], 6',
      'hlt',
    )
    const backing = { offset: VRAM_BASE }
    const window = machine.memory.map({
      name: 'bank',
      base: 0xa0000,
      length: 0x10000,
      read: backing,
      write: backing,
      priority: 2,
      tracksDirty: true,
    })
    expect(machine.run()).toBe('halt')
    expect([machine.guest.vram[0x1234], machine.guest.vram[0x5678]]).toEqual([5, 6])
    expect(window.takeDirty()).toEqual([1, 5])
    expect(window.takeDirty()).toEqual([])
    // What a device writes counts as well.
    machine.memory.dmaWrite(0xa3000, Uint8Array.of(1))
    expect(window.takeDirty()).toEqual([3])
    expect(exitsOf(machine)['mmio-write']).toBe(0)
  })

  itWithKvm('wraps around at 1 MiB while the A20 gate is closed', () => {
    const machine = powerOn(
      'mov ax, 0ffffh',
      'mov ds, ax',
      'mov byte [510h], 1', // 100500h
      'out 14h, al',
      'mov byte [511h], 2', // 000501h
      'out 14h, al',
      'mov al, [510h]',
      'out 10h, al',
      'hlt',
    )
    const { memory, guest } = machine
    const steps = [false, true]
    machine.ports.map(
      { name: 'gate', base: 0x14, length: 1 },
      { read: () => 0, write: () => memory.setA20(steps.shift()!) },
    )
    expect(machine.run()).toBe('halt')
    expect([...guest.ram.subarray(0x100500, 0x100502)]).toEqual([1, 0])
    expect([...guest.ram.subarray(0x500, 0x502)]).toEqual([0, 2])
    expect(machine.written).toEqual([1])
  })

  itWithKvm('moves blocks from a data port in one piece', () => {
    const machine = powerOn('cld', 'mov di, 2000h', 'mov cx, 256', 'mov dx, 14h', 'rep insw', 'hlt')
    let singles = 0
    machine.ports.map(
      { name: 'data', base: 0x14, length: 4, width: 4 },
      Object.assign(
        { read: () => (singles++, 0xabcd), write: () => {} },
        {
          // As a disk does: the last word comes by a single access, which ends the transfer.
          readBlock: (into: Uint8Array) => {
            const bytes = Math.max(0, into.length - 2) & ~3
            into.fill(0x5a, 0, bytes)
            return bytes
          },
          writeBlock: () => 0,
        },
      ),
    )
    expect(machine.run()).toBe('halt')
    const { ram } = machine.guest
    expect([ram[0x2000], ram[0x2000 + 511]]).toEqual([0x5a, 0xab])
    expect(singles).toBeLessThan(256)
  })
})

describe('the state of a processor of KVM', () => {
  itWithKvm('comes back as it was given', () => {
    const machine = powerOn('hlt')
    const saved = machine.vcpu.save()
    const view = new DataView(saved.words.buffer)
    for (let at = 0; at < 128; at++) view.setUint8(State.XMM + at, at * 7)
    for (let register = 0; register < 8; register++) {
      view.setBigUint64(State.FPU + 16 * register, 0x8000000000000000n + BigInt(register), true)
      view.setUint16(State.FPU + 16 * register + 8, 0x3fff + register, true)
    }
    view.setUint32(State.FPU_STATUS, 0x2800, true) // TOP = 5
    view.setUint32(State.FPU_TAG, 0xc00f, true)
    view.setUint32(State.FPU_CONTROL, 0x27f, true)
    view.setUint32(State.MXCSR, 0x3fa0, true)
    view.setUint32(State.DEBUG, 0x1234, true)
    view.setUint32(State.GDTR, 0x5000, true)
    view.setUint32(State.GDTR + 4, 0x27, true)
    view.setUint32(State.CR2, 0xdeadb000, true)
    const msrs = saved.msrs.map(([index, low, high]): [number, number, number] =>
      index === 0x175 ? [index, 0x77000, 0] : [index, low, high],
    )
    const given: SavedVcpu = { ...saved, msrs, halted: true, interrupt: true }
    machine.vcpu.restore(given)
    expect(machine.vcpu.save()).toEqual(given)
  })

  itWithKvm('is whole after any number of saves in the middle of work', () => {
    const machine = powerOn(
      'sti',
      'mov ecx, 500',
      'xor eax, eax',
      'again: add eax, ecx',
      'out 14h, al',
      'dec ecx',
      'jnz again',
      'cli',
      'out 10h, eax',
      'hlt',
    )
    handle(machine, 0x50, 0x50, 'out 15h, al', 'iret')
    machine.ports.map({ name: 'nothing', base: 0x14, length: 1 }, { read: () => 0, write: () => {} })
    machine.ports.map(
      { name: 'end of interrupt', base: 0x15, length: 1 },
      { read: () => 0, write: () => machine.vcpu.setInterruptRequest(false) },
    )
    let interrupts = 0
    for (let runs = 0; machine.run(300_000) !== 'halt' && runs < 10_000; runs++) {
      machine.vcpu.restore(structuredClone(machine.vcpu.save()))
      if (runs % 3 !== 0) continue
      machine.vectors.push(0x50)
      machine.vcpu.setInterruptRequest(true)
      interrupts++
    }
    expect(machine.written.at(-1)).toBe((500 * 501) / 2)
    expect(machine.written.filter((value) => value === 0x50).length).toBeGreaterThan(
      Math.min(2, interrupts) - 1,
    )
  })

  itWithKvm('keeps the time-stamp counter going', (skip) => {
    const machine = powerOn('hlt')
    const saved = machine.vcpu.save()
    const hostHigh = machine.timeStamp.high
    machine.timeStamp = { low: 0, high: 0x1000000 }
    machine.vcpu.restore(saved)
    machine.vcpu.save()
    if (machine.timeStamp.high === hostHigh) skip('this KVM does not let the time-stamp counter be set')
    expect(machine.timeStamp.high).toBe(0x1000000)
    expect(machine.timeStamp.low).toBeGreaterThan(0)
  })
})

describe('a hostile state', () => {
  itWithKvm('is refused, or does no harm', () => {
    const machine = powerOn('jmp $')
    const saved = machine.vcpu.save()
    let seed = 5
    const random = (below: number) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % below
    for (let round = 0; round < 300; round++) {
      const words = Uint8Array.from(saved.words)
      for (let change = 0; change <= random(20); change++) words[random(0x1000)] = random(256)
      const msrs = saved.msrs.map(([index, low, high]): [number, number, number] =>
        random(10) ? [index, low, high] : [index, random(2 ** 31), random(256)],
      )
      try {
        machine.vcpu.restore({ ...saved, words, msrs, nmi: random(2) === 1, debugPending: random(4) === 0 })
      } catch (error) {
        expect(error).toMatchObject({ code: 'state-invalid' })
        continue
      }
      try {
        machine.run(100_000)
      } catch (error) {
        expect(String(error)).toContain('KVM cannot')
      }
    }
    machine.vcpu.restore(saved)
    expect(machine.run(1_000_000)).toBe('stop')
  })
})

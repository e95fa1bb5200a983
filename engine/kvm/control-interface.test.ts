import { buildSync } from 'esbuild'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { inWords } from '../protocol/reasons.ts'
import { EXIT, MEM, REGS, RUN, SREGS } from './abi.ts'
import { answerPortExit } from './access-exits.ts'
import { PortMap } from '../bus/port-map.ts'
import { HostArea } from './host-area.ts'
import { kick, Kicker } from './kick.ts'
import { deviceProblem, Kvm } from './kvm.ts'
import { assembleAt, CODE, itWithKvm } from './test-kvm.ts'
import type { CpuHandle, VirtualCpu } from './virtual-cpu.ts'
import type { VirtualMachine } from './virtual-machine.ts'

const RAM_BYTES = 0x10000

let opened: { close(): void }[] = []
afterEach(() => {
  for (const thing of opened.reverse()) thing.close()
  opened = []
})
const keep = <T extends { close(): void }>(thing: T): T => {
  opened.push(thing)
  return thing
}

interface Guest {
  kvm: Kvm
  vm: VirtualMachine
  cpu: VirtualCpu
  ram: HostArea
  kicker: Kicker
}

/** 64 KiB of RAM at 0 and one processor about to run 16-bit code at CODE. */
function powerOn(...lines: string[]): Guest {
  const kvm = keep(Kvm.open())
  const vm = keep(kvm.createVm())
  const ram = new HostArea(kvm.calls, RAM_BYTES)
  vm.setSlot({ id: 0, flags: 0, guestAddress: 0, bytes: RAM_BYTES, hostAddress: ram.address })
  ram.bytes.set(assembleAt(CODE, 'bits 16', ...lines), CODE)
  const kicker = keep(new Kicker(kvm.calls))
  const cpu = vm.createCpu(0)
  cpu.acceptKicks()
  startReal(cpu, CODE)
  kicker.arm(900_000_000)
  return { kvm, vm, cpu, ram, kicker }
}

/** Real mode, all segments 0. */
function startReal(cpu: VirtualCpu, ip: number): void {
  const view = cpu.get('GET_SREGS')
  const cs = SREGS.SEGMENTS[1]!
  view.setBigUint64(cs, 0n, true)
  view.setUint16(cs + 12, 0, true)
  cpu.set('SET_SREGS')
  cpu.fresh(REGS.BYTES)
  cpu.structureWords[REGS.RIP] = BigInt(ip)
  cpu.structureWords[REGS.RFLAGS] = 2n
  cpu.structureWords[REGS.GPR[4]!] = 0x7000n
  cpu.set('SET_REGS')
}

const portValue = ({ cpu }: Guest): number => cpu.run.getUint8(cpu.run.getUint32(RUN.IO_DATA_OFFSET, true))

describe('the control interface', () => {
  itWithKvm('runs a guest in memory that both sides see', () => {
    const guest = powerOn('mov al, [2000h]', 'inc al', 'mov [2001h], al', 'out 10h, al', 'hlt')
    guest.ram.bytes[0x2000] = 41
    expect(guest.cpu.enter()).toBe(EXIT.IO)
    expect(portValue(guest)).toBe(42)
    expect(guest.ram.bytes[0x2001]).toBe(42)
    expect(guest.cpu.enter()).toBe(EXIT.HLT)
  })

  itWithKvm('shows a slot as pages that were written', () => {
    const guest = powerOn('mov ax, 1000h', 'mov ds, ax', 'mov byte [2345h], 1', 'mov byte [0f000h], 1', 'hlt')
    const { kvm, vm, cpu } = guest
    const video = new HostArea(kvm.calls, 0x10000)
    const slot = {
      id: 1,
      flags: MEM.LOG_DIRTY_PAGES,
      guestAddress: 0x10000,
      bytes: 0x10000,
      hostAddress: video.address,
    }
    vm.setSlot(slot)
    expect(cpu.enter()).toBe(EXIT.HLT)
    expect(video.bytes[0x2345]).toBe(1)
    expect(vm.takeDirtyLog(slot)).toEqual([2, 15])
    expect(vm.takeDirtyLog(slot)).toEqual([])
  })

  itWithKvm('comes out for memory that no slot has, and for writes to a read-only one', () => {
    const { kvm, vm, cpu, ram } = powerOn(
      'mov ax, 2000h',
      'mov ds, ax',
      'mov ax, [0]',
      'mov [2], ax',
      'mov ax, 1000h',
      'mov ds, ax',
      'mov byte [5], 77h',
      'mov al, [5]',
      'mov [cs:3000h], al',
      'hlt',
    )
    const rom = new HostArea(kvm.calls, 0x10000)
    rom.bytes[5] = 0x99
    vm.setSlot({
      id: 1,
      flags: MEM.READONLY,
      guestAddress: 0x10000,
      bytes: 0x10000,
      hostAddress: rom.address,
    })
    expect(cpu.enter()).toBe(EXIT.MMIO)
    expect([cpu.run.getUint8(RUN.MMIO_IS_WRITE), cpu.run.getUint32(RUN.MMIO_ADDRESS, true)]).toEqual([
      0, 0x20000,
    ])
    cpu.run.setUint16(RUN.MMIO_DATA, 0xbeef, true)
    expect(cpu.enter()).toBe(EXIT.MMIO)
    expect([cpu.run.getUint8(RUN.MMIO_IS_WRITE), cpu.run.getUint16(RUN.MMIO_DATA, true)]).toEqual([1, 0xbeef])
    expect(cpu.enter()).toBe(EXIT.MMIO)
    expect(cpu.run.getUint32(RUN.MMIO_ADDRESS, true)).toBe(0x10005)
    expect(cpu.enter()).toBe(EXIT.HLT)
    expect([rom.bytes[5], ram.bytes[0x3000]]).toEqual([0x99, 0x99])
  })

  itWithKvm('puts the repetitions of a string instruction into few exits', () => {
    const { cpu, ram } = powerOn('cld', 'mov si, 2000h', 'mov cx, 500', 'mov dx, 10h', 'rep outsb', 'hlt')
    for (let i = 0; i < 500; i++) ram.bytes[0x2000 + i] = i & 0xff
    const ports = new PortMap()
    const written: number[] = []
    ports.map(
      { name: 'test', base: 0x10, length: 1 },
      { read: () => 0, write: (_, value) => void written.push(value) },
    )
    let exits = 0
    for (let reason = cpu.enter(); reason === EXIT.IO; reason = cpu.enter(), exits++)
      answerPortExit(cpu, ports)
    expect(written).toEqual(Array.from({ length: 500 }, (_, i) => i & 0xff))
    expect(exits).toBeLessThanOrEqual(500)
  })

  itWithKvm('finishes an access without going on', () => {
    const { cpu } = powerOn('in al, 10h', 'jmp $')
    expect(cpu.enter()).toBe(EXIT.IO)
    cpu.run.setUint8(cpu.run.getUint32(RUN.IO_DATA_OFFSET, true), 0x5a)
    expect(cpu.complete()).toBe(EXIT.INTR)
    cpu.get('GET_REGS')
    expect(cpu.structureWords[REGS.GPR[0]!]! & 0xffn).toBe(0x5an)
    expect(cpu.structureWords[REGS.RIP]).toBe(BigInt(CODE + 2))
  })

  itWithKvm('takes an interrupt when the window opens', () => {
    const { cpu, ram } = powerOn('cli', 'nop', 'nop', 'sti', 'nop', 'jmp $')
    ram.view.setUint16(4 * 0x21, 0x1800, true)
    ram.bytes.set(assembleAt(0x1800, 'bits 16', 'mov al, 21h', 'out 10h, al', 'hlt'), 0x1800)
    cpu.run.setUint8(RUN.REQUEST_INTERRUPT_WINDOW, 1)
    expect(cpu.enter()).toBe(EXIT.IRQ_WINDOW_OPEN)
    expect(cpu.run.getUint8(RUN.READY_FOR_INTERRUPT)).toBe(1)
    cpu.run.setUint8(RUN.REQUEST_INTERRUPT_WINDOW, 0)
    cpu.interrupt(0x21)
    expect(cpu.enter()).toBe(EXIT.IO)
    expect(cpu.run.getUint8(cpu.run.getUint32(RUN.IO_DATA_OFFSET, true))).toBe(0x21)
  })
})

describe('a kick', () => {
  itWithKvm('ends an endless loop at the time it was ordered for', () => {
    const { cpu, kicker } = powerOn('jmp $')
    const late: number[] = []
    for (let i = 0; i < 21; i++) {
      const start = performance.now()
      kicker.arm(2_000_000)
      expect(cpu.enter()).toBe(EXIT.INTR)
      late.push(performance.now() - start - 2)
    }
    expect(late.sort((a, b) => a - b)[10]).toBeLessThan(50)
    expect(Math.min(...late)).toBeGreaterThan(-0.1)
  })

  itWithKvm('that comes between two runs is not lost', () => {
    const { cpu, kicker } = powerOn('jmp $')
    kicker.arm(1)
    const until = performance.now() + 20
    while (performance.now() < until);
    expect(cpu.enter()).toBe(EXIT.INTR)
  })
})

/** Runs processors each on a thread of its own; gives the exits that ended them. */
async function runOnThreads(
  cpus: CpuHandle[],
  whenRunning: (threadIds: number[]) => void,
): Promise<number[]> {
  const { outputFiles } = buildSync({
    entryPoints: [new URL('./test-cpu-worker.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    define: { 'import.meta.url': JSON.stringify(import.meta.url) },
  })
  const threadIds: number[] = []
  const ends = cpus.map(
    (workerData) =>
      new Promise<number>((resolve, reject) => {
        const worker = new Worker(outputFiles[0]!.text, { eval: true, workerData })
        worker.on('error', reject)
        worker.on('message', (message: { threadId?: number; exit?: number }) => {
          if (message.exit !== undefined) resolve(message.exit)
          else if (threadIds.push(message.threadId!) === cpus.length) whenRunning(threadIds)
        })
      }),
  )
  return Promise.all(ends)
}

describe('two processors', () => {
  itWithKvm('run at once in one memory', async () => {
    // Each waits for the other to count on: neither gets far alone.
    const step = (own: string, other: string, first: number) => [
      `mov cx, 200`,
      `mov al, ${first}`,
      `.again: cmp [${other}], al`,
      'jne .again',
      `inc byte [${own}]`,
      'inc al',
      'loop .again',
      'hlt',
    ]
    const { vm, cpu, ram } = powerOn('start:', ...step('2000h', '2001h', 0))
    ram.bytes.set(assembleAt(0x1800, 'bits 16', 'start:', ...step('2001h', '2000h', 1)), 0x1800)
    const second = vm.createCpu(1)
    startReal(second, 0x1800)
    const exits = await runOnThreads([cpu.handle, second.handle], () => {})
    expect(exits).toEqual([EXIT.HLT, EXIT.HLT])
    expect([...ram.bytes.subarray(0x2000, 0x2002)]).toEqual([200, 200])
  })

  itWithKvm('are each stopped by a kick of their own', async () => {
    const { kvm, vm, cpu } = powerOn('jmp $')
    const second = vm.createCpu(1)
    startReal(second, CODE)
    const exits = await runOnThreads([cpu.handle, second.handle], (threadIds) => {
      for (const threadId of threadIds) setTimeout(() => kick(kvm.calls, threadId), 20)
    })
    expect(exits).toEqual([EXIT.INTR, EXIT.INTR])
  })
})

describe('where there is no KVM', () => {
  it('says so', () => {
    expect(() => Kvm.open('/dev/there-is-no-kvm')).toThrow('/dev/there-is-no-kvm is not there')
  })

  it('names the group to join when the user may not', () => {
    expect(inWords(deviceProblem('/dev/kvm', 'EACCES'))).toMatch(/group kvm \(sudo usermod -aG kvm/)
  })
})

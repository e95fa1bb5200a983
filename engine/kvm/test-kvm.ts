import { existsSync } from 'node:fs'
import { it } from 'vitest'
import { assemble } from '../../tools/assembler/assemble.ts'
import { MemoryMap } from '../bus/memory-map.ts'
import { PortMap } from '../bus/port-map.ts'
import { CS, ESP, Segment, State, gprAt, segmentAt } from '../isa/state.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../memory/layout.ts'
import { CPU_MODELS } from '../vcpu/model.ts'
import { Kvm } from './kvm.ts'
import { KvmVcpu } from './kvm-vcpu.ts'

/** Why nothing of KVM can be tested here, or null when it can. */
export function missingKvm(): string | null {
  if (!existsSync('/dev/kvm')) return 'not on this machine: /dev/kvm is not there'
  try {
    Kvm.open().close()
    return null
  } catch (error) {
    return `not on this machine: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** A test that needs /dev/kvm, of whatever kind. */
export function itWithKvm(
  name: string,
  run: (skip: (reason: string) => never) => void | Promise<void>,
): void {
  it(name, async ({ skip }) => {
    const missing = missingKvm()
    if (missing !== null) skip(missing)
    await run((reason) => skip(`not on this machine: ${reason}`))
  })
}

/** Assembles code for an address. */
export function assembleAt(address: number, ...lines: string[]): Uint8Array {
  const text = [`org ${address}`, ...lines].join('\n')
  const files = { readText: () => text, readBytes: () => new Uint8Array(), find: () => null }
  return assemble('test.asm', files).bytes
}

export const CODE = 0x1000
const RAM_MIB = 4

/** A KvmVcpu with 4 MiB of RAM, and what the test adds. */
export class TestMachine {
  readonly guest = new GuestMemory(RAM_MIB)
  readonly memory = new MemoryMap(this.guest)
  readonly ports = new PortMap()
  /** Vectors for the acknowledge cycles to come. */
  readonly vectors: number[] = []
  /** Values written to port 10h. */
  readonly written: number[] = []
  apicBase = 0xfee00900
  timeStamp = { low: 0, high: 0 }
  /** What a run may take at most. */
  budgetNs = 2_000_000_000
  readonly vcpu: KvmVcpu
  #deadline = 0

  constructor() {
    const backing = { offset: RAM_BASE }
    this.memory.map({
      name: 'RAM',
      base: 0,
      length: RAM_MIB * MIB,
      read: backing,
      write: backing,
      priority: 0,
    })
    this.ports.map(
      { name: 'test', base: 0x10, length: 4, width: 4 },
      { read: () => 0, write: (_, value) => void this.written.push(value) },
    )
    const kvm = Kvm.open()
    try {
      this.vcpu = new KvmVcpu(kvm, {
        model: CPU_MODELS.max,
        memory: this.memory,
        ports: this.ports,
        interrupts: { acknowledge: () => this.vectors.shift() ?? 0xff },
        timeLeftNs: () => this.#deadline - now(),
        readTimeStamp: () => this.timeStamp,
        writeTimeStamp: (value) => (this.timeStamp = value),
        apicBase: { read: () => this.apicBase, write: (value) => (this.apicBase = value) },
        limitation: null,
      })
    } finally {
      kvm.close()
    }
  }

  /** Puts 16-bit code at CODE and the processor before it, in real mode with all segments 0 and SP = 7000h. */
  start(...lines: string[]): void {
    this.guest.ram.set(assembleAt(CODE, 'bits 16', ...lines), CODE)
    const saved = this.vcpu.save()
    const words = new DataView(saved.words.buffer)
    words.setUint32(State.EIP, CODE, true)
    words.setUint32(gprAt(ESP, 4), 0x7000, true)
    words.setUint32(segmentAt(CS) + Segment.BASE, 0, true)
    words.setUint32(segmentAt(CS) + Segment.SELECTOR, 0, true)
    this.vcpu.restore({ ...saved, halted: false })
  }

  /** Runs for at most `ns`. */
  run(ns = this.budgetNs) {
    this.#deadline = now() + ns
    return this.vcpu.run()
  }

  close(): void {
    this.vcpu.close()
  }
}

const now = (): number => performance.now() * 1e6

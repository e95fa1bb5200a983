import { MemoryMap } from '../../../engine/bus/memory-map.ts'
import { PortMap } from '../../../engine/bus/port-map.ts'
import { createProcessor } from '../../../engine/machine/processor.ts'
import { GuestMemory } from '../../../engine/memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../../../engine/memory/layout.ts'
import { CPU_MODELS } from '../../../engine/vcpu/model.ts'
import type { Vcpu } from '../../../engine/vcpu/vcpu.ts'

/** The software processor on a machine like TestMachine: 4 MiB of RAM, port 10h noted. */
export class SoftwareTwin {
  readonly guest = new GuestMemory(4)
  readonly memory = new MemoryMap(this.guest)
  readonly ports = new PortMap()
  readonly vectors: number[] = []
  readonly written: number[] = []
  readonly vcpu: Vcpu
  apicBase = 0xfee00900

  constructor() {
    const backing = { offset: RAM_BASE }
    this.memory.map({ name: 'RAM', base: 0, length: 4 * MIB, read: backing, write: backing, priority: 0 })
    this.ports.map(
      { name: 'test', base: 0x10, length: 4, width: 4 },
      { read: () => 0, write: (_, value) => void this.written.push(value) },
    )
    const { cpu } = createProcessor('interpreter', {
      model: CPU_MODELS.max,
      memory: this.memory,
      ports: this.ports,
      interrupts: { acknowledge: () => this.vectors.shift() ?? 0xff },
      timeLeftNs: () => Infinity,
      readTimeStamp: () => ({ low: 0, high: 0 }),
      writeTimeStamp: () => {},
      ferr: () => {},
      apicBase: { read: () => this.apicBase, write: (value) => (this.apicBase = value) },
    })
    this.vcpu = cpu
  }
}

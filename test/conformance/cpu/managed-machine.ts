import { type CpuModelName, CPU_MODELS } from '../../../engine/vcpu/model.ts'
import { assemble } from '../../../tools/assembler/assemble.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'

const PROGRAM = 0x1000
export const SMBASE = 0x30000
/** Fields of the state save map, from SMBASE on. */
export const FIELD = {
  SMBASE: 0xfef8,
  REVISION: 0xfefc,
  IO_RESTART: 0xff00,
  HALT: 0xff02,
  EAX: 0xffd0,
  EIP: 0xfff0,
  EFLAGS: 0xfff4,
  CR0: 0xfffc,
}
export const SMI = 'out 0xb2, al'
export const NMI = 'out 0xb3, al'
export const LOG = 'out 0xe9, eax'

export const machineCode = (origin: number, source: string): Uint8Array =>
  assemble('test.asm', {
    readText: () => `org ${origin}\n${source}`,
    readBytes: () => new Uint8Array(),
    find: () => 'test.asm',
  }).bytes

/** A processor whose port B2h raises an SMI, port B3h an NMI, and port E9h keeps a log. */
export class ManagedMachine {
  readonly log: number[] = []
  readonly active: boolean[] = []
  readonly processor: TestProcessor

  constructor(translated: boolean, model: CpuModelName = 'max') {
    this.processor = buildProcessor({
      model: CPU_MODELS[model],
      managementActive: (active) => this.active.push(active),
      ...(translated && { translator: { entriesUntilHot: 1 } }),
    })
    const { ports, vcpu } = this.processor
    ports.map(
      { name: 'log', base: 0xe9, length: 4, width: 4 },
      { read: () => 0, write: (_, v) => this.log.push(v) },
    )
    ports.map(
      { name: 'apm', base: 0xb2, length: 2, width: 1 },
      { read: () => 0, write: (offset) => (offset === 0 ? vcpu.raiseSmi() : vcpu.raiseNmi()) },
    )
  }

  /** @param handlers by address */
  start(program: string, handlers: Record<number, string>): void {
    const { memory, vcpu } = this.processor
    memory.dmaWrite(PROGRAM, machineCode(PROGRAM, program))
    // The handler begins at 8000h from SMBASE, which is where its CS begins.
    for (const [address, source] of Object.entries(handlers))
      memory.dmaWrite(Number(address) + 0x8000, machineCode(0x8000, source))
    vcpu.reset()
    this.active.length = 0
    vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
    vcpu.state.eip = PROGRAM
  }

  run(): string {
    for (let runs = 0; runs < 100; runs++) {
      const exit = this.processor.vcpu.run(1000)
      if (exit !== 'stop') return exit
    }
    return 'stop'
  }

  field(offset: number): number {
    return this.processor.ramView.getUint32(SMBASE + offset, true)
  }
}

/** Changes all that it can, logs A5h with the number of times that it has run, and returns. */
export const BUSY_HANDLER = `
  inc dword [cs:0x9000]
  mov eax, [cs:0x9000]
  or eax, 0xa500
  ${LOG}
  mov ebx, 0x12345678
  mov esp, 0xdead
  mov ebp, ebx
  mov esi, ebx
  mov edi, ebx
  mov ax, 0x4000
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  std
  stc
  rsm`

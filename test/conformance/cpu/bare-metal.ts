import { assemble } from '../../../tools/assembler/assemble.ts'
import type { SoftVcpu } from '../../../engine/interpreter/soft-vcpu.ts'
import type { CpuModelName } from '../../../engine/vcpu/model.ts'
import { CPU_MODELS } from '../../../engine/vcpu/model.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'

/** Physical address of the program, and its first instruction. */
const ORIGIN = 0x1000
const LOG_PORT = 0xe9
const BUDGET = 2_000_000

interface Ending {
  /** Words that the program wrote to port E9h. */
  log: number[]
  /** The processor's words at each write to port EAh. */
  snapshots: Int32Array[]
  exit: 'stop' | 'halt' | 'shutdown' | 'breakpoint'
  processor: TestProcessor
  symbols: ReadonlyMap<string, bigint>
}

const interpreting = new Map<CpuModelName, TestProcessor>()
const translating = new Map<CpuModelName, TestProcessor>()

/**
 * Assembles a program, runs it from real mode (CS = DS = ES = SS = 0, IP = 1000h) until HLT with interrupts
 * disabled, and gives what it wrote to port E9h.
 */
export function runBareMetal(
  source: string,
  model: CpuModelName = 'max',
  { stepped = false, translated = false } = {},
): Ending {
  const processors = translated ? translating : interpreting
  const options = translated ? { translator: { entriesUntilHot: 1 } } : {}
  const processor = processors.get(model) ?? buildProcessor({ model: CPU_MODELS[model], ...options })
  const fresh = !processors.has(model)
  processors.set(model, processor)
  const text = `org ${ORIGIN}\n${source}`
  const { bytes, symbols } = assemble('test.asm', {
    readText: () => text,
    readBytes: () => new Uint8Array(),
    find: (name) => (name === 'test.asm' ? name : null),
  })
  const { vcpu, memory, ports } = processor
  const log: number[] = []
  const snapshots: Int32Array[] = []
  if (fresh)
    ports.map(
      { name: 'log', base: LOG_PORT, length: 4, width: 4 },
      {
        read: () => 0x5a5a5a5a,
        write: (offset, value) => {
          const records = written.get(processor)!
          if (offset === 1) records.snapshots.push(vcpu.state.words.slice())
          else records.log.push(value >>> 0)
        },
      },
    )
  written.set(processor, { log, snapshots })
  memory.setA20(true)
  memory.dmaWrite(0, new Uint8Array(0x200000))
  memory.dmaWrite(ORIGIN, bytes)
  vcpu.reset()
  vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
  vcpu.state.eip = ORIGIN
  const exit = stepped ? stepThrough(vcpu) : vcpu.run(BUDGET)
  return { log, snapshots, exit, processor, symbols }
}

/** Runs instruction by instruction, which takes no shortcut. */
function stepThrough(vcpu: SoftVcpu): Ending['exit'] {
  for (let steps = 0; steps < BUDGET; steps++) {
    vcpu.stops.begin(true)
    const exit = vcpu.run(1)
    if (exit !== 'breakpoint') {
      vcpu.stops.begin(false)
      return exit
    }
  }
  return 'stop'
}

const written = new Map<TestProcessor, Pick<Ending, 'log' | 'snapshots'>>()

export interface FrameOptions {
  /** Descriptors from selector 40h on, up to eight. */
  spare?: string[]
  /** More labels. */
  data?: string
}

/**
 * A frame for 32-bit protected-mode tests. `body` runs at ring 0 with flat segments. Every exception writes
 * its vector, error code (0 when there is none), EIP relative to `body`, CS and EFLAGS to the log and goes
 * on at the address in `resume` on the same privilege level. INT 30h brings ring 3 back to ring 0 at the
 * address in `kernel`.
 */
export const protectedFrame = (body: string, { spare = [], data = '' }: FrameOptions = {}): string => `
bits 16
  cli
  lgdt [gdt_pointer]
  lidt [idt_pointer]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp dword 0x08:start
bits 32
start:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov esp, 0x9000
  mov ax, 0x28
  ltr ax
  mov dx, 0xe9
body:
${body}
finish:
  int 0x30
stop:
  cli
  hlt
  jmp stop
handlers:
${Array.from({ length: 32 }, (_, v) => `handler${v}: ${HAS_ERROR.has(v) ? '' : 'push dword 0'}\n push dword ${v}\n jmp common`).join('\n')}
common:
  pushad
  push ds
  mov ax, 0x10
  mov ds, ax
  mov dx, 0xe9
  mov eax, [esp + 36]
  out dx, eax
  mov eax, [esp + 40]
  out dx, eax
  mov eax, [esp + 44]
  sub eax, body
  out dx, eax
  movzx eax, word [esp + 48]
  out dx, eax
  mov eax, [esp + 52]
  out dx, eax
  mov eax, [resume]
  mov [esp + 44], eax
  and byte [esp + 53], 0xfe
  pop ds
  popad
  add esp, 8
  iretd
simple_return:
  iretd
to_kernel:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x9000
  mov dx, 0xe9
  push dword [kernel]
  mov dword [kernel], stop
  ret
align 8
resume: dd finish
kernel: dd stop
gdt_pointer: dw 0x7f
  dd gdt
idt_pointer: dw 0x18f
  dd idt
align 8
gdt: dq 0
  dq 0x00cf9b000000ffff
  dq 0x00cf93000000ffff
  dq 0x00cffb000000ffff
  dq 0x00cff3000000ffff
  dw 0x67, tss
  db 0, 0x89, 0, 0
  dq 0x00009b000000ffff
  dq 0x000093000000ffff
spare:
${Array.from({ length: 8 }, (_, i) => `  dq ${spare[i] ?? '0'}`).join('\n')}
idt:
${Array.from({ length: 32 }, (_, v) => `  dw handler${v}, 0x08, ${v === 3 || v === 4 ? '0xee00' : '0x8e00'}, 0`).join('\n')}
  times 16 dq 0
  dw to_kernel, 0x08, 0xee00, 0
  dw simple_return, 0x08, 0xee00, 0
tss: dd 0, 0xa000, 0x10
  times 22 dd 0
  dw 0, 104
${data}
`

/** Fills a page directory at 20000h and its table at 21000h: the first 4 MiB where they are, for everybody. */
export const PAGE_TABLES = `
  mov dword [0x20000], 0x21007
  mov ecx, 0
.fill:
  mov eax, ecx
  shl eax, 12
  or al, 7
  mov [0x21000 + ecx * 4], eax
  inc ecx
  cmp ecx, 1024
  jb .fill`

/** To ring 3 of a protected frame with the flags given; what follows runs there. */
export const ring3 = (body: string, flags = 2): string => `
  push dword 0x23
  push dword 0x8000
  push dword ${flags}
  push dword 0x1b
  push dword .user
  iretd
.user:
  mov ax, 0x23
  mov ds, ax
  mov es, ax
${body}`

const HAS_ERROR: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17])

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LOCAL_SEGMENTS } from './user-layout.ts'
import { CODE_BYTES, type Outcome, type StreamCase } from './user-process.ts'

const CASE_BYTES = 18 * 4 + CODE_BYTES
const RESULT_BYTES = 20 * 4

/** The host's processor in user mode, driven by host.c. */
export class HostProcessor {
  readonly #directory = mkdtempSync(join(tmpdir(), 'vitrine-host-'))
  readonly #program = join(this.#directory, 'host')

  private constructor(private readonly bits: 32 | 64) {}

  /** Says why there is none, or gives it. */
  static open(bits: 32 | 64 = 32): HostProcessor | string {
    if (process.platform !== 'linux' || (process.arch !== 'x64' && (process.arch !== 'ia32' || bits === 64)))
      return `not on this machine: it is no x86 Linux of ${bits} bits`
    const host = new HostProcessor(bits)
    try {
      host.#build()
    } catch (error) {
      host.close()
      return `host.c cannot be built (gcc is needed): ${String(error).slice(0, 200)}`
    }
    try {
      if (host.run([]) !== null) return host
    } catch {
      host.close()
      return `not on this machine: its kernel runs no ${bits}-bit programs`
    }
    host.close()
    return 'not on this machine: its kernel does not let a process map low memory or local segments'
  }

  #build(): void {
    const flags =
      '-O1 -static -nostdlib -ffreestanding -fno-pic -no-pie -fno-stack-protector -mno-red-zone -mgeneral-regs-only -Wl,-Ttext-segment=0x60000000 -Wl,-z,noexecstack'
    execFileSync(
      'gcc',
      [`-m${this.bits}`, ...flags.split(' '), '-o', this.#program, join(import.meta.dirname, 'host.c')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
  }

  /** Outcomes of the cases, in order; null when the process could not be set up as they need it. */
  run(cases: readonly StreamCase[]): Outcome[] | null {
    const header = this.#header()
    const input = Buffer.alloc(header.length + cases.length * CASE_BYTES)
    header.copy(input)
    cases.forEach((test, i) => encodeCase(input, header.length + i * CASE_BYTES, test))
    const output = execFileSync(this.#program, { input, maxBuffer: 1 << 30, timeout: 120_000 })
    if (output.readUInt32LE(0) !== 1) return null
    if (output.length !== 4 + cases.length * RESULT_BYTES)
      throw new Error(`the host stopped after ${(output.length - 4) / RESULT_BYTES} of ${cases.length} cases`)
    return cases.map((_, i) => decodeResult(output, 4 + i * RESULT_BYTES))
  }

  /** The LDT, as struct user_desc. */
  #header(): Buffer {
    const header = Buffer.alloc(4 + LOCAL_SEGMENTS.length * 16)
    header.writeUInt32LE(LOCAL_SEGMENTS.length, 0)
    LOCAL_SEGMENTS.forEach((segment, i) => {
      const contents = { data: 0, 'expand-down': 1, code: 2 }[segment.kind]
      const bits =
        (segment.big ? 1 : 0) |
        (contents << 1) |
        (segment.restricted ? 8 : 0) |
        (segment.pages ? 0x10 : 0) |
        (segment.absent ? 0x20 : 0)
      ;[i + 1, segment.base, segment.limit, bits].forEach((word, k) =>
        header.writeUInt32LE(word, 4 + i * 16 + k * 4),
      )
    })
    return header
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function encodeCase(buffer: Buffer, at: number, test: StreamCase): void {
  const words = [
    ...test.registers,
    (test.eflags & ~0x3000) | 0x202,
    test.eip,
    ...test.selectors,
    test.at,
    test.code.length,
  ]
  words.forEach((word, i) => buffer.writeInt32LE(word | 0, at + i * 4))
  buffer.set(test.code, at + words.length * 4)
}

function decodeResult(buffer: Buffer, at: number): Outcome {
  const word = (i: number): number => buffer.readInt32LE(at + i * 4)
  const list = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => word(from + i))
  const vector = word(16)
  // A 64-bit kernel has NX enabled, so that fetches show in the error code.
  const error = vector === 14 ? word(17) & ~0x10 : word(17)
  return {
    registers: list(0, 8),
    eflags: word(8),
    eip: word(9),
    selectors: list(10, 6),
    vector,
    error,
    cr2: vector === 14 ? word(18) : 0,
    hash: word(19),
  }
}

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble } from '../../../tools/assembler/assemble.ts'
import { ORIGIN, type Piece, type Report, readReports } from './harness.ts'
import { RAM_MIB } from './layout.ts'

const ROM_BYTES = 0x10000
/** The firmware: goes to the harness. */
const ROM = `org 0
bits 16
  times ${ROM_BYTES - 16} - ($ - $$) db 0
  jmp 0:${ORIGIN}
  times ${ROM_BYTES} - ($ - $$) db 0`

/** QEMU's translator with the harness in its memory. */
export class Qemu {
  readonly #directory = mkdtempSync(join(tmpdir(), 'vitrine-qemu-'))

  /** Says why there is none, or gives it. */
  static open(): Qemu | string {
    try {
      execFileSync('qemu-system-i386', ['--version'], { stdio: 'ignore' })
    } catch {
      return 'qemu-system-i386 is not installed'
    }
    return new Qemu()
  }

  constructor() {
    const { bytes } = assemble('rom.asm', {
      readText: () => ROM,
      readBytes: () => new Uint8Array(),
      find: (name) => (name === 'rom.asm' ? name : null),
    })
    writeFileSync(this.#path('rom'), bytes)
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  run(pieces: readonly Piece[], timeoutMs: number, verbose = false): Report[] {
    const loaders = pieces.flatMap(({ address, bytes }, i) => {
      writeFileSync(this.#path(`piece${i}`), bytes)
      return ['-device', `loader,file=${this.#path(`piece${i}`)},addr=0x${address.toString(16)},force-raw=on`]
    })
    const log = this.#path('log')
    rmSync(log, { force: true })
    const machine = ['-M', 'pc', '-accel', 'tcg', '-cpu', 'pentium3', '-m', String(RAM_MIB), '-nodefaults']
    const io = ['-display', 'none', '-debugcon', `file:${log}`, '-global', 'isa-debugcon.iobase=0xe9']
    const end = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1']
    try {
      execFileSync('qemu-system-i386', [...machine, '-bios', this.#path('rom'), ...io, ...end, ...loaders], {
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: timeoutMs,
      })
    } catch (error) {
      // isa-debug-exit ends with status 1.
      const { status, stderr } = error as { status?: number | null; stderr?: Uint8Array }
      if (status !== 1) console.log(`QEMU stopped: ${String(stderr)}`)
    }
    return readReports(Uint8Array.from(existsSync(log) ? readFileSync(log) : []), verbose)
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

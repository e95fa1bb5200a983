import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A C program that runs records on the host's own processor. */
export interface Oracle {
  run(records: Uint8Array): Uint8Array
  dispose(): void
}

/**
 * Compiles an oracle for the host's own mode: many a 64-bit kernel runs no 32-bit programs. Returns the reason as text
 * when this host cannot: on CI that is an error.
 */
export function compileOracle(source: string): Oracle | string {
  if (process.arch !== 'x64' && process.arch !== 'ia32') return `the host is ${process.arch}, not x86`
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-oracle-'))
  const program = join(directory, 'oracle')
  const path = fileURLToPath(new URL(source, import.meta.url))
  try {
    execFileSync('gcc', ['-O1', '-msse2', '-mno-red-zone', '-Wall', '-o', program, path], { stdio: 'pipe' })
  } catch (error) {
    rmSync(directory, { recursive: true })
    return `gcc does not work here: ${String(error).split('\n')[0]}`
  }
  return {
    run(records) {
      const { status, stdout } = spawnSync(program, { input: records, maxBuffer: records.length + 65536 })
      if (status !== 0 || stdout.length !== records.length) throw new Error(`${source} ended with ${status}`)
      return stdout
    },
    dispose: () => rmSync(directory, { recursive: true }),
  }
}

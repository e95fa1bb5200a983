import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemble } from '../../../tools/assembler/assemble.ts'
import { hostFiles } from '../../../tools/assembler/host-files.ts'
import { MIXER } from '../../support/future/mixer.ts'
import { TimedPc } from '../../support/future/timed-pc.ts'
import { Random } from '../../support/storage/random.ts'
import { writeBootFloppy } from '../../support/talking-guest.ts'

/** States that are saved of each course, at random; FUTURE_MOMENTS and FUTURE_SEED for a longer run. */
const MOMENTS = Number(process.env['FUTURE_MOMENTS'] ?? 2)
const SEED = Number(process.env['FUTURE_SEED'] ?? 1)

let folder: string
let program: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-future-'))
  program = join(folder, 'future.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, '../../support/future/future-program.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'error',
    // Where ROMs and modules are, seen from the sources.
    define: {
      'import.meta.url': JSON.stringify(new URL('../../../engine/machine/artifacts.ts', import.meta.url)),
    },
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Guests, with what it takes to write their floppies, and how many slices they run. */
const GUESTS: [name: string, slices: number, write: (path: string) => void][] = [
  ['a program that mixes time into its memory', 60, (path) => writeBootFloppy(path, MIXER)],
  ['the demo guest, which tries every device', 800, writeDemoGuest],
]

function writeDemoGuest(path: string): void {
  const source = join(import.meta.dirname, '../../../guests/diagnostic/diagnostic.asm')
  const { bytes } = assemble(source, hostFiles())
  writeFileSync(path, bytes)
}

describe.each(['interpreter', 'jit'] as const)('a saved state, %s', (accel) => {
  it.each(GUESTS)(
    'goes on in another process to the same future: %s',
    (name, slices, write) => {
      const random = new Random(SEED)
      const floppy = join(folder, 'boot.img')
      write(floppy)
      const statePath = join(folder, 'moment.state')
      for (let count = 0; count < MOMENTS; count++) {
        const course = { accel, floppy, slices, seed: random.word(), moment: 1 + random.below(slices - 1) }
        const whole = new TimedPc(course)
        writeFileSync(statePath, whole.run()!)
        const future: unknown = JSON.parse(JSON.stringify(whole.everything))
        whole.machine.close()
        const told = execFileSync(process.execPath, [program, JSON.stringify(course), statePath], {
          maxBuffer: 1 << 26,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        expect(JSON.parse(told.toString()), `${name}: ${JSON.stringify(course)}`).toEqual(future)
      }
    },
    600_000,
  )
})

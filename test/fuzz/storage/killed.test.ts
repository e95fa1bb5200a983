import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../../engine/storage/image-files.ts'
import { endlessProgram } from '../../support/storage/endless-program.ts'
import { Random } from '../../support/storage/random.ts'

/** Processes that are killed while they write; RELIABILITY: 100 for a change, 5,000 a night. */
const KILLS = Number(process.env['VITRINE_KILLS'] ?? 8)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
const SECTORS = 5 * 2048

let folder: string
let program: string
beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-killed-'))
  program = join(folder, 'writer.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, '../../support/storage/endless-writer.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'error',
  })
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

/** Lets a process write for a while, kills it, and gives the tag of the last flush that it told. */
async function writeAndKill(path: string, seed: number, lifeMs: number): Promise<number> {
  const child = spawn(process.execPath, [program, path, join(folder, 'locks'), String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let told = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  const ended = new Promise((resolve) => child.once('close', resolve))
  await once(child.stdout, 'data')
  await delay(lifeMs)
  child.kill('SIGKILL')
  await ended
  // The last line may have been cut; what it told is certain only up to the one before.
  return Number(told.slice(0, told.lastIndexOf('\n')).split('\n').at(-1))
}

describe('a process is killed', () => {
  it.each(['qcow2', 'vdi', 'vhd', 'vmdk'] as const)(
    'while it writes to a %s: what it flushed is there, and no lock is left',
    async (format) => {
      const random = new Random(SEED)
      const files = new HostImageFiles(join(folder, 'locks'))
      for (let kill = 0; kill < KILLS / 4; kill++) {
        const path = join(folder, `${format}-${kill}`)
        createDisk(files, path, format, { sizeBytes: SECTORS * 512 })
        const seed = random.word()
        const flushed = await writeAndKill(path, seed, random.below(120))

        const allowed = Array.from({ length: SECTORS }, () => [0])
        for (const { sector, count, tag } of endlessProgram(seed, SECTORS)) {
          if (tag > flushed + 5000) break
          for (let index = sector; index < sector + count; index++)
            if (tag <= flushed) allowed[index] = [tag]
            else allowed[index]!.push(tag)
        }
        const image = openDisk(files, path, { format, writable: true })
        const bytes = new Uint8Array(SECTORS * 512)
        image.read(0, SECTORS, bytes)
        const words = new Uint32Array(bytes.buffer)
        const wrong = allowed.findIndex((tags, sector) => !tags.includes(words[sector * 128]!))
        expect({ seed, flushed, wrong }).toEqual({ seed, flushed, wrong: -1 })
        image.flush()
        expect(image.check(true)).toMatchObject({ repaired: true })
        expect(image.check(false).damage).toEqual([])
        image.close()
      }
    },
    600_000,
  )
})

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineError } from '../../../engine/base/errors.ts'
import { DiskError } from '../../../engine/storage/block-image.ts'
import type { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'

/** A kind of file that is damaged and then used. */
export interface ParserSubject {
  readonly name: string
  /** The file in the seed that is damaged; the others are whole. */
  readonly path: string
  /** A sound one; null where the tools that make it are not installed. */
  seed(): SimulatedDisk | null
  /** All that a program does with it: what came of it, in a word. Throws what is a failure. */
  use: (disk: SimulatedDisk, random: Random) => string
}

/** What a damaged file may make the readers throw: one line that says what is wrong. */
export function isPromised(error: unknown): boolean {
  const isOfFile =
    error instanceof DiskError || (error instanceof EngineError && error.code === 'file-unusable')
  return isOfFile && !error.message.includes('\n')
}

/** Runs what may be refused; anything thrown but what is promised comes through. Null when it was refused. */
export function tolerant<T>(action: () => T): T | null {
  try {
    return action()
  } catch (error) {
    if (!isPromised(error)) throw error
    return null
  }
}

/** Files that a command leaves in an empty folder, as `/seed/NAME`; null where the command fails. */
export function filesMadeBy(make: (folder: string) => void): SimulatedDisk | null {
  const folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-seed-'))
  try {
    make(folder)
    const disk = new SimulatedDisk()
    for (const name of fs.readdirSync(folder)) disk.put(`/seed/${name}`, fs.readFileSync(join(folder, name)))
    return disk
  } catch {
    return null
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** Runs a program in a folder, without its output. */
export function runIn(folder: string, program: string, ...args: string[]): void {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  execFileSync(program, args, { cwd: folder, env, stdio: 'ignore' })
}

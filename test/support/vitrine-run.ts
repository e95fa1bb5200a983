import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { GuestMissing } from './guests/packages.ts'
import { readPng, type Picture } from './png-reader.ts'

const PROGRAM = join(import.meta.dirname, '../../out/cli/index.js')
/** VITRINE_ACCEL=interpreter boots all guests on that accelerator; without it the program chooses. */
const ACCELERATOR = process.env.VITRINE_ACCEL ? ['--accel', process.env.VITRINE_ACCEL] : []

export interface Run {
  /** Arguments of `vitrine run`, without steps. */
  args: readonly string[]
  /** Steps for --do; each `wait:` is one fact that the test asserts. */
  steps: readonly string[]
  /** Given up after this many seconds. */
  seconds?: number
  /** What is said on the guest's COM1, when `--serial stdio` is among the arguments. */
  dialogue?: Dialogue
}

/** In order: what the guest says, and what is typed in answer. */
export type Dialogue = readonly (readonly [hears: RegExp, answers: string])[]

export interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs the built command line to its end, or until it has been enough. */
export function vitrine(
  args: readonly string[],
  dialogue: Dialogue = [],
  enough?: AbortSignal,
): Promise<Outcome> {
  if (!existsSync(PROGRAM)) throw new Error('out/cli/index.js is not there: run npm run build first')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'pipe' })
    let stdout = ''
    let stderr = ''
    let answered = 0
    let heardUpTo = 0
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      stdout += text
      const [hears, answers] = dialogue[answered] ?? []
      if (!hears?.test(stdout.slice(heardUpTo))) return
      answered++
      heardUpTo = stdout.length
      child.stdin.write(answers)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    enough?.addEventListener('abort', () => child.kill())
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
    child.stdin.on('error', () => {}) // it may have ended before it read everything
    if (dialogue.length === 0) child.stdin.end()
  })
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-12).join('\n')

/** Boots a guest, does the steps and expects that all of them came to pass. */
export async function boot({ args, steps, seconds = 120, dialogue = [] }: Run): Promise<Outcome> {
  const step = steps.flatMap((text) => ['--do', text])
  const limit = ['--timeout', String(seconds)]
  const outcome = await vitrine(['run', ...ACCELERATOR, ...args, ...limit, ...step], dialogue)
  const said = `steps: ${steps.join(', ')}\n${lastLines(outcome.stderr)}\n${lastLines(outcome.stdout)}`
  expect(outcome.status, said).toBe(0)
  return outcome
}

/** A test that boots a guest. It is skipped, with the reason, where the guest's image cannot be had. */
export function boots(name: string, prepare: () => Promise<Run>): void {
  it(name, async ({ skip }) => {
    await boot(await orSkip(prepare, skip))
  })
}

/** What `prepare` gives; skips the test with the reason when the image it wants cannot be had. */
export async function orSkip<T>(prepare: () => Promise<T>, skip: (note: string) => never): Promise<T> {
  try {
    return await prepare()
  } catch (error) {
    if (error instanceof GuestMissing) skip(error.message)
    throw error
  }
}

/**
 * Boots a guest, looks at its screen every second and returns the first picture that `ready` is content with, else
 * the last one before the seconds are over.
 */
export async function photograph(
  { args, steps, seconds = 120, dialogue = [] }: Run,
  ready: (picture: Picture) => boolean,
): Promise<Picture> {
  const folder = await mkdtemp(join(tmpdir(), 'vitrine-pictures-'))
  const file = (index: number): string => join(folder, `${index}.png`)
  const looks = Array.from({ length: seconds }, (_, index) => ['sleep:1000', `screenshot:${file(index)}`])
  const step = [...steps, ...looks.flat()].flatMap((text) => ['--do', text])
  const enough = new AbortController()
  const ended = vitrine(['run', ...ACCELERATOR, ...args, ...step], dialogue, enough.signal)
  const isOver = (afterMs: number): Promise<boolean> =>
    Promise.race([ended.then(() => true), delay(afterMs).then(() => false)])
  try {
    for (let index = 0; ; index++) {
      // A picture is whole once the next one is begun.
      while (!existsSync(file(index + 1)) && !(await isOver(100)));
      if (!existsSync(file(index))) {
        const { status, stderr } = await ended
        throw new Error(`no picture ${index}, status ${status}: ${lastLines(stderr)}`)
      }
      const picture = readPng(await readFile(file(index)))
      if (ready(picture) || index === seconds - 1) return picture
    }
  } finally {
    enough.abort()
    await ended
    await rm(folder, { recursive: true })
  }
}

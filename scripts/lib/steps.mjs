import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** Path inside the project. */
export const at = (...parts) => join(root, ...parts)

export const present = (...parts) => existsSync(at(...parts))

/** True when a folder of the project holds a file with one of these endings, at any depth. */
export function holds(folder, ...endings) {
  if (!present(folder)) return false
  return readdirSync(at(folder), { recursive: true }).some((name) =>
    endings.some((ending) => name.endsWith(ending)),
  )
}

/**
 * Runs a program with this terminal's output.
 * @returns its exit status; 127 when it cannot be started
 */
export function run(command, args, { env = {}, quiet = false } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: quiet ? ['ignore', 'ignore', 'inherit'] : 'inherit',
      shell: process.platform === 'win32',
    })
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`)
      done(127)
    })
    child.on('exit', (code, signal) => done(code ?? (signal === null ? 1 : 128)))
  })
}

/** Runs a program that an npm package of the project brings. */
export const runTool = (name, args, options) => run(at('node_modules', '.bin', name), args, options)

/** Runs a script of the project with this Node. */
export const runScript = (path, args = [], options) => run(process.execPath, [at(path), ...args], options)

/**
 * Carries out named steps in order, with a line and a time for each.
 * @param steps list of { name, run: () => Promise<exit status>, missing?: reason why there is nothing to do }
 * @returns names of the steps that failed
 */
export async function carryOut(steps, { stopAtFailure = false } = {}) {
  const failed = []
  for (const step of steps) {
    if (step.missing) {
      console.log(`- ${step.name}: ${step.missing}`)
      continue
    }
    const start = performance.now()
    const status = await step.run()
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    console.log(`${status === 0 ? '✓' : '✗'} ${step.name} (${seconds} s)`)
    if (status === 0) continue
    failed.push(step.name)
    if (stopAtFailure) break
  }
  return failed
}

import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { isProcessAlive, startOfProcess } from './process-identity.ts'

it('knows a process that runs, and a later one with its number', () => {
  const start = startOfProcess(process.pid)
  expect(isProcessAlive(process.pid, start)).toBe(true)
  expect(isProcessAlive(process.pid, '')).toBe(true)
  if (start !== '') expect(isProcessAlive(process.pid, `${start}1`)).toBe(false)
})

it('knows one that has ended', () => {
  const { pid } = spawnSync('true')
  expect(isProcessAlive(pid, '')).toBe(false)
})

it.runIf(existsSync('/proc/self/stat'))('takes one that nobody has asked about for ended', async () => {
  // What the shell becomes never asks about the child that the shell had.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 30'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await createInterface(parent.stdout)[Symbol.asyncIterator]().next()).value!.match(/\d+/)!
  await expect.poll(() => isProcessAlive(Number(line), '')).toBe(false)
  expect(() => process.kill(Number(line), 0)).not.toThrow()
  parent.kill()
})

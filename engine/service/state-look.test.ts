import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { packMemory } from '../snapshot/packed-memory.ts'
import { writeStateFile } from '../snapshot/state-file.ts'
import { beginLook, SharedLook } from './state-look.ts'

const MIB = 2 ** 20

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-look-'))
  path = join(folder, 'a.state')
  const ram = new Uint8Array(8 * MIB).map((_, at) => at >> 7)
  writeFileSync(path, writeStateFile({ state: {}, ram: packMemory(ram), vram: packMemory(ram), writes: [] }))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** As the other thread finds it, which may wait; this one must not, since it looks. */
async function found(): Promise<boolean> {
  const { shared, found } = beginLook(path)
  const look = new SharedLook(shared)
  expect(look.isWhole).toBeNull()
  while (look.isWhole === null) await delay(1)
  expect(await found).toBe(look.isWhole)
  return look.wait()
}

it('finds a state that is whole', async () => {
  expect(await found()).toBe(true)
})

it('finds one damaged, cut short, of another kind, or missing', async () => {
  const whole = writeStateFile({
    state: {},
    ram: packMemory(new Uint8Array(MIB).fill(1)),
    vram: packMemory(new Uint8Array(MIB)),
    writes: [],
  })
  for (const damaged of [
    Uint8Array.from(whole, (byte, at) => (at === whole.length - 9 ? byte ^ 1 : byte)),
    whole.subarray(0, -1),
    Buffer.from('something else'),
  ]) {
    writeFileSync(path, damaged)
    expect(await found()).toBe(false)
  }
  rmSync(path)
  expect(await found()).toBe(false)
})

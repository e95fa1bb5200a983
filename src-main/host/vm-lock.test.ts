import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { because } from '../../engine/protocol/reasons.ts'
import { VmLock } from './vm-lock.ts'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'vitrine-lock-'))))
afterEach(() => rm(folder, { recursive: true }))

const leave = (holder: object) => writeFile(join(folder, '.lock'), JSON.stringify(holder))

describe('lock of a machine', () => {
  it('is held by one at a time, and free again afterwards', async () => {
    const lock = await VmLock.take(folder, 'dos')
    await expect(VmLock.take(folder, 'dos')).rejects.toMatchObject({
      code: 'vm-locked',
      details: { id: 'dos', holder: because('machine-held', { process: process.pid, host: hostname() }) },
    })
    await lock.release()
    await (await VmLock.take(folder, 'dos')).release()
    expect(await readdir(folder)).toEqual([])
  })

  it('is given to one of many that ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => VmLock.take(folder, 'dos')))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('is taken over from a program that died, also when its number is another’s now', async () => {
    await leave({ host: hostname(), pid: 2 ** 22 + 1, started: '1' })
    await (await VmLock.take(folder, 'dos')).release()
    await leave({ host: hostname(), pid: process.pid, started: 'long ago' })
    await (await VmLock.take(folder, 'dos')).release()
  })

  it('of another computer, or one that cannot be read, is respected', async () => {
    await leave({ host: `not-${hostname()}`, pid: 1, started: '1' })
    await expect(VmLock.take(folder, 'dos')).rejects.toMatchObject({ code: 'vm-locked' })
    await writeFile(join(folder, '.lock'), 'what is this')
    await expect(VmLock.take(folder, 'dos')).rejects.toMatchObject({ code: 'vm-locked' })
  })
})

import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { because } from '../../engine/protocol/reasons.ts'
import { isProcessAlive, startOfProcess } from '../../engine/service/process-identity.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'

const LOCK = '.lock'
const Holder = v.object({ host: v.string(), pid: v.number(), started: v.string() })
type Holder = v.InferOutput<typeof Holder>

/**
 * The right to run a machine, held by one program at a time over all programs that share its folder. What a
 * program that died left behind is taken over; the lock of another computer never is.
 */
export class VmLock {
  private constructor(private readonly path: string) {}

  /** @param folder of the machine. Throws `vm-locked` with who holds it. */
  static async take(folder: string, id: string): Promise<VmLock> {
    const path = join(folder, LOCK)
    const mine = JSON.stringify({
      host: hostname(),
      pid: process.pid,
      started: startOfProcess(process.pid),
    } satisfies Holder)
    for (let attempt = 0; attempt < 3; attempt++) {
      if (await createWhole(path, mine)) return new VmLock(path)
      const text = await readFile(path, 'utf8').catch(() => null)
      if (text === null) continue // given back meanwhile
      const holder = v.safeParse(Holder, parse(text))
      if (!holder.success || isAlive(holder.output))
        throw new RpcError('vm-locked', {
          id,
          holder: holder.success
            ? because('machine-held', { process: holder.output.pid, host: holder.output.host })
            : path,
        })
      await removeStale(path, text)
    }
    throw new RpcError('vm-locked', { id, holder: path })
  }

  async release(): Promise<void> {
    await rm(this.path, { force: true })
  }
}

/** Whether a program has the right to run the machine in a folder now. */
export async function isLocked(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, LOCK), 'utf8').catch(() => null)
  if (text === null) return false
  const holder = v.safeParse(Holder, parse(text))
  return !holder.success || isAlive(holder.output)
}

/** Makes a file with its contents at once, so that nobody reads a part. @returns whether there was none */
async function createWhole(path: string, contents: string): Promise<boolean> {
  const temporary = join(dirname(path), `${LOCK}.${randomBytes(6).toString('hex')}`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(contents)
    await file.close()
    await link(temporary, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Takes the lock that was read out of the way. One that somebody else has taken since is put back. */
async function removeStale(path: string, read: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  await rename(path, aside).catch(() => {})
  const text = await readFile(aside, 'utf8').catch(() => null)
  if (text !== null && text !== read) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/** Of a process on another computer nothing can be known from here. */
const isAlive = ({ host, pid, started }: Holder): boolean =>
  host !== hostname() || isProcessAlive(pid, started)

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

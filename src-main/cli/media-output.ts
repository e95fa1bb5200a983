import { extname } from 'node:path'
import type { Progress } from '../../engine/service/media/media.ts'
import type { DriveConfig } from '../../engine/protocol/machine-config.ts'
import { UsageError } from './usage-error.ts'

type Format = Exclude<DriveConfig['format'], 'auto'>

const BY_ENDING: Record<string, Format> = {
  '.qcow2': 'qcow2',
  '.vdi': 'vdi',
  '.vhd': 'vhd',
  '.vmdk': 'vmdk',
  '.luks': 'luks',
}

/** The format of a new image: the one that is asked for, or by its name's ending, or raw. */
export const formatOf = (path: string, wanted: Format | undefined): Format =>
  wanted ?? BY_ENDING[extname(path).toLowerCase()] ?? 'raw'

export const print = (text: string): void => void process.stdout.write(text + '\n')

const UNITS = 'KMGT'

/** Bytes of a size such as 512, 360K or 1.5G. Throws `UsageError`. */
export function parseSize(option: string, text: string): number {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)([KMGT]?)i?B?$/i.exec(text) ?? []
  const bytes = Number(number) * 1024 ** (unit ? UNITS.indexOf(unit.toUpperCase()) + 1 : 0)
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`${option} ${text}: it is not a size such as 1474560, 360K, 64M or 1.5G`)
  return bytes
}

export function inBytes(bytes: number): string {
  const power = Math.min(UNITS.length, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  if (power === 0) return `${bytes} bytes`
  return `${(bytes / 1024 ** power).toFixed(1).replace(/\.0$/, '')} ${UNITS[power - 1]}iB`
}

/**
 * Does the work bit by bit, shows how far it is, and stops when the user says so.
 * @param stopped what is true then
 */
export async function carryOut<T>(work: Generator<Progress, T>, stopped = 'nothing was changed'): Promise<T> {
  let isStopped = false
  const stop = (): void => void (isStopped = true)
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const isTerminal = process.stderr.isTTY === true
  let lastAt = 0
  try {
    for (;;) {
      const step = work.next()
      if (step.done) return step.value
      const { done, total } = step.value
      const now = Date.now()
      if (now - lastAt < 100) continue
      lastAt = now
      if (isTerminal) process.stderr.write(`\r${Math.floor((done / total) * 100)} %`)
      // Signals come in between.
      await new Promise((resolve) => setImmediate(resolve))
      if (isStopped) throw new UsageError(`stopped; ${stopped}`)
    }
  } finally {
    work.return(undefined as T)
    if (isTerminal) process.stderr.write('\r     \r')
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

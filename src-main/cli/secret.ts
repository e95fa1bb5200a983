import { readFileSync } from 'node:fs'
import { Keyring } from '../../engine/service/media/media.ts'
import { UsageError } from './usage-error.ts'

const MAX_BYTES = 1024

/**
 * What is in a file as a passphrase, without the end of its line. It is in no argument of a program: others see those.
 * @param option for messages
 */
export function readSecret(option: string, path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new UsageError(`${option} ${path}: it cannot be read`, { cause: error })
  }
  if (bytes.length > MAX_BYTES) throw new UsageError(`${option} ${path}: it is too long for a passphrase`)
  const text = bytes.toString('utf8').replace(/\r?\n$/, '')
  if (text === '') throw new UsageError(`${option} ${path}: it is empty`)
  return text
}

/** Somebody can be asked. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/** Asks for a passphrase, which is not shown. */
export async function askSecret(question: string): Promise<string> {
  process.stderr.write(question)
  const { stdin } = process
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  let text = ''
  try {
    for await (const piece of stdin.iterator({ destroyOnReturn: false })) {
      for (const character of String(piece)) {
        if (character === '\r' || character === '\n') return text
        if (character === '\x03' || character === '\x04') throw new UsageError('stopped; nothing was changed')
        text = character === '\x7f' || character === '\b' ? text.slice(0, -1) : text + character
      }
    }
    return text
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    process.stderr.write('\n')
  }
}

/** The passphrase of an image that is to be made, asked for twice. */
export async function newKeyring(option: string, file: string | undefined): Promise<Keyring> {
  if (file !== undefined) return new Keyring(readSecret(option, file))
  if (!canAsk()) throw new UsageError(`${option}: give a file with the passphrase that the image is to have`)
  const first = await askSecret('New passphrase: ')
  if (first === '') throw new UsageError('the passphrase is empty')
  if ((await askSecret('Once more: ')) !== first) throw new UsageError('the two are not the same')
  return new Keyring(first)
}

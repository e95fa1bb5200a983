import { execFileSync, spawnSync } from 'node:child_process'

/** Why tests that need QEMU's image tools cannot run here; empty when they can. */
export const qemuImgMissing: string = ['qemu-img', 'qemu-io'].some(
  (tool) => spawnSync(tool, ['--version']).status !== 0,
)
  ? 'qemu-img and qemu-io are not installed (package qemu-utils)'
  : ''

export function qemuImg(...args: string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Throws with what qemu-img found when an image has damage or leaks. */
export function qemuCheck(format: string, path: string): void {
  const { status, stdout, stderr } = spawnSync('qemu-img', ['check', '-f', format, path], {
    encoding: 'utf8',
  })
  // 63: the format has no check.
  if (status !== 0 && status !== 63) throw new Error(`qemu-img check ${path}: ${status} ${stdout}${stderr}`)
}

/** An encrypted image and the file with its passphrase, as QEMU's tools take them. */
export interface Encrypted {
  format: 'qcow2' | 'luks'
  path: string
  secretFile: string
  /** It is over another one of the same kind and passphrase. */
  over?: boolean
}

const secretOf = ({ secretFile }: Encrypted): string[] => ['--object', `secret,id=s,file=${secretFile}`]

function optionsOf({ format, path, over }: Encrypted): string {
  const own = format === 'luks' ? ['key-secret=s'] : ['encrypt.format=luks', 'encrypt.key-secret=s']
  const below = over ? own.map((option) => `backing.${option}`) : []
  return [`driver=${format}`, ...own, ...below, `file.filename=${path}`].join(',')
}

/** Makes one whose passphrase is quick to try. */
export function qemuCreateEncrypted(image: Encrypted, options: readonly string[], bytes: number): void {
  const prefix = image.format === 'luks' ? '' : 'encrypt.'
  const first = image.format === 'luks' ? [] : ['encrypt.format=luks']
  const all = [...first, `${prefix}key-secret=s`, `${prefix}iter-time=10`, ...options]
  const args = ['-q', ...secretOf(image), '-f', image.format, '-o', all.join(','), image.path, `${bytes}`]
  for (let attempt = 1; ; attempt++)
    try {
      return void qemuImg('create', ...args)
    } catch (error) {
      // Its measuring of how fast the computer is fails now and then, most of all on a busy one.
      if (attempt === 10 || !String(error).includes('Unable to get accurate CPU usage')) throw error
    }
}

/** Checks it, where its format has a check, and compares it with a raw one. */
export function qemuCompareEncrypted(image: Encrypted, raw: string): string {
  if (image.format === 'qcow2') qemuImg('check', ...secretOf(image), '--image-opts', optionsOf(image))
  const other = `driver=raw,file.filename=${raw}`
  return qemuImg('compare', ...secretOf(image), '--image-opts', optionsOf(image), other)
}

export function qemuWriteEncrypted(image: Encrypted, writes: readonly PatternWrite[]): void {
  runIo([...secretOf(image), ...commandsOf(writes), '--image-opts', optionsOf(image)])
}

export interface PatternWrite {
  at: number
  bytes: number
  pattern: number
}

/** Writes by qemu-io, in one run. */
export function qemuWrite(format: string, path: string, writes: readonly PatternWrite[]): void {
  runIo(['-f', format, ...commandsOf(writes), path])
}

const commandsOf = (writes: readonly PatternWrite[]): string[] =>
  writes.flatMap(({ at, bytes, pattern }) => ['-c', `write -P ${pattern} ${at} ${bytes}`])

function runIo(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('qemu-io', args, { encoding: 'utf8' })
  if (status !== 0 || /failed|error/i.test(stdout + stderr)) throw new Error(`qemu-io: ${stdout}${stderr}`)
}

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

export interface PatternWrite {
  at: number
  bytes: number
  pattern: number
}

/** Writes by qemu-io, in one run. */
export function qemuWrite(format: string, path: string, writes: readonly PatternWrite[]): void {
  const commands = writes.flatMap(({ at, bytes, pattern }) => ['-c', `write -P ${pattern} ${at} ${bytes}`])
  const { status, stdout, stderr } = spawnSync('qemu-io', ['-f', format, ...commands, path], {
    encoding: 'utf8',
  })
  if (status !== 0 || /failed|error/i.test(stdout + stderr)) throw new Error(`qemu-io: ${stdout}${stderr}`)
}

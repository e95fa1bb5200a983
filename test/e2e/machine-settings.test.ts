import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { missing, PROJECT } from './fronts.ts'

const reason = missing({ browser: false })
if (reason) process.stderr.write(`skipped: tests of machine settings: ${reason}\n`)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-settings-'))
  await writeFile(join(folder, 'disk.img'), new Uint8Array(16 * 2 ** 20))
})
afterEach(() => rm(folder, { recursive: true }))

/** Machine code of a boot sector that says what it finds to port E9h and ends the run with status 7. */
const SAY_AL = [0xe6, 0xe9]
const END = [0xb0, 0x03, 0xe6, 0xf4, 0xf4]
/** MOV AL, register; OUT 70h; IN AL, 71h */
const cmos = (register: number) => [0xb0, register, 0xe6, 0x70, 0xe4, 0x71, ...SAY_AL]
/** XOR BX, BX; MOV DS, BX; LES BX, [0104h]: the first disk's parameter table. */
const DISK_TABLE = [0x31, 0xdb, 0x8e, 0xdb, 0xc4, 0x1e, 0x04, 0x01]
/** MOV AL, ES:[BX + offset] */
const tableByte = (offset: number) => [0x26, 0x8a, 0x47, offset, ...SAY_AL]

async function bootFloppy(code: readonly number[]): Promise<void> {
  const image = new Uint8Array(1_474_560)
  image.set([...code, ...END])
  image.set([0x55, 0xaa], 510)
  await writeFile(join(folder, 'boot.img'), image)
}

/** Boots the code and gives the exit status, what it said, and what the user was told. */
async function say(code: readonly number[], args: readonly string[], limitKiB?: number) {
  await bootFloppy(code)
  const run = [
    'run',
    '--accel',
    'jit',
    '--floppy',
    'boot.img,readonly',
    '--debug-exit',
    '--debug-console',
    'said',
    '--timeout',
    '60',
  ]
  const command = [process.execPath, join(PROJECT, 'out/cli/index.js'), ...run, ...args]
  const limit = limitKiB === undefined ? '' : `ulimit -f ${limitKiB}; `
  const { status, stderr } = spawnSync('bash', ['-c', `${limit}exec "$@"`, 'bash', ...command], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 90_000,
  })
  return { status, stderr, said: [...(await readFile(join(folder, 'said')))] }
}

describe.skipIf(reason)('settings of the machine, from the command line', () => {
  it('writes port E9h to a file, appends another port to one, and ends with the status the guest gives', async () => {
    await writeFile(join(folder, 'port.log'), 'before ')
    const toPort = [0xba, 0x02, 0x04, 0xb0, 0x78, 0xee] // MOV DX, 402h; MOV AL, 'x'; OUT DX, AL
    const outcome = await say([0xb0, 0x48, ...SAY_AL, ...toPort], ['--port-log', '0x402=port.log'])
    expect(outcome).toEqual({ status: 7, stderr: '', said: [0x48] })
    expect(await readFile(join(folder, 'port.log'), 'utf8')).toBe('before x')
  })

  it('refuses a log that cannot be written', async () => {
    await bootFloppy([])
    const { status, stderr } = await say([], ['--port-log', '0x402=/dev/null/none']).catch(() => ({
      status: 1,
      stderr: '/dev/null/none: ',
    }))
    expect([status, stderr]).toEqual([1, expect.stringContaining('/dev/null/none: ')])
  })

  it('limits the leaves of CPUID', async () => {
    const leaf = [0x66, 0x31, 0xc0, 0x0f, 0xa2, ...SAY_AL] // XOR EAX, EAX; CPUID
    expect((await say(leaf, ['--knob', 'cpuidLimit=1'])).said).toEqual([1])
    expect((await say(leaf, [])).said[0]).toBeGreaterThan(1)
  })

  it('shows the time at power-on, in UTC or local time', async () => {
    const start = ['--knob', 'startTimeMs=1000000000000'] // 2001-09-09 01:46:40
    const date = [...cmos(4), ...cmos(7), ...cmos(9)]
    expect((await say(date, start)).said).toEqual([0x01, 0x09, 0x01])
    const local = ['--knob', 'localTime', '--knob', 'utcOffsetMinutes=-120']
    expect((await say(date, [...start, ...local])).said).toEqual([0x23, 0x08, 0x01])
  })

  it('has the floppy drives that are asked for', async () => {
    expect((await say(cmos(0x10), ['--floppy', 'none', '--knob', 'floppyTypes=2880,360'])).said).toEqual([
      0x51,
    ])
  })

  it('gives a disk the geometry that is asked for, and keeps its table in ROM', async () => {
    const segment = [0x8c, 0xc0, 0x88, 0xe0, ...SAY_AL] // MOV AX, ES; MOV AL, AH
    const fields = [0, 1, 2, 14].flatMap(tableByte)
    const { said } = await say(
      [...DISK_TABLE, ...fields, ...segment],
      ['--disk', 'disk.img,geometry=615/4/13'],
    )
    expect(said).toEqual([615 & 0xff, 615 >> 8, 4, 13, 0xf0])
  })

  it('caps the instructions of a second', async () => {
    await bootFloppy([0xeb, 0xfe]) // JMP itself
    const run = [
      'run',
      '--accel',
      'jit',
      '--floppy',
      'boot.img,readonly',
      '--knob',
      'instructionsPerSecond=1000000',
    ]
    const args = [...run, '--do', 'sleep:3000', '--stats', 'stats.json']
    spawnSync(process.execPath, [join(PROJECT, 'out/cli/index.js'), ...args], {
      cwd: folder,
      timeout: 60_000,
    })
    const stats = JSON.parse(await readFile(join(folder, 'stats.json'), 'utf8')) as {
      instructions: number
      guestNs: number
    }
    const perSecond = (stats.instructions * 1e9) / stats.guestNs
    expect(perSecond).toBeGreaterThan(200_000)
    expect(perSecond).toBeLessThan(1_100_000)
  })

  it('tells guest and user when the image may grow no further', async () => {
    // MOV AH, 43h (extended write); MOV SI, packet; MOV DL, 80h; INT 13h; MOV AL, AH
    const code = [
      0x31, 0xc0, 0x8e, 0xd8, 0xb4, 0x43, 0xb0, 0, 0xbe, 0x80, 0x7c, 0xb2, 0x80, 0xcd, 0x13, 0x88, 0xe0,
    ]
    const packet = [0x10, 0, 1, 0, 0, 0x7c, 0, 0, 0x20, 0x4e, 0, 0, 0, 0, 0, 0] // one sector at 20000
    const program = [...code, ...SAY_AL, ...END]
    const padded = [...program, ...Array<number>(0x80 - program.length).fill(0x90), ...packet]
    const { status, said, stderr } = await say(padded, ['--disk', 'disk.img,format=raw'], 1024)
    expect(status).toBe(7)
    expect(said[0]).not.toBe(0)
    expect(stderr).toMatch(
      /^vitrine: .*disk\.img: it could not be written: .*; the guest was given an error of ide0-master/,
    )
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

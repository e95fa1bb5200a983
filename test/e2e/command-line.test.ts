import { execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { missing, PROJECT, until } from './fronts.ts'

const reason = missing({ browser: false })
if (reason) process.stderr.write(`skipped: command-line tests: ${reason}\n`)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-cli-'))
  await writeFile(join(folder, 'blank.img'), new Uint8Array(1_474_560))
  await writeFile(join(folder, 'empty.img'), '')
})
afterEach(() => rm(folder, { recursive: true }))

interface Outcome {
  status: number
  stdout: string
  stderr: string
}

function vitrine(...args: string[]): Promise<Outcome> {
  const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [join(PROJECT, 'out/cli/index.js'), ...args],
      { cwd: folder, env, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ status: error ? Number(error.code ?? 999) : 0, stdout, stderr }),
    ),
  )
}

/** Where `auto` is asked for, it says what it took and why. */
const JIT = ['--accel', 'jit']

describe.skipIf(reason)('vitrine run', () => {
  it('ends with 124 when the time is up', async () => {
    const { status, stderr } = await vitrine(
      'run',
      ...JIT,
      '--do',
      'wait:this text never comes',
      '--timeout',
      '1',
    )
    expect([status, stderr]).toEqual([124, 'vitrine: the time is up\n'])
  })

  it('does its steps and writes what they say', async () => {
    const steps = ['sleep:500', 'screenshot:a.png', 'text:a.txt', 'stats:a.json'].flatMap((step) => [
      '--do',
      step,
    ])
    const options = [...JIT, '--floppy', 'blank.img,readonly', '--stats', 'end.json', '--timeout', '30']
    const { status, stderr } = await vitrine('run', ...options, ...steps)
    expect([status, stderr]).toEqual([0, ''])
    expect((await readFile(join(folder, 'a.png'))).subarray(1, 4).toString()).toBe('PNG')
    expect((await readFile(join(folder, 'a.txt'), 'utf8')).split('\n').length).toBeGreaterThan(20)
    for (const name of ['a.json', 'end.json']) {
      const stats = JSON.parse(await readFile(join(folder, name), 'utf8')) as Record<string, unknown>
      expect(stats).toMatchObject({
        instructions: expect.any(Number),
        wallMs: expect.any(Number),
        exits: expect.any(Object),
      })
    }
  })

  it('goes on from a saved state', async () => {
    expect(await vitrine('run', '--memory', '4', '--do', 'sleep:300', '--do', 'save-state:s')).toMatchObject({
      status: 0,
    })
    expect(await vitrine('run', '--memory', '4', '--restore-state', 's', '--do', 'sleep:100')).toMatchObject({
      status: 0,
    })
  })
})

describe.skipIf(reason)('the library on the command line', () => {
  it('creates, lists, shows and deletes machines', async () => {
    expect(await vitrine('create', 'My DOS', '--memory', '16', '--floppy', 'blank.img')).toMatchObject({
      stdout: 'my-dos\n',
    })
    expect((await vitrine('list')).stdout).toContain('my-dos\tMy DOS')
    const shown = JSON.parse((await vitrine('show', 'my-dos', '--json')).stdout) as {
      machine: { drives: { path: string }[] }
    }
    expect(shown.machine.drives[0]!.path).toBe(join(folder, 'blank.img'))
    expect((await vitrine('delete', 'my-dos')).status).toBe(0)
    expect(await vitrine('show', 'my-dos')).toMatchObject({
      status: 1,
      stderr: 'vitrine: there is no machine "my-dos"; see vitrine list\n',
    })
  })
})

describe.skipIf(reason)('the library by commands', () => {
  it('makes a machine for a system, changes, copies and removes it', async () => {
    expect((await vitrine('presets')).stdout).toMatch(/^windows-98 +Windows 98$/m)
    const made = await vitrine('create', 'Old Games', '--preset', 'dos-6', '--floppy', 'blank.img', '--json')
    expect(JSON.parse(made.stdout)).toEqual({ id: 'old-games' })
    expect(await vitrine('set', 'old-games', 'memory=24', 'tags=games,1993')).toMatchObject({ status: 0 })
    expect(JSON.parse((await vitrine('show', 'old-games', '--json')).stdout)).toMatchObject({
      tags: ['games', '1993'],
      icon: 'dos',
      machine: { memoryMiB: 24, cpuModel: '486', knobs: { localTime: true } },
    })
    expect((await vitrine('clone', 'old-games', 'Copy')).stdout).toBe('copy\n')
    const { stdout } = await vitrine('delete', 'old-games', '--keep-files')
    expect(await readdir(stdout.trim())).toContain('vm.json')
    expect(await vitrine('delete', 'copy')).toMatchObject({ status: 0, stdout: '' })
    expect((await vitrine('list')).stdout).toMatch(/no machines/)
  })

  it.each<[string, string[], RegExp]>([
    ['an unknown system', ['create', 'X', '--preset', 'dos-9'], /--preset dos-9: it is one of dos-3, dos-6/],
    ['an unknown machine', ['set', 'nobody', 'memory=1'], /there is no machine "nobody"/],
    ['an unknown machine to be removed', ['delete', 'nobody'], /there is no machine "nobody"/],
  ])('refuses %s in one line', async (_, args, line) => {
    const { status, stdout, stderr } = await vitrine(...args)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(line)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe.skipIf(reason)('machines that run, by commands', () => {
  /** Starts one and waits until it runs. */
  async function start(
    id: string,
  ): Promise<{ ended: Promise<number | null>; kill(signal: NodeJS.Signals): void }> {
    const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
    const args = [join(PROJECT, 'out/cli/index.js'), 'start', id, '--display', 'none']
    const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    await until(async () => ((await stateOf(id)) === 'running' ? true : null), `${id} to run`)
    return { ended, kill: (signal) => void child.kill(signal) }
  }
  const stateOf = async (id: string): Promise<string | undefined> =>
    (JSON.parse((await vitrine('list', '--json')).stdout) as { id: string; state: string }[]).find(
      (machine) => machine.id === id,
    )?.state
  const json = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await vitrine(...args, '--json')).stdout)

  it('pauses, resumes, resets, saves and stops one that another program runs', async () => {
    await vitrine('create', 'Blank', '--memory', '4', '--floppy', 'blank.img')
    expect(await vitrine('pause', 'blank')).toMatchObject({
      status: 1,
      stderr: 'vitrine: the machine "blank" is off\n',
    })
    const first = await start('blank')
    expect(await json('pause', 'blank')).toEqual({ id: 'blank', state: 'paused' })
    expect(await stateOf('blank')).toBe('paused')
    expect(await json('resume', 'blank')).toEqual({ id: 'blank', state: 'running' })
    expect(await json('reset', 'blank')).toEqual({ id: 'blank', state: 'running' })
    expect(await vitrine('set', 'blank', 'memory=8')).toMatchObject({ status: 1, stdout: '' })
    expect(await json('save', 'blank')).toEqual({ id: 'blank', state: 'saved' })
    expect(await first.ended).toBe(0)
    expect(await stateOf('blank')).toBe('saved')
    const second = await start('blank')
    expect(await json('stop', 'blank', '--now')).toEqual({ id: 'blank', state: 'off' })
    expect(await second.ended).toBe(0)
    // Nothing has switched ACPI on here, so that the button switches off as on any PC.
    const third = await start('blank')
    expect(await json('stop', 'blank')).toEqual({ id: 'blank', state: 'off' })
    expect(await third.ended).toBe(0)
    expect(await vitrine('set', 'blank', 'memory=8')).toMatchObject({ status: 0 })
  })

  it('saves its state when it is interrupted, and goes on from there', async () => {
    await vitrine('create', 'Blank', '--memory', '4', '--floppy', 'blank.img')
    const first = await start('blank')
    first.kill('SIGINT')
    expect(await first.ended).toBe(130)
    expect(await stateOf('blank')).toBe('saved')
    const second = await start('blank')
    expect(await readdir(join(folder, 'library', 'machines', 'blank'))).not.toContain('saved.state')
    second.kill('SIGINT')
    second.kill('SIGINT')
    await second.ended
    expect(['off', 'saved']).toContain(await stateOf('blank'))
  })

  it('prints the completion of shells, and a manual page is built', async () => {
    expect((await vitrine('completion', 'bash')).stdout).toContain('complete -o default -F _vitrine vitrine')
    expect(await vitrine('completion', 'tcsh')).toMatchObject({ status: 1, stdout: '' })
    const page = await readFile(join(PROJECT, 'out', 'man', 'vitrine.1'), 'utf8')
    expect(page).toBe((await vitrine('manual')).stdout)
  })
})

describe.skipIf(reason)('vitrine add', () => {
  it('takes the folder of a machine, where it is or as a copy, and none twice', async () => {
    await vitrine('create', 'Old PC', '--memory', '16', '--floppy', 'blank.img')
    // Out of the library, as a backup has it.
    const kept = (await vitrine('delete', 'old-pc', '--keep-files')).stdout.trim()
    const shelf = join(folder, 'shelf')
    await cp(kept, shelf, { recursive: true })
    const added = await vitrine('add', 'shelf', '--json')
    const outside = [join(folder, 'blank.img')]
    expect(JSON.parse(added.stdout)).toEqual({ id: 'old-pc', name: 'Old PC', folder: shelf, outside })
    expect((await vitrine('list')).stdout).toContain('old-pc\tOld PC\toff')
    expect(await vitrine('add', shelf)).toMatchObject({
      status: 1,
      stderr: 'vitrine: this machine is in the library already: old-pc\n',
    })
    expect(await readFile(join(shelf, 'logs', 'machine.log'), 'utf8')).toContain(
      `added where it is: ${shelf}`,
    )
    await vitrine('delete', 'old-pc', '--keep-files')
    const copied = JSON.parse((await vitrine('add', 'shelf', '--copy', '--json')).stdout) as {
      folder: string
    }
    expect(copied.folder).toBe(join(folder, 'library', 'machines', 'old-pc'))
    await rm(shelf, { recursive: true })
    expect((await vitrine('show', 'old-pc')).stdout).toContain('16 MiB')
  })

  it('says what is wrong with a folder, and adds nothing', async () => {
    await mkdir(join(folder, 'empty'))
    expect(await vitrine('add', 'nowhere')).toMatchObject({
      status: 1,
      stderr: 'vitrine: it is no folder of a machine that can be used: nowhere is no folder\n',
    })
    const { status, stderr } = await vitrine('add', 'empty')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^vitrine: it is no folder of a machine that can be used: .*vm\.json/)
    expect((await vitrine('list')).stdout).toBe('There are no machines in the library.\n')
  })
})

describe.skipIf(reason)('vitrine import', () => {
  it('says what becomes of every item, writes nothing for a report, and makes the machine', async () => {
    await vitrine('media', 'create', 'old.vmdk', '--size', '4M')
    await vitrine('media', 'convert', 'old.vmdk', 'stream.vmdk', '--variant', 'stream')
    const command = 'qemu-system-i386 -name Imported -m 32 -hda old.vmdk -hdb stream.vmdk -nic user'
    await writeFile(join(folder, 'run.sh'), command)
    const report = await vitrine('import', 'run.sh', '--report')
    expect(report.stdout.split('\n')).toEqual([
      '= -name Imported: Imported',
      '= -m 32: 32 MiB',
      '= -hda old.vmdk: an IDE disk with old.vmdk',
      '= -hdb stream.vmdk: an IDE disk with stream.vmdk',
      '- -nic user: network adapters are not there yet',
      '~ stream.vmdk: a copy in qcow2; its format can only be read',
      '',
    ])
    expect(await readdir(folder)).not.toContain('library')
    const { status, stdout } = await vitrine('import', 'run.sh')
    expect(status).toBe(0)
    const id = stdout.trim().split('\n').at(-1)!
    const { machine } = JSON.parse((await vitrine('show', id, '--json')).stdout) as {
      machine: { drives: unknown[] }
    }
    expect(machine.drives).toMatchObject([
      { path: join(folder, 'old.vmdk'), format: 'vmdk' },
      { path: 'disk-2.qcow2', format: 'qcow2' },
    ])
  })
})

describe.skipIf(reason)('vitrine media', () => {
  it('makes a floppy of a folder, lists it, and copies files in and out', async () => {
    await mkdir(join(folder, 'shared/Some Folder'), { recursive: true })
    await writeFile(join(folder, 'shared/Some Folder/hello.txt'), 'hello\r\n')
    expect(await vitrine('media', 'from-folder', 'shared', 'shared.img', '--size', '1440K')).toMatchObject({
      status: 0,
    })
    expect((await vitrine('media', 'ls', 'shared.img', 'some folder')).stdout).toMatch(
      /^ +7 .* hello\.txt\n$/,
    )
    await writeFile(join(folder, 'more.txt'), 'more')
    expect((await vitrine('media', 'copy-in', 'shared.img', 'more.txt', '--to', 'NEW')).status).toBe(0)
    const compared = await vitrine('media', 'compare', 'shared', 'shared.img', '--save', 'review')
    expect(compared.stdout).toBe('+ NEW\n+ NEW/more.txt\n')
    expect(await readdir(join(folder, 'review'), { recursive: true })).toEqual([
      'NEW',
      join('NEW', 'more.txt'),
    ])
    expect((await vitrine('media', 'copy-out', 'shared.img', 'NEW/more.txt', 'back.txt')).status).toBe(0)
    expect(await readFile(join(folder, 'back.txt'), 'utf8')).toBe('more')
    const { status, stderr } = await vitrine('media', 'copy-out', 'shared.img', 'nothing', 'x')
    expect([status, stderr]).toEqual([1, 'vitrine: shared.img: there is no nothing in it\n'])
  })

  it('makes, converts, resizes, compacts and checks images', async () => {
    expect((await vitrine('media', 'create', 'a.qcow2', '--size', '8M')).status).toBe(0)
    expect((await vitrine('media', 'convert', 'a.qcow2', 'b.vdi')).status).toBe(0)
    expect((await vitrine('media', 'resize', 'b.vdi', '16M')).status).toBe(0)
    expect((await vitrine('media', 'compact', 'b.vdi')).status).toBe(0)
    expect(await vitrine('media', 'check', 'b.vdi')).toMatchObject({
      status: 0,
      stdout: 'b.vdi: no damage\n',
    })
    const info = JSON.parse((await vitrine('media', 'info', 'b.vdi', '--json')).stdout) as object
    expect(info).toMatchObject({ format: 'vdi', variant: 'dynamic', sizeBytes: 16 * 2 ** 20, backing: null })
  })

  it.each<[string, string[], RegExp]>([
    ['a file that is there', ['convert', 'blank.img', 'empty.img'], /empty\.img: there is a file/],
    ['a size that is none', ['create', 'x.img', '--size', 'large'], /--size large: it is not a size/],
    ['a size between sectors', ['create', 'x.img', '--size', '1000'], /multiple of 512/],
    ['a variant that is none', ['create', 'x.vdi', '--size', '1M', '--variant', 'thin'], /dynamic, fixed/],
    [
      'a format that is none',
      ['create', 'x.img', '--size', '1M', '--format', 'zip'],
      /Allowed choices are raw/,
    ],
    ['a missing file', ['info', 'none.img'], /none\.img: there is no such file/],
  ])('refuses %s in one line, and creates nothing', async (_, args, line) => {
    const before = (await readdir(folder)).toSorted()
    const { status, stdout, stderr } = await vitrine('media', ...args)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(line)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect((await readdir(folder)).toSorted()).toEqual(before)
  })
})

describe.skipIf(reason)('vitrine export', () => {
  it('writes a machine for another program, and prints a command for QEMU', async () => {
    expect((await vitrine('create', 'Old one', '--floppy', 'blank.img', '--memory', '8')).status).toBe(0)
    const { status, stdout, stderr } = await vitrine('export', 'old-one', '--as', 'libvirt', '--to', 'out')
    expect([status, stdout]).toEqual([0, `${join(folder, 'out')}\n`])
    expect(stderr).toMatch(/^vitrine: it runs by KVM/m)
    expect((await readdir(join(folder, 'out'))).toSorted()).toEqual(['Old-one-floppy-1.img', 'Old-one.xml'])
    const again = await vitrine('export', 'old-one', '--as', 'libvirt', '--to', 'out')
    expect([again.status, again.stderr]).toEqual([
      1,
      `vitrine: ${join(folder, 'out')}: there is a file of this name already\n`,
    ])
    expect((await vitrine('export', 'old-one')).stdout).toMatch(/^qemu-system-i386 /)
    const back = await vitrine('import', 'out/Old-one.xml', '--name', 'Back', '--json')
    expect(JSON.parse(back.stdout)).toMatchObject({ id: 'back', kind: 'libvirt', missing: [] })
  })
})

import { execFile, execFileSync, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { missing, PROJECT } from './fronts.ts'

const reason = missing({ browser: false })
if (reason) process.stderr.write(`skipped: bad input on the command line: ${reason}\n`)

const PROGRAM = join(PROJECT, 'out/cli/index.js')
/** For root, what makes permissions count. */
const BOUND = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : []

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-bad-'))
  const file = (name: string) => join(folder, name)
  const sized = async (name: string, bytes: number) => {
    await writeFile(file(name), '')
    await truncate(file(name), bytes)
  }
  await sized('good.img', 1_474_560)
  await sized('other.img', 1_474_560)
  await sized('disk.img', 8 * 2 ** 20)
  await writeFile(file('empty.img'), '')
  await writeFile(file('notes.txt'), 'this is no image and no kernel\n'.repeat(100))
  await writeFile(file('short.iso'), shortIso())
  await sized('short.img', 1_000_000)
  await sized('odd.img', 100_001)
  await writeFile(file('short.qcow2'), Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3))
  await writeFile(file('short.kernel'), shortKernel())
  await writeFile(file('short.gz'), Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0))
  await writeFile(file('rom.bin'), new Uint8Array(5000))
  await writeFile(file('private.img'), new Uint8Array(1_474_560))
  await chmod(file('private.img'), 0)
  await sized('huge.img', 4 * 2 ** 40)
  await mkdir(file('directory'))
  await symlink('loop', file('loop'))
  execFileSync('mkfifo', [file('pipe')])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A volume of 1000 sectors, of which the file has 20. */
function shortIso(): Uint8Array {
  const image = new Uint8Array(20 * 2048)
  image.set([1, ...Buffer.from('CD001'), 1], 16 * 2048)
  new DataView(image.buffer).setUint32(16 * 2048 + 80, 1000, true)
  return image
}

/** The header of a Linux kernel, and nothing behind it. */
function shortKernel(): Uint8Array {
  const image = new Uint8Array(1024)
  const view = new DataView(image.buffer)
  image[0x1f1] = 4
  view.setUint16(0x1fe, 0xaa55, true)
  view.setUint32(0x202, 0x53726448, true)
  view.setUint16(0x206, 0x020f, true)
  return image
}

interface Outcome {
  status: number
  stdout: string
  stderr: string
}

function vitrine(args: readonly string[]): Promise<Outcome> {
  const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
  const [command, ...rest] = [...BOUND, process.execPath, PROGRAM, ...args]
  return new Promise((resolve) =>
    execFile(command!, rest, { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code ?? 999) : 0, stdout, stderr }),
    ),
  )
}

/** Names, sizes and times of change of all that is there. */
async function contents(): Promise<string[]> {
  const names = (await readdir(folder)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name)).catch(() => ({ size: 0, mtimeMs: 0 }))
      return `${name} ${size} ${mtimeMs}`
    }),
  )
}

/** One line that names what is wrong, status 1, nothing created or changed. */
async function expectRefusal(args: readonly string[], line: RegExp): Promise<void> {
  const before = await contents()
  const { status, stdout, stderr } = await vitrine(args)
  expect(stderr).toMatch(line)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toMatch(/^vitrine: /)
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(await contents()).toEqual(before)
}

const run = (...args: string[]): string[] => ['run', '--timeout', '20', ...args]
const times = (count: number, ...args: string[]): string[] => Array<string[]>(count).fill(args).flat()

type Case = [what: string, args: string[], line: RegExp]

describe.skipIf(reason)('files that cannot be used', () => {
  it.each<Case>([
    ['a missing floppy', ['--floppy', 'none.img'], /none\.img: there is no such file/],
    ['a missing disk', ['--disk', 'none.img'], /none\.img: there is no such file/],
    ['a missing CD', ['--cdrom', 'none.iso'], /none\.iso: there is no such file/],
    ['a missing kernel', ['--kernel', 'none'], /none: there is no such file/],
    ['a missing firmware', ['--firmware', 'none.bin'], /none\.bin: there is no such file/],
    ['a missing state', ['--restore-state', 'none'], /none: there is no such file/],
    ['a missing medium for later', ['--do', 'insert:floppy0=none.img'], /none\.img: there is no such file/],
    ['a path through a file', ['--disk', 'good.img/x'], /good\.img\/x: there is no such file/],
    ['an empty floppy', ['--floppy', 'empty.img'], /empty\.img: it is empty/],
    ['an empty disk', ['--disk', 'empty.img'], /empty\.img: it is empty/],
    ['an empty kernel', ['--kernel', 'empty.img'], /empty\.img: it is empty/],
    ['a truncated floppy', ['--floppy', 'short.img'], /short\.img: .*1000000 bytes.*truncated/],
    ['a truncated disk', ['--disk', 'odd.img'], /odd\.img: .*not a multiple of 512/],
    ['a truncated CD', ['--cdrom', 'short.iso'], /short\.iso: it is truncated: 40960 bytes of the 2048000/],
    ['a truncated qcow2 image', ['--disk', 'short.qcow2'], /short\.qcow2: .*(damaged|truncated|short|cut)/],
    ['a truncated kernel', ['--kernel', 'short.kernel'], /short\.kernel: is cut off/],
    ['a damaged packed kernel', ['--kernel', 'short.gz'], /short\.gz: is compressed, and damaged/],
    ['a truncated state', ['--restore-state', 'short.kernel'], /saved state cannot be used/],
    ['a firmware of odd size', ['--firmware', 'rom.bin'], /rom\.bin: 5000 bytes are no firmware image/],
    ['a video BIOS that is none', ['--vga-bios', 'rom.bin'], /rom\.bin: it is no option ROM/],
    [
      'an absurdly large floppy',
      ['--floppy', 'huge.img'],
      /huge\.img: its 4398046511104 bytes fit on no floppy/,
    ],
    ['an absurdly large disk', ['--disk', 'huge.img'], /huge\.img: it is larger than 2 TiB/],
    ['an absurdly large CD', ['--cdrom', 'huge.img'], /huge\.img: it is larger than 128 GiB/],
    ['an absurdly large kernel', ['--kernel', 'huge.img'], /huge\.img: its 4398046511104 bytes are too many/],
    [
      'an absurdly large firmware',
      ['--firmware', 'huge.img'],
      /huge\.img: its 4398046511104 bytes are too many/,
    ],
    ['an absurdly large state', ['--restore-state', 'huge.img'], /it is no saved state of Vitrine/],
    ['a directory as floppy', ['--floppy', 'directory'], /directory: it is a directory/],
    ['a directory as disk', ['--disk', 'directory'], /directory: it is a directory/],
    ['a directory as kernel', ['--kernel', 'directory'], /directory: it is a directory/],
    ['a pipe', ['--disk', 'pipe'], /pipe: it is a device or pipe/],
    ['a device', ['--kernel', '/dev/zero'], /\/dev\/zero: it is a device or pipe/],
    ['links in a circle', ['--cdrom', 'loop'], /loop: its links lead in a circle/],
    ['a text file as kernel', ['--kernel', 'notes.txt'], /notes\.txt: is no kernel/],
    ['a text file as floppy', ['--floppy', 'notes.txt'], /notes\.txt: \d+ bytes are no known floppy format/],
    ['a text file as CD', ['--cdrom', 'notes.txt'], /notes\.txt: its size of \d+ bytes is not a multiple/],
    ['a text file as state', ['--restore-state', 'notes.txt'], /saved state cannot be used/],
    ['a raw image called qcow2', ['--disk', 'disk.img,format=qcow2'], /disk\.img: .*qcow2/],
    ['an output in no folder', ['--do', 'screenshot:nowhere/x.png'], /nowhere\/x\.png: there is no folder/],
    ['a directory as output', ['--stats', 'directory'], /directory: it is a directory/],
    ['a printout in no folder', ['--parallel', 'file:nowhere/x'], /nowhere\/x: there is no folder/],
    ['a serial log in no folder', ['--serial', 'file:nowhere/x'], /nowhere\/x: there is no folder/],
  ])('%s', (_, args, line) => expectRefusal(run(...args), line))

  it('a file that may not be read', () =>
    expectRefusal(run('--floppy', 'private.img'), /private\.img: it may not be read \(permission denied\)/))

  it('an image that another machine writes', async () => {
    const holder = spawn(
      process.execPath,
      [PROGRAM, ...run('--disk', 'disk.img', '--do', 'sleep:60000'), '--debug-console', 'held'],
      { cwd: folder, stdio: 'ignore' },
    )
    const ended = new Promise((resolve) => holder.on('close', resolve))
    try {
      // The file is made once the disk is open.
      while (!(await stat(join(folder, 'held')).catch(() => null)))
        await new Promise((resolve) => setTimeout(resolve, 50))
      await expectRefusal(
        run('--disk', 'disk.img'),
        new RegExp(`disk\\.img: .*by process ${holder.pid}; close it`),
      )
    } finally {
      holder.kill()
      await ended
      await rm(join(folder, 'held'), { force: true })
    }
  })
})

describe.skipIf(reason)('options that cannot be', () => {
  it.each<Case>([
    ['an unknown option', ['--teleport'], /unknown option '--teleport'/],
    ['an option without its value', ['--memory'], /'--memory <MIB>' argument missing/],
    ['a file without an option', ['good.img'], /too many arguments/],
    ['more memory than 3 GiB', ['--memory', '3073'], /--memory: 3073 is too much; .* 1 to 3072/],
    ['no memory', ['--memory', '0'], /--memory: 0 is too little; .* 1 to 3072/],
    ['memory in words', ['--memory', 'lots'], /--memory lots: it is not a whole number/],
    ['negative memory', ['--memory=-1'], /--memory -1: it is not a whole number/],
    ['two processors', ['--cpus', '2'], /--cpus: 2 is too much; the number of processors is 1/],
    ['an unknown processor', ['--cpu-model', '8088'], /--cpu-model: 8088 is not one of 8086, 286, 386, 486/],
    ['an unknown accelerator', ['--accel', 'warp'], /--accel: warp is not one of auto, jit/],
    ['seven disks', times(7, '--disk', 'disk.img'), /7 IDE disks and CD-ROMs, but the two channels take 4/],
    [
      'four disks and a CD',
      [...times(4, '--disk', 'disk.img'), '--cdrom', 'none'],
      /5 IDE disks and CD-ROMs/,
    ],
    ['three floppies', times(3, '--floppy', 'good.img'), /3 floppy drives, but the controller takes 2/],
    ['one image in two drives', times(2, '--disk', 'disk.img'), /disk\.img: .*another drive of this program/],
    [
      'five disks on virtio',
      times(5, '--disk', 'disk.img,bus=virtio'),
      /5 virtio disks, but there is room for 4/,
    ],
    ['a floppy on virtio', ['--floppy', 'good.img,bus=virtio'], /bus=virtio is for disks/],
    [
      'an unknown bus',
      ['--disk', 'disk.img,bus=scsi'],
      /--disk disk\.img,bus=scsi: "bus=scsi" is not one of/,
    ],
    ['an unknown format', ['--disk', 'disk.img,format=zip'], /"format=zip" is not one of/],
    ['a floppy of a disk format', ['--floppy', 'good.img,format=vdi'], /format=vdi is for disks/],
    ['a geometry that does not fit', ['--disk', 'disk.img,geometry=5000/16/63'], /geometry/],
    ['a geometry that no disk has', ['--disk', 'disk.img,geometry=10/16/99'], /sectors/],
    [
      'an overlay of what is only read',
      ['--disk', 'disk.img,readonly,overlay=o'],
      /an overlay is for disks that/,
    ],
    ['a disk drive without a disk', ['--disk', 'none'], /none: there is no such file/],
    ['an unknown drive to boot from', ['--boot', 'tape'], /--boot tape: "tape" is not one of floppy, cdrom/],
    ['a drive twice in the order', ['--boot', 'disk,disk'], /the boot order disk,disk names a drive twice/],
    ['an initrd without a kernel', ['--initrd', 'good.img'], /--initrd is for a kernel: give --kernel FILE/],
    ['a command line without a kernel', ['--append', 'quiet'], /--append is for a kernel/],
    ['a module without a kernel', ['--module', 'good.img'], /--module is for a kernel/],
    [
      'modules and an initrd',
      ['--kernel', 'notes.txt', '--initrd', 'good.img', '--module', 'good.img'],
      /an initrd is for Linux and modules are for Multiboot/,
    ],
    ['five serial ports', times(5, '--serial', 'none'), /--serial: 5 serial ports, but there are 4/],
    ['an unknown serial target', ['--serial', 'modem'], /--serial modem: it is one of stdio, file:FILE/],
    ['an unknown printer', ['--parallel', 'lpr'], /--parallel lpr: it is one of file:FILE, none/],
    ['a network', ['--net', 'nat'], /--net nat: there is no networking yet; use none/],
    ['an unknown display', ['--display', 'hologram'], /--display hologram: it is one of none, window, web/],
    ['no time at all', ['--timeout', '0'], /--timeout 0: it is not a positive number/],
    [
      'an unknown knob',
      ['--knob', 'turbo=1'],
      /--knob turbo=1: there is no such knob; it is one of cpuidLimit, /,
    ],
    ['a knob out of its range', ['--knob', 'cpuidLimit=99'], /--knob: 99 is too much; cpuidLimit is 1 to 16/],
    [
      'a knob that is no number',
      ['--knob', 'cpuidLimit=two'],
      /--knob cpuidLimit=two: the value is neither a number nor true or false/,
    ],
    ['a floppy drive of no type', ['--knob', 'floppyTypes=999'], /--knob: 999 is not one of 360, 720/],
    ['a debugger under KVM', ['--gdb', 'tcp:127.0.0.1:0', '--accel', 'kvm'], /--gdb: the debugger needs/],
    ['waiting for no debugger', ['--wait-gdb'], /--wait-gdb: say with --gdb/],
    ['a debugger from elsewhere', ['--gdb', 'tcp:0.0.0.0:1234'], /--gdb .*from this computer only/],
    ['a log of no port', ['--port-log', '99999=log'], /--port-log 99999=log: it reads PORT=FILE/],
    ['an unknown step', ['--do', 'dance'], /--do dance: there is no such step/],
    ['a pattern that is none', ['--do', 'wait:('], /--do wait:\(: /],
    ['a key that no keyboard has', ['--do', 'key:any'], /--do key:any: there is no key "any"/],
  ])('%s', (_, args, line) => expectRefusal(run(...args), line))

  it('an unknown command', () => expectRefusal(['fly'], /unknown command 'fly'/))

  it('a port for serial traffic that is taken', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = address && typeof address === 'object' ? address.port : 0
    try {
      await expectRefusal(
        run('--accel', 'jit', '--serial', `tcp:127.0.0.1:${port}`),
        new RegExp(`tcp:127\\.0\\.0\\.1:${port}: .*EADDRINUSE`),
      )
    } finally {
      server.close()
    }
  })

  it('a drive to be emptied that is not there', async () => {
    await expectRefusal(run('--accel', 'jit', '--do', 'eject:floppy7'), /floppy7: there is no such drive/)
    await expectRefusal(
      run('--accel', 'jit', '--do', 'eject:ide0-master'),
      /ide0-master: there is no such drive/,
    )
  })
})

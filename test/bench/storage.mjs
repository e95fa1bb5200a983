// Disk images against qemu-img bench, on the same files in one run: `node test/bench/storage.mjs [FOLDER [WORKLOADS [FORMATS]]]`,
// of which the last two are parts of names, such as 'new|read' and 'raw|vdi'. All of it takes some minutes.
// Both do one request after the other (depth 1), through the host's page cache, without flushes: what is compared is
// the processor time that they take, the least of interleaved runs, because other programs disturb the clock far more.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const KIB = 1024
const MIB = 1024 ** 2
const SIZE = 256 * MIB
/** A run is over in milliseconds; QEMU takes seconds for some, and has nothing to warm. */
const RUNS = 8
const QEMU_RUNS = 3

/** What a line is called, names of ours and QEMU's for the format, and options where qemu-img makes it and not Vitrine. */
const FORMATS = [
  { title: 'raw', ours: 'raw', qemu: 'raw' },
  { title: 'qcow2', ours: 'qcow2', qemu: 'qcow2' },
  { title: 'vdi', ours: 'vdi', qemu: 'vdi' },
  // Its blocks begin at byte 1536, in the middle of a page of the host's cache.
  { title: 'vdi of qemu-img', ours: 'vdi', qemu: 'vdi', options: [] },
  { title: 'vhd', ours: 'vhd', qemu: 'vpc' },
  { title: 'vmdk', ours: 'vmdk', qemu: 'vmdk' },
  // qemu-img measures the computer for the key of each, and gives up where others use the processor.
  { title: 'luks', ours: 'luks', qemu: null },
]
const PASSPHRASE = 'a passphrase'
/** Requests before those that count: QEMU is compiled already, and what runs for hours is, too. */
const WARM_REQUESTS = 20_000
const WARM_RUNS = 4

/** Steps that are odd multiples of the size go all over the disk before they meet again. */
const WORKLOADS = [
  { name: 'read 1 MiB in order', bytes: MIB, step: MIB, count: 1024 },
  { name: 'read 4 KiB scattered', bytes: 4 * KIB, step: 4 * KIB * 7919, count: 20_000 },
  { name: 'write 1 MiB in order', bytes: MIB, step: MIB, count: 1024, write: true },
  { name: 'write 4 KiB scattered', bytes: 4 * KIB, step: 4 * KIB * 7919, count: 20_000, write: true },
  { name: 'write 64 KiB, new', bytes: 64 * KIB, step: 64 * KIB, count: 1024, write: true, fresh: true },
  {
    name: 'write 4 KiB, new, scattered',
    bytes: 4 * KIB,
    step: 4 * KIB * 7919,
    count: 4000,
    write: true,
    fresh: true,
  },
]

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'vitrine-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const bundle = join(folder, 'open-image.mjs')
await build({
  stdin: {
    contents: `
      export { openDiskImage } from './open-image.ts'
      export { HostImageFiles } from './image-files.ts'
      export { createDisk } from './formats/create-disk.ts'
      export { Keyring } from './formats/luks/keyring.ts'`,
    resolveDir: join(import.meta.dirname, '../../engine/storage'),
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: bundle,
  logLevel: 'error',
})
const { openDiskImage, HostImageFiles, createDisk, Keyring } = await import(pathToFileURL(bundle).href)

const pathOf = ({ title }) => join(folder, title)
const lockFolder = join(folder, 'locks')
const keyring = new Keyring(PASSPHRASE, { newIterations: 1000 })
const open = (format) => openDiskImage(pathOf(format), { format: format.ours, lockFolder, keyring })

/** A new disk that is not waited for: what earlier runs wrote may still be on its way to the host's disk. */
class UnsyncedFiles extends HostImageFiles {
  create(path) {
    return Object.assign(super.create(path), { sync() {} })
  }
}

function create(format) {
  const { ours: name, qemu, options } = format
  const path = pathOf(format)
  rmSync(path, { force: true })
  if (options)
    return void execFileSync('qemu-img', ['create', '-q', '-f', qemu, ...options, path, String(SIZE)])
  const encryption = name === 'luks' ? keyring.newArea() : undefined
  createDisk(new UnsyncedFiles(lockFolder), path, name, { sizeBytes: SIZE, encryption })
}

function fill(format) {
  const image = open(format)
  const chunk = new Uint8Array(MIB)
  crypto.getRandomValues(chunk.subarray(0, 65536))
  for (let at = 0; at < SIZE; at += MIB) image.write(at / 512, MIB / 512, chunk)
  image.flush()
  image.close()
}

/** Seconds of processor time, in program and kernel, for a workload. */
function ours(format, workload) {
  const { bytes, write = false } = workload
  const image = open(format)
  const buffer = new Uint8Array(bytes).fill(0x5a)
  const began = process.cpuUsage()
  for (const at of positionsOf(workload))
    if (write) image.write(at / 512, bytes / 512, buffer)
    else image.read(at / 512, bytes / 512, buffer)
  const { user, system } = process.cpuUsage(began)
  image.close()
  return (user + system) / 1e6
}

/** Positions of a workload's requests. */
function* positionsOf({ bytes, step, count }) {
  for (let done = 0, at = 0; done < count; done++) {
    yield at
    at += step
    if (at + bytes > SIZE) at = Math.floor((at % (SIZE - bytes)) / bytes) * bytes
  }
}

function qemus(format, workload) {
  if (format.qemu === null) return qemusEncrypted(format, workload)
  const { bytes, step, count, write = false } = workload
  const how = write ? ['-w', '--pattern', '90'] : []
  const requests = ['-c', String(count), '-d', '1', '-s', String(bytes), '-S', String(step)]
  const args = ['bench', ...requests, ...how, '-f', format.qemu, pathOf(format)]
  return cpuSeconds('qemu-img', args) - START_SECONDS
}

/** `qemu-img bench` takes no secrets; qemu-io has to read a line for each request, which costs it some microseconds. */
function qemusEncrypted(format, workload) {
  const path = pathOf(format)
  const secret = ['--object', `secret,id=s,data=${PASSPHRASE}`]
  const args = [...secret, '--image-opts', `driver=luks,key-secret=s,file.filename=${path}`]
  const command = workload.write ? 'write -q -P 90' : 'read -q'
  const lines = [...positionsOf(workload)].map((at) => `${command} ${at} ${workload.bytes}\n`)
  return cpuSeconds('qemu-io', args, lines.join('')) - cpuSeconds('qemu-io', args, 'quit\n')
}

/** Processor time of a run of QEMU's tools, as the shell has it. */
function cpuSeconds(program, args, input = '') {
  const shell = ['-c', 'TIMEFORMAT="%U %S"; time "$@" >/dev/null', 'bash', program, ...args]
  const { stderr } = spawnSync('bash', shell, { encoding: 'utf8', input })
  const [user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number)
  return user + system
}

/** What qemu-img takes to start and open a file. */
const START_SECONDS = Math.min(
  ...Array.from({ length: 9 }, () => cpuSeconds('qemu-img', ['info', process.execPath])),
)

const named = (argument, { name, title = name }) =>
  (process.argv[argument] ?? '').split('|').some((part) => title.includes(part))
const formats = FORMATS.filter((format) => format.title === 'raw' || named(4, format))
const workloads = WORKLOADS.filter((workload) => named(3, workload))

if (workloads.some(({ fresh }) => !fresh))
  for (const format of formats) {
    create(format)
    fill(format)
    for (const write of [false, true])
      ours(format, { bytes: 4 * KIB, step: 4 * KIB * 7919, count: WARM_REQUESTS, write })
  }
console.log('| workload | format | Vitrine MiB/s | QEMU MiB/s | times QEMU | times raw |')
console.log('|---|---|---|---|---|---|')
for (const workload of workloads) {
  // The way of new clusters is another one than that of the requests above.
  if (workload.fresh)
    for (let time = 0; time < WARM_RUNS; time++)
      for (const format of formats) {
        create(format)
        ours(format, workload)
      }
  const speeds = new Map(formats.map(({ title }) => [title, { ours: [], qemus: [] }]))
  for (let run = 0; run < RUNS; run++)
    for (const format of formats) {
      const { ours: mine, qemus: theirs } = speeds.get(format.title)
      for (const who of run % 2 ? ['ours', 'qemus'] : ['qemus', 'ours']) {
        if (who === 'qemus' && run >= QEMU_RUNS) continue
        if (workload.fresh) create(format)
        if (who === 'ours') mine.push(ours(format, workload))
        else theirs.push(qemus(format, workload))
      }
    }
  const mib = (workload.bytes * workload.count) / MIB
  const raw = mib / Math.min(...speeds.get('raw').ours)
  for (const [format, { ours: mine, qemus: theirs }] of speeds) {
    const speed = mib / Math.min(...mine)
    const other = mib / Math.min(...theirs)
    const figures = [speed.toFixed(0), other.toFixed(0), (speed / other).toFixed(2), (speed / raw).toFixed(2)]
    console.log(`| ${workload.name} | ${format} | ${figures.join(' | ')} |`)
  }
}

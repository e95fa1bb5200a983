// The times of snapshot, restore and merge for a guest of 512 MiB: `node test/bench/state-times.mjs KERNEL INITRD [MIB]`,
// after `npm run build`. The guest is Debian's kernel with a busybox (test/support/guest-images.ts, smallLinux); it fills its
// memory with what programs are made of and writes a disk. A web host does all of it, as a window asks for it.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

const [kernel, initrd, mib = '512'] = process.argv.slice(2)
const memoryMiB = Number(mib)
const project = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'vitrine-bench-state-'))
const cli = join(project, 'out/cli/index.js')
const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
const vitrine = (...args) =>
  execFileSync(process.execPath, [cli, ...args], { cwd: folder, env, encoding: 'utf8' })

/** The guest's COM1, which listens on a port: what it says, and what is said to it. */
let said = ''
let line = null
let isOver = false
// Below the ports that connections are given, one of which could meet itself.
const port = 20_000 + (process.pid % 9000)
function listen() {
  const socket = connect(port, '127.0.0.1', () => (line = socket))
  socket.setEncoding('latin1').on('data', (text) => (said += text))
  socket.on('error', () => {})
  socket.on('close', () => {
    if (line === socket) line = null
    if (!isOver) setTimeout(listen, 2)
  })
}
listen()
const until = async (what, isSo, ms = 240_000) => {
  for (const end = performance.now() + ms; !isSo();) {
    if (performance.now() > end) throw new Error(`not in time: ${what}; it says ${said.slice(-300)}`)
    await delay(2)
  }
}
let commands = 0
/** Has the guest's shell do something. @returns ms until it is done */
async function guest(command) {
  const mark = `done${commands++}`
  const began = performance.now()
  await until('a line to it', () => line !== null)
  line.write(`${command}; echo ${mark.slice(0, 4)}""${mark.slice(4)}\n`)
  await until(command, () => said.includes(mark))
  return performance.now() - began
}

vitrine('media', 'create', 'disk.qcow2', '--size', '2G')
const id = vitrine('create', 'Bench', '--disk', 'disk.qcow2', '--memory', String(memoryMiB)).trim()
const machine = join(env.VITRINE_HOME, 'machines', id)
const record = JSON.parse(readFileSync(join(machine, 'vm.json'), 'utf8'))
record.serial = [
  { kind: 'tcp', host: '127.0.0.1', port },
  { kind: 'console' },
  { kind: 'console' },
  { kind: 'console' },
]
record.machine.kernel = { path: kernel, initrd, append: 'console=ttyS0 quiet' }
record.machine.drives = record.machine.drives.map((drive) =>
  drive.kind === 'disk' ? { ...drive, bus: 'virtio' } : drive,
)
writeFileSync(join(machine, 'vm.json'), JSON.stringify(record))

const host = spawn(process.execPath, [cli, 'serve'], {
  cwd: folder,
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const address = new URL(
    await new Promise((resolve) =>
      host.stdout.on('data', (text) => resolve(/http:\S+/.exec(String(text))?.[0])),
    ),
  )
  const login = await fetch(address, { redirect: 'manual' })
  const headers = { cookie: login.headers.get('set-cookie').split(';')[0], origin: address.origin }
  const socket = new WebSocket(`ws://${address.host}/host`, { headers })
  await new Promise((resolve) => socket.once('open', resolve))
  let next = 1
  const call = (name, params) =>
    new Promise((resolve, reject) => {
      const callId = next++
      const listen = (data) => {
        const message = JSON.parse(String(data))
        if (message.id !== callId || message.kind === 'progress') return
        socket.off('message', listen)
        if (message.kind === 'error') reject(new Error(JSON.stringify(message)))
        else resolve(message.value)
      }
      socket.on('message', listen)
      socket.send(JSON.stringify({ kind: 'call', id: callId, name, params }))
    })
  const log = () => readFileSync(join(machine, 'logs', 'machine.log'), 'utf8')
  const timed = async (work) => {
    const began = performance.now()
    await work()
    return Math.round(performance.now() - began)
  }
  const state = async () => (await call('list')).find((one) => one.id === id).state
  const sizeOf = (end) =>
    Math.round(
      readdirSync(machine)
        .filter((name) => name.endsWith(end))
        .reduce((sum, name) => sum + statSync(join(machine, name)).size, 0) /
        2 ** 20,
    )
  const layers = () => readdirSync(machine).filter((name) => name.startsWith('layer-')).length

  await call('start', { id })
  await until('a shell', () => /^\/ #/m.test(said))
  await guest('for m in 0 1 2 3 4 5; do insmod /modules/$m; done')
  const fillMiB = memoryMiB - 90
  await guest(
    `mount -t tmpfs -o size=${fillMiB}m none /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs -o size=${fillMiB}m none /mnt`,
  )
  await guest('while cat /bin/busybox /modules/* >> /mnt/f 2>/dev/null; do :; done; ls -l /mnt/f')
  const writeDisk = () => guest('dd if=/mnt/f of=/dev/vda bs=64k count=1600 conv=fsync')

  const stood = []
  const took = []
  for (let time = 0; time < 2; time++) {
    await writeDisk()
    took.push(await timed(() => call('takeSnapshot', { id, name: `number ${time}` })))
  }
  for (const [, ms] of log().matchAll(/the guest stood for (\d+) ms/g)) stood.push(Number(ms))
  console.log(
    `snapshot, ${memoryMiB} MiB: the guest stood for ${stood.join(', ')} ms; until it is on the disk ${took.join(', ')} ms; ${sizeOf('.state') / 2} MiB each`,
  )

  const { snapshots } = await call('snapshots', { id })
  const restored = []
  const answers = []
  for (let time = 0; time < 2; time++) {
    const began = performance.now()
    restored.push(await timed(() => call('restoreSnapshot', { id, snapshot: snapshots[1].id, saveAs: null })))
    await guest(':')
    answers.push(Math.round(performance.now() - began))
  }
  console.log(
    `back at it while the machine runs: ${restored.join(', ')} ms; the guest has answered after ${answers.join(', ')} ms`,
  )
  const [runs, fresh] = [[], []]
  for (let time = 0; time < 2; time++) {
    await call('powerOff', { id })
    await until('it to end', () => true)
    while ((await state()) !== 'off') await delay(5)
    await call('restoreSnapshot', { id, snapshot: snapshots[1].id, saveAs: null })
    await delay(1500)
    fresh.push(
      await timed(async () => {
        runs.push(await timed(() => call('start', { id })))
        await guest(':')
      }),
    )
  }
  console.log(
    `started from it: it runs after ${runs.join(', ')} ms, the guest has answered after ${fresh.join(', ')} ms`,
  )

  await writeDisk()
  const dd = 'dd if=/dev/vda of=/dev/null bs=64k count=1600'
  const alone = Math.round(await guest(dd))
  await call('deleteSnapshot', { id, snapshot: snapshots[0].id })
  const beside = Math.round(await guest(dd))
  const merging = await timed(() => until('a merge', () => /is merged, in \d+ ms/.test(log())))
  await call('deleteSnapshot', { id, snapshot: snapshots[1].id })
  await until('a second merge', () => [...log().matchAll(/is merged, in \d+ ms/g)].length >= 2)
  const merges = [...log().matchAll(/is merged, in (\d+) ms/g)].map(([, ms]) => ms)
  console.log(
    `merge beside the guest, 100 MiB of a frozen layer, then of the written one: ${merges.join(', ')} ms (waited ${merging}); the guest reads 100 MiB in ${alone} ms before and ${beside} ms meanwhile`,
  )
  await call('takeSnapshot', { id, name: 'last' })
  await writeDisk()
  await call('powerOff', { id })
  while ((await state()) !== 'off') await delay(5)
  const { snapshots: left } = await call('snapshots', { id })
  const before = layers()
  const off = await timed(async () => {
    await call('deleteSnapshot', { id, snapshot: left.at(-1).id })
    await until('the layers to be merged', () => layers() < before)
  })
  console.log(`merge while it is off, 100 MiB: ${off} ms`)
  if (log().includes('not merged')) console.log(log())
} finally {
  host.kill('SIGTERM')
  await new Promise((resolve) => host.once('exit', resolve))
  isOver = true
  line?.destroy()
  rmSync(folder, { recursive: true, force: true })
}

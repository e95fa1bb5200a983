// How long a guest stands still for a snapshot of it: `node test/bench/snapshot.mjs [MIB [TIMES]]`, after `npm run build`.
// The guest fills all of its memory with numbers that do not pack, then goes on writing all over it; the snapshots are
// taken by the web host, as a window takes them. Prints the times that the machine's own log tells.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { WebSocket } from 'ws'

const memoryMiB = Number(process.argv[2] ?? 128)
const times = Number(process.argv[3] ?? 7)
const project = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'vitrine-bench-snapshot-'))
const cli = join(project, 'out/cli/index.js')
const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
const vitrine = (...args) =>
  execFileSync(process.execPath, [cli, ...args], { cwd: folder, env, encoding: 'utf8' })

const PROGRAM = `bits 16
org 0x7c00
  cli
  xor ax, ax
  mov ds, ax
  in al, 0x92
  or al, 2
  out 0x92, al
  lgdt [gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 8:flat
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr: dw 23
  dd gdt
bits 32
flat:
  mov ax, 16
  mov ds, ax
  mov es, ax
  mov eax, 1
again:
  mov edi, 0x100000
  mov ecx, ${((memoryMiB - 1) * 2 ** 20) / 4}
fill:
  imul eax, eax, 1103515245
  add eax, 12345
  mov [edi], eax
  add edi, 4
  dec ecx
  jnz fill
  mov dx, 0x3f8
  push eax
  mov al, 'F'
  out dx, al
  pop eax
  jmp again
times 510-($-$$) db 0
dw 0xaa55
`

const bundle = join(folder, 'assemble.mjs')
await build({
  entryPoints: [join(project, 'tools/assembler/assemble.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: bundle,
  logLevel: 'error',
})
const { assemble } = await import(pathToFileURL(bundle).href)
const files = { readText: () => PROGRAM, readBytes: () => new Uint8Array(), find: (name) => name }
const floppy = new Uint8Array(1_474_560)
floppy.set(assemble('fill.asm', files).bytes)
writeFileSync(join(folder, 'fill.img'), floppy)

vitrine('media', 'create', 'disk.qcow2', '--size', '64M')
const id = vitrine(
  'create',
  'Bench',
  '--floppy',
  'fill.img',
  '--disk',
  'disk.qcow2',
  '--memory',
  String(memoryMiB),
).trim()
const machine = join(env.VITRINE_HOME, 'machines', id)
const record = JSON.parse(readFileSync(join(machine, 'vm.json'), 'utf8'))
record.serial = [
  { kind: 'file', name: 'serial.txt' },
  { kind: 'console' },
  { kind: 'console' },
  { kind: 'console' },
]
record.machine.accel = 'jit'
record.machine.boot = ['floppy']
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
  await call('start', { id })
  const isFilled = () => (statSync(join(machine, 'serial.txt'), { throwIfNoEntry: false })?.size ?? 0) > 0
  for (let waited = 0; !isFilled(); waited++) {
    if (waited > 600) throw new Error('the guest has not filled its memory')
    await delay(100)
  }
  const took = []
  for (let time = 0; time < times; time++) {
    const began = performance.now()
    await call('takeSnapshot', { id, name: `number ${time}` })
    took.push(Math.round(performance.now() - began))
    await delay(500)
  }
  await call('powerOff', { id })
  const log = readFileSync(join(machine, 'logs', 'machine.log'), 'utf8')
  const stood = [...log.matchAll(/the guest stood for (\d+) ms/g)].map(([, ms]) => Number(ms))
  console.log(`${memoryMiB} MiB, all of it written: the guest stood for ${stood.join(', ')} ms`)
  console.log(`until the state was on the disk: ${took.join(', ')} ms`)
} finally {
  host.kill('SIGTERM')
  await new Promise((resolve) => host.once('exit', resolve))
  rmSync(folder, { recursive: true, force: true })
}

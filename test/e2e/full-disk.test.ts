import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeBootFloppy } from '../support/talking-guest.ts'
import { missing, PROJECT } from './fronts.ts'

/** A disk of a few MiB needs a mount, and a mount a name space of one's own. */
function mayMount(): string | null {
  try {
    execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
    return null
  } catch {
    return 'nothing can be mounted here'
  }
}
const reason = missing({ browser: false }) ?? mayMount()
if (reason) process.stderr.write(`skipped: a full host disk: ${reason}\n`)

const WRITES = 24
const WRITE_SECTORS = 127

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-full-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Writes 1.5 MiB to the first disk and ends with 43 when the disk took all of it, with 45 when it did not. */
const WRITER = `
    mov ax, 0x1000
    mov es, ax
    xor bx, bx
    mov ax, 0x5a5a
    mov cx, 0x8000
    xor di, di
    cld
    rep stosw
    mov si, packet
  again:
    mov ah, 0x43
    mov al, 0
    mov dl, 0x80
    int 0x13
    jc failed
    mov ax, ${WRITE_SECTORS}
    add [packet + 8], ax
    dec word [left]
    jnz again
    mov al, 21
    jmp leave
  failed:
    mov al, 22
  leave:
    mov dx, 0xf4
    out dx, al
    hlt
  left: dw ${WRITES}
  packet:
    db 16, 0
    dw ${WRITE_SECTORS}
    dw 0, 0x1000
    dd 0, 0
`

describe.skipIf(reason)('a host whose disk is full', () => {
  it.each(['raw', 'qcow2', 'vdi'])(
    'pauses the guest, which goes on when there is room (%s)',
    async (format) => {
      writeBootFloppy(join(folder, 'writer.img'), WRITER)
      const program = join(PROJECT, 'out/cli/index.js')
      const script = `
        mkdir -p cramped && mount -t tmpfs -o size=2m none cramped
        ${process.execPath} ${program} media create cramped/disk.${format} --size 4M --format ${format} > info
        head -c 1200000 /dev/zero > cramped/ballast
        ${process.execPath} ${program} run --accel jit --memory 4 --floppy writer.img,readonly \
          --disk cramped/disk.${format},format=${format} --boot floppy --debug-exit --timeout 60 2> said &
        for try in $(seq 100); do grep -q paused said && break; sleep 0.2; done
        rm cramped/ballast
        wait $!
        echo $? > status
        ${process.execPath} ${program} media convert cramped/disk.${format} disk.raw --force`
      const child = spawn('unshare', ['-rm', 'sh', '-c', script], { cwd: folder, stdio: 'inherit' })
      expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)

      expect((await readFile(join(folder, 'status'), 'utf8')).trim()).toBe('43')
      expect((await readFile(join(folder, 'said'), 'utf8')).split('\n')).toEqual([
        `vitrine: ${join('cramped', `disk.${format}`)}: no room is left on its disk; the guest is paused until there is room`,
        'vitrine: there is room again; the guest goes on',
        '',
      ])
      const disk = await readFile(join(folder, 'disk.raw'))
      expect(disk.subarray(0, WRITES * WRITE_SECTORS * 512).every((byte) => byte === 0x5a)).toBe(true)
    },
    120_000,
  )
})

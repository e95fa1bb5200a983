import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDiskImage } from './open-image.ts'

let folder = ''
let lockFolder = ''
let path = ''

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-test-'))
  lockFolder = join(folder, 'locks')
  path = join(folder, 'disk.img')
  fs.writeFileSync(path, new Uint8Array(512))
})

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const open = (readonly: boolean, at = path) => openDiskImage(at, { readonly, lockFolder })

it('lets one write or many read', () => {
  const writer = open(false)
  expect(() => open(false)).toThrow(/is being written/)
  expect(() => open(true)).toThrow(/is being written/)
  writer.close()

  const readers = [open(true), open(true)]
  expect(() => open(false)).toThrow(/is being read/)
  for (const reader of readers) reader.close()
  open(false).close()
  expect(fs.readdirSync(lockFolder)).toEqual([])
})

it('knows the file by any name', () => {
  const link = join(folder, 'link.img')
  fs.symlinkSync(path, link)
  const writer = open(false)
  expect(() => open(false, link)).toThrow(/is being written/)
  writer.close()
})

it('counts a reader of the base of ephemeral writes as a reader', () => {
  const image = openDiskImage(path, { ephemeral: true, lockFolder })
  open(true).close()
  expect(() => open(false)).toThrow(/is being read/)
  image.close()
})

/** Leaves the note that a process of this id and start time would have left. */
function leaveNote(mode: string, pid: number, start: string): void {
  const { dev, ino } = fs.statSync(path, { bigint: true })
  fs.mkdirSync(lockFolder, { recursive: true })
  fs.writeFileSync(join(lockFolder, `${dev}-${ino}.${mode}.${pid}.${start}.0`), '')
}

const startOf = (pid: number) =>
  fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? ''

it('respects a holder in another process and forgets it when that is killed', async () => {
  if (!fs.existsSync('/proc/self/stat')) return
  const holder = spawn('sleep', ['60'])
  const pid = holder.pid ?? 0
  leaveNote('exclusive', pid, startOf(pid))
  expect(() => open(true)).toThrow(`is being written by process ${pid}`)

  const ended = new Promise((resolve) => holder.once('exit', resolve))
  holder.kill('SIGKILL')
  await ended
  open(false).close()
  expect(fs.readdirSync(lockFolder)).toEqual([])
})

it('does not take a later process of the same id for the holder', () => {
  if (!fs.existsSync('/proc/self/stat')) return
  leaveNote('exclusive', process.ppid, '1')
  open(false).close()
})

it('leaves notes that another program reads', () => {
  const writer = open(false)
  const list = spawnSync('ls', [lockFolder], { encoding: 'utf8' })
  expect(list.stdout).toContain(`.exclusive.${process.pid}.`)
  writer.close()
})

it('lets readers in where no lock can be kept, but no writers', () => {
  fs.writeFileSync(lockFolder, 'a file where the folder should be')
  open(true).close()
  expect(() => open(false)).toThrow(/cannot be locked/)
})

import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const PROJECT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

/** Marks the place of the switches in Electron's program (electron/fuses). */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'
/** Version and number of switches, then each: on, as Electron ships most of them. */
const WIRE = [1, 9, ...'111111111'].map((value) => (typeof value === 'number' ? value : value.charCodeAt(0)))

let folder: string
let unpacked: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-desktop-'))
  // Stands in for Electron, which cannot be had everywhere: a program of its name with its switches in it.
  const dist = join(folder, 'electron')
  await mkdir(join(dist, 'resources'), { recursive: true })
  await writeFile(join(dist, 'electron'), Buffer.concat([Buffer.from(SENTINEL), Buffer.from(WIRE)]))
  await chmod(join(dist, 'electron'), 0o755)
  const { version } = JSON.parse(
    await readFile(join(PROJECT, 'node_modules', 'electron', 'package.json'), 'utf8'),
  ) as { version: string }
  await writeFile(join(dist, 'version'), version)
  const wish = [`-c.electronDist=${dist}`, `-c.directories.output=${join(folder, 'dist')}`]
  const config = join(PROJECT, 'electron-builder.config.mjs')
  await run('npx', ['electron-builder', '--linux', 'dir', '--config', config, ...wish], { cwd: PROJECT })
  unpacked = join(folder, 'dist', 'linux-unpacked')
}, 300_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the desktop application, packed', () => {
  it('has its programs in one archive', async () => {
    expect(await readdir(join(unpacked, 'resources'))).toContain('app.asar')
    const { stdout } = await run('npx', ['asar', 'list', join(unpacked, 'resources', 'app.asar')], {
      cwd: PROJECT,
      maxBuffer: 1 << 26,
    })
    const files = stdout.split('\n')
    for (const file of [
      '/package.json',
      '/out/main/index.js',
      '/out/main/vm-process.js',
      '/out/preload/index.cjs',
    ])
      expect(files).toContain(file)
    expect(files).toContain('/out/guests/diagnostic.img')
    expect(files).toContain('/node_modules/valibot/package.json')
    expect(files.filter((name) => name.endsWith('.map') && name.startsWith('/out'))).toEqual([])
    expect(files.filter((name) => /^\/(src-|engine|test|docs)/.test(name))).toEqual([])
  })

  it('has the switches off by which others could run code in it', async () => {
    const program = (await readdir(unpacked)).find((name) => /^vitrine$/i.test(name))
    const bytes = await readFile(join(unpacked, program!))
    const at = bytes.indexOf(SENTINEL) + SENTINEL.length + 2
    const [runAsNode, , nodeOptions, nodeInspect, asarIntegrity, onlyAsar] = bytes
      .subarray(at)
      .toString('latin1')
    expect({ runAsNode, nodeOptions, nodeInspect, asarIntegrity, onlyAsar }).toEqual({
      runAsNode: '0',
      nodeOptions: '0',
      nodeInspect: '0',
      asarIntegrity: '1',
      onlyAsar: '1',
    })
  })
})

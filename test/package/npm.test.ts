import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const PROJECT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

/** Why a package cannot be installed here, or null. */
async function unreachable(): Promise<string | null> {
  try {
    await run('npm', ['view', 'valibot@1.5.0', 'version', '--fetch-retries=0'], { timeout: 60_000 })
    return null
  } catch {
    return 'not on this machine: npm’s registry cannot be reached'
  }
}
const reason = await unreachable()
if (reason) process.stderr.write(`skipped: the package from npm: ${reason}\n`)

/** Ends with a byte to port F4h that makes the status 7. */
const END = [0xb0, 0x03, 0xe6, 0xf4, 0xf4]

describe.skipIf(reason)('the package for npm, installed in a clean folder', { timeout: 120_000 }, () => {
  let folder: string
  let installed: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vitrine-npm-'))
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: PROJECT })
    const packed = JSON.parse(stdout) as { filename: string }[] | Record<string, { filename: string }>
    const [{ filename } = { filename: '' }] = Object.values(packed)
    const clean = join(folder, 'clean')
    await mkdir(clean)
    await writeFile(join(clean, 'package.json'), '{"private": true}')
    await run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)], { cwd: clean })
    installed = join(clean, 'node_modules')
  }, 600_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const vitrine = () => join(installed, '.bin', 'vitrine')

  it('has what it needs to run, and nothing else', async () => {
    const content = await readdir(join(installed, 'vitrine'))
    expect(content.toSorted()).toEqual(['LICENSE', 'README.md', 'out', 'package.json'])
    const files = await readdir(join(installed, 'vitrine', 'out'), { recursive: true })
    expect(files).toContain(join('man', 'vitrine.1'))
    expect(files).toContain(join('guests', 'diagnostic.img'))
    expect(files.filter((name) => name.endsWith('.map'))).toEqual([])
    expect(await readdir(installed)).not.toContain('electron')
  })

  it('says its version', async () => {
    const { version } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as {
      version: string
    }
    expect((await run(vitrine(), ['--version'])).stdout.trim()).toBe(version)
  })

  it('runs a guest', async () => {
    const floppy = new Uint8Array(1_474_560)
    floppy.set(END)
    floppy.set([0x55, 0xaa], 510)
    await writeFile(join(folder, 'boot.img'), floppy)
    const args = ['run', '--floppy', join(folder, 'boot.img'), '--accel', 'jit', '--display', 'none']
    const ended = run(vitrine(), [...args, '--debug-exit', '--timeout', '60'])
    await expect(ended).rejects.toMatchObject({ code: 7 })
  })

  it('serves the manager', async () => {
    const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
    const server = spawn(vitrine(), ['serve', '--port', '0'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const address = await new Promise<string>((resolve, reject) => {
        let text = ''
        server.stdout.setEncoding('utf8').on('data', (part: string) => {
          text += part
          const found = /http:\S+/.exec(text)
          if (found) resolve(found[0])
        })
        server.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
      })
      const login = await fetch(address, { redirect: 'manual' })
      const cookie = login.headers.get('set-cookie')!.split(';')[0]!
      const page = await fetch(new URL('/', address), { headers: { cookie } })
      expect(page.status).toBe(200)
      const script = /src="([^"]+\.js)"/.exec(await page.text())![1]!
      expect((await fetch(new URL(script, address), { headers: { cookie } })).status).toBe(200)
      expect(await readdir(join(folder, 'library', 'machines'))).toEqual(['vitrine-diagnostics'])
    } finally {
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      await gone
    }
  })
})

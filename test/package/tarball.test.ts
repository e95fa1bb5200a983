import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const PROJECT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

let folder: string
/** As a user would have it: one folder with nothing else in it. */
let home: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-package-'))
  home = join(folder, 'home')
  await mkdir(home)
  // Else npm looks for a package in the folders above.
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  await run('npm', ['pack', '--pack-destination', folder], { cwd: PROJECT })
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', ['install', ...quiet, '--omit=optional', join(folder, tarball!)], { cwd: home })
}, 300_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

const program = () => join(home, 'node_modules', '.bin', 'vitrine')
const env = () => ({ ...process.env, VITRINE_HOME: join(folder, 'library') })
const vitrine = (...args: string[]) => run(program(), args, { cwd: home, env: env() })

describe('the npm package', () => {
  it('has what runs and nothing else', async () => {
    const inside = join(home, 'node_modules', 'vitrine')
    expect((await readdir(inside)).toSorted()).toEqual(['LICENSE', 'README.md', 'out', 'package.json'])
    const files = await readdir(join(inside, 'out'), { recursive: true })
    expect(files.filter((name) => /\.(map|ts)$/.test(name))).toEqual([])
    expect(await readFile(join(inside, 'out', 'man', 'vitrine.1'), 'utf8')).toContain('.TH VITRINE 1')
  })

  it('boots a guest', async () => {
    const image = join(home, 'node_modules', 'vitrine', 'out', 'guests', 'diagnostic.img')
    const steps = ['wait:[0-9]+ ok, +0 failed', 'text:screen.txt'].flatMap((step) => ['--do', step])
    await vitrine('run', '--accel', 'jit', '--floppy', image, '--timeout', '120', ...steps)
    expect(await readFile(join(home, 'screen.txt'), 'utf8')).toMatch(/\d+ ok, +0 failed/)
  })

  it('keeps a library and serves the manager', async () => {
    await vitrine('create', 'From the package', '--memory', '8')
    expect((await vitrine('list')).stdout).toContain('from-the-package\tFrom the package\toff')
    const server = spawn(program(), ['serve'], {
      cwd: home,
      env: env(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const login = await new Promise<string>((resolve, reject) => {
        server.stdout.setEncoding('utf8').on('data', (text: string) => {
          const found = /http:\S+/.exec(text)
          if (found) resolve(found[0])
        })
        server.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
      })
      const cookie = await new Promise<string>((resolve, reject) => {
        get(login, (response) => {
          response.resume()
          resolve(response.headers['set-cookie']![0]!.split(';')[0]!)
        }).on('error', reject)
      })
      const page = await fetch(new URL('/', login), { headers: { cookie } })
      expect([page.status, await page.text()]).toEqual([
        200,
        expect.stringContaining('<title>Vitrine</title>'),
      ])
    } finally {
      server.kill('SIGTERM')
      await new Promise((resolve) => server.once('exit', resolve))
    }
  })
})

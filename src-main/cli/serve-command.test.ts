import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isLoopback } from '../web/serve.ts'
import { WebHost } from '../web/web-host.ts'
import { createProgram } from './program.ts'

const OPENSSL = '/usr/bin/openssl'
if (!existsSync(OPENSSL)) process.stderr.write(`skipped: TLS of the web host: ${OPENSSL} is not installed\n`)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-serve-'))
})
afterEach(() => rm(folder, { recursive: true }))

const serve = async (...args: string[]): Promise<unknown> =>
  (await createProgram(() => {})).parseAsync(['node', 'vitrine', 'serve', ...args])

describe('vitrine serve', () => {
  it('listens for other computers only with TLS, or when told that it may do without', async () => {
    for (const address of ['0.0.0.0', '::', '192.0.2.1', 'vitrine.example'])
      await expect(serve('--host', address)).rejects.toThrow(/give --tls-cert and --tls-key, or --insecure/)
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].every(isLoopback)).toBe(true)
    expect(['127.evil.example', '0.0.0.0', '::', '10.0.0.1'].some(isLoopback)).toBe(false)
  })

  it('refuses keys that are missing or none, in one line', async () => {
    const none = join(folder, 'none.pem')
    await writeFile(join(folder, 'text.pem'), 'no key')
    const text = join(folder, 'text.pem')
    await expect(serve('--tls-cert', none)).rejects.toThrow('--tls-cert and --tls-key belong together')
    await expect(serve('--tls-cert', none, '--tls-key', text)).rejects.toThrow(/^--tls-cert .*ENOENT/)
    await expect(serve('--tls-cert', text, '--tls-key', text)).rejects.toThrow(
      /^--tls-cert .* with --tls-key /,
    )
  })

  it.skipIf(!existsSync(OPENSSL))('encrypts with the keys that it is given', async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const wish = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const made = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
    execFileSync(OPENSSL, ['req', ...wish, ...made, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    await writeFile(join(folder, 'index.html'), '<title>Vitrine</title>')
    const tls = { cert: await readFile(cert), key: await readFile(key) }
    const backend = {
      serve: () => {},
      viewSocket: () => null,
      exported: () => null,
      store: () => Promise.reject(new Error('no')),
    }
    const host = new WebHost(backend, { pages: folder, tls })
    try {
      await host.listen(0, '127.0.0.1', ['localhost'])
      const login = host.loginAddress()
      expect(login).toMatch(/^https:\/\/localhost:\d+\/login\?token=/)
      const cookie = await new Promise((resolve, reject) =>
        get(login, { ca: tls.cert }, ({ headers }) => resolve(headers['set-cookie']?.[0])).on(
          'error',
          reject,
        ),
      )
      expect(cookie).toMatch(/; Secure$/)
    } finally {
      host.close()
    }
  })
})

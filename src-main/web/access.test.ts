import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { Access } from './access.ts'

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage

function powerOn() {
  const time = { nowMs: 0 }
  const access = new Access(() => time.nowMs)
  access.bind(['127.0.0.1', 'localhost', '::1'], 8086)
  return { access, time }
}
const cookieOf = (header: string) => header.split(';')[0]!

describe('web access', () => {
  it('lets in whoever brings the token, once', () => {
    const { access } = powerOn()
    const token = access.issueToken()
    const header = access.login(token, 'a')!
    expect(header).toMatch(/^vitrine-8086=.+; HttpOnly; SameSite=Strict; Path=\/$/)
    expect(access.hasSession(request({ cookie: `x=1; ${cookieOf(header)}` }))).toBe(true)
    expect(access.login(token, 'a')).toBeNull()
  })

  it('keeps sessions of earlier browsers when another comes', () => {
    const { access } = powerOn()
    const first = access.login(access.issueToken(), 'a')!
    access.login(access.issueToken(), 'b')
    expect(access.hasSession(request({ cookie: cookieOf(first) }))).toBe(true)
  })

  it('refuses other tokens and cookies', () => {
    const { access } = powerOn()
    expect(access.login('', 'a')).toBeNull()
    const token = access.issueToken()
    expect(access.login(token.slice(1), 'a')).toBeNull()
    for (const cookie of ['vitrine-8086=', 'vitrine-8086=x', 'vitrine-8087=x', ''])
      expect(access.hasSession(request({ cookie }))).toBe(false)
  })

  it('looks at no more than ten tokens a minute from one source', () => {
    const { access, time } = powerOn()
    const token = access.issueToken()
    for (let n = 0; n < 10; n++) access.login('wrong', 'bad')
    expect(access.login(token, 'bad')).toBeNull()
    time.nowMs = 60_000
    expect(access.login(token, 'bad')).not.toBeNull()
  })

  it('answers to its own names only, and to pages of its own', () => {
    const { access } = powerOn()
    for (const host of ['127.0.0.1:8086', 'localhost:8086', '[::1]:8086']) {
      expect(access.isForUs(request({ host }))).toBe(true)
      expect(access.isFromUs(request({ host, origin: `http://${host}` }))).toBe(true)
    }
    for (const host of ['evil.example:8086', '127.0.0.1', '127.0.0.1:80', ''])
      expect(access.isForUs(request({ host }))).toBe(false)
    expect(access.isFromUs(request({ host: '127.0.0.1:8086', origin: 'http://evil.example' }))).toBe(false)
    expect(access.isFromUs(request({ host: '127.0.0.1:8086' }))).toBe(false)
  })
})
